"""Settings of the learned metric and of deep kernels: tuned with whole families left out, never made worse."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.knowledge.performance_model.settings import MetricSettings
from seasoned.knowledge.tuning.performance_model import PastTable, left_out_regret, tune_metric


def planted(seed, tasks=24, configurations=25):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(tasks, 3)) @ rng.normal(size=(3, configurations))
    return PastTable(scores + 0.1 * rng.normal(size=scores.shape), tuple(f"f{task // 2}" for task in range(tasks)))


def test_regrets_fall_with_trials():
    found = left_out_regret(planted(0), MetricSettings())
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=1) <= 0.0).all()
    assert found[:, -1].mean() < 0.5 * found[:, 0].mean()


def test_a_family_never_helps_itself():
    table = planted(1)
    twins = PastTable(np.concatenate([table.scores, table.scores]), tuple(map(str, range(24))) * 2)
    strangers = PastTable(twins.scores, tuple(map(str, range(48))))
    assert left_out_regret(twins, MetricSettings()).mean() > left_out_regret(strangers, MetricSettings()).mean()


def test_what_is_tuned_is_never_worse_than_the_defaults():
    table = planted(2)
    found = tune_metric([table], trials=5)
    usual = left_out_regret(table, MetricSettings()).mean()
    assert found.study.trials[0].value == pytest.approx(usual)
    assert left_out_regret(table, found.settings).mean() <= usual + 1e-12


def test_where_seconds_are_known_slow_trials_come_later():
    """The best half of the configurations takes a hundred times as long: by the clock the others are tried first."""
    table = planted(3)
    slow = np.argsort(table.scores.mean(axis=0))[: table.scores.shape[1] // 2]
    seconds = np.full(table.scores.shape, 0.2)
    timed = PastTable(table.scores, table.families, seconds)
    found = left_out_regret(timed, MetricSettings())
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=1) <= 0.0).all()
    seconds = seconds.copy()
    seconds[:, slow] = 20.0
    later = left_out_regret(PastTable(table.scores, table.families, seconds), MetricSettings())
    assert found[:, 0].mean() < later[:, 0].mean() < 1.0, "some that are quick have been tried"
    never = left_out_regret(PastTable(table.scores, table.families, np.full_like(seconds, 30.0)), MetricSettings())
    assert (never == 1.0).all()


def test_families_count_alike_however_many_tasks_they_have():
    table = planted(4)
    many = PastTable(
        np.concatenate([table.scores, *[table.scores[:1]] * 10]), (*table.families, *[table.families[0]] * 10)
    )
    usual = left_out_regret(many, MetricSettings())
    of = np.array(many.families)
    expected = np.mean([usual[of == family].mean() for family in set(many.families)])
    assert tune_metric([many], trials=1).study.trials[0].value == pytest.approx(expected)


def test_one_family_is_too_few():
    with pytest.raises(InvalidInput, match="two families"):
        tune_metric([PastTable(np.ones((4, 3)), ("a",) * 4)])


@pytest.mark.parametrize("text", ["{}", "nonsense", '{"metric": {"rank": 0}}', '{"metric": {"other": 1}}'])
def test_settings_that_are_none_are_refused(text):
    with pytest.raises(InvalidInput):
        MetricSettings.of_text(text)


@pytest.mark.slow
def test_a_deep_kernel_is_tuned_by_what_it_has_not_seen():
    from seasoned.knowledge.transfer.deep_kernel_settings import DeepSettings
    from seasoned.knowledge.transfer.warm_starts import Evaluations
    from seasoned.knowledge.tuning.deep_kernel import left_out_likelihood, tune_deep_kernel

    rng = np.random.default_rng(0)
    tasks = []
    for _ in range(9):
        points = rng.random((40, 3))
        tasks.append(Evaluations(points, np.cos(6 * points[:, 0] + rng.uniform(0, 6))))
    families = [f"f{place // 3}" for place in range(9)]
    small = DeepSettings(hidden=(8,), outputs=2, steps=250)
    longer = left_out_likelihood(tasks, families, small)
    assert longer < left_out_likelihood(tasks, families, DeepSettings(hidden=(8,), outputs=2, steps=1))
    found = tune_deep_kernel(tasks, families, trials=2, default=small)
    assert found.study.best.value <= longer + 1e-9
    with pytest.raises(InvalidInput, match="families"):
        tune_deep_kernel(tasks, ["one"] * 9, default=small)
