"""Tuning of the performance model: settings judged with whole families left out."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.knowledge.tuning.performance_model import (
    MetricSettings,
    PastTable,
    left_out_regret,
    metric_space,
    tune_metric,
)


def planted(seed, tasks=24, configurations=25):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(tasks, 3)) @ rng.normal(size=(3, configurations))
    return PastTable(scores + 0.1 * rng.normal(size=scores.shape), tuple(f"f{task // 2}" for task in range(tasks)))


def test_left_out_regret_falls_with_trials():
    found = left_out_regret(planted(0), MetricSettings())
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=1) <= 0.0).all()
    assert found[:, -1].mean() < 0.5 * found[:, 0].mean()


def test_family_left_out_never_helps_itself():
    table = planted(1)
    twins = PastTable(np.concatenate([table.scores, table.scores]), tuple(map(str, range(24))) * 2)
    strangers = PastTable(twins.scores, tuple(map(str, range(48))))
    assert left_out_regret(twins, MetricSettings()).mean() > left_out_regret(strangers, MetricSettings()).mean()


def test_tuned_settings_are_never_worse_than_the_defaults():
    table = planted(2)
    found = tune_metric([table], trials=5)
    usual = left_out_regret(table, MetricSettings()).mean()
    assert found.study.trials[0].value == pytest.approx(usual)
    assert left_out_regret(table, found.settings).mean() <= usual + 1e-12


def test_slow_trials_come_later_where_seconds_are_known():
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


def test_families_count_alike_for_any_number_of_tasks():
    table = planted(4)
    many = PastTable(
        np.concatenate([table.scores, *[table.scores[:1]] * 10]), (*table.families, *[table.families[0]] * 10)
    )
    usual = left_out_regret(many, MetricSettings())
    of = np.array(many.families)
    expected = np.mean([usual[of == family].mean() for family in set(many.families)])
    assert tune_metric([many], trials=1).study.trials[0].value == pytest.approx(expected)


def test_tuning_refuses_a_single_family():
    with pytest.raises(InvalidInput, match="two families"):
        tune_metric([PastTable(np.ones((4, 3)), ("a",) * 4)])


@pytest.mark.parametrize("given", [{"rank": 100}, {"rank": 2}, {"tasks_per_factor": 12}, {"temper": 0.01}])
def test_default_of_the_settings_space_is_the_given_settings(given):
    settings = MetricSettings(**given)
    found = MetricSettings(**metric_space(settings).default)
    assert all(getattr(found, name) == pytest.approx(value) for name, value in given.items())


def test_settings_space_includes_a_valid_closeness():
    assert metric_space(MetricSettings(closeness=0.97)).default["closeness"] == 0.97


def test_tuning_refuses_too_few_tasks():
    rng = np.random.default_rng(0)
    with pytest.raises(InvalidInput, match="no table has 3 tasks beside a family left out"):
        tune_metric([PastTable(rng.random((4, 5)), ("a", "a", "b", "b"))])
