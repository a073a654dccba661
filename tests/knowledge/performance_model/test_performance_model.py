"""Performance model: forecasts, intervals and expected gains on planted tasks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from past_studies import scored_study
from seasoned.errors import InvalidInput
from seasoned.knowledge import Experience
from seasoned.knowledge.advice.portfolio import greedy
from seasoned.knowledge.performance_model.model import fit_metric
from seasoned.knowledge.performance_model.regret import compress, levels_of, regret, standardise
from seasoned.knowledge.performance_model.settings import MetricSettings


def planted(seed, tasks=120, configurations=40, rank=3, noise=0.15):
    rng = np.random.default_rng(seed)
    table = 0.5 * rng.normal(size=configurations) + rng.normal(size=(tasks, rank)) @ rng.normal(
        size=(rank, configurations)
    )
    table += noise * rng.normal(size=table.shape)
    return rng.uniform(0.2, 0.6, (tasks, 1)) + rng.uniform(0.02, 0.1, (tasks, 1)) * table


@pytest.fixture(scope="module")
def world():
    table = planted(0)
    return fit_metric(table[:100]), table[:100], table[100:]


EVERY = np.arange(40)
NOTHING = np.array([], dtype=np.intp)


def test_first_choice_without_trials_is_that_of_the_portfolio(world):
    metric, past, _ = world
    gains = metric.condition(NOTHING, np.array([])).expected_gain(EVERY)
    assert np.argmax(gains) == greedy(regret(past, levels_of(past)), 1).members[0]
    assert gains.max() == pytest.approx(1.0 - greedy(regret(past, levels_of(past)), 1).expected[0])


def test_stopped_trials_are_poor_and_add_no_expected_gain(world):
    """On thirty tasks all that is above their 60th percentile was stopped there."""
    _, past, _ = world
    bar = np.quantile(past, 0.6, axis=1, keepdims=True)
    poor = past > bar
    poor[30:] = False
    told = np.where(poor, bar, past)
    metric = fit_metric(told, stopped=poor)
    assert not metric.known[poor].any()
    assert (metric.reached.T[poor] == 0.0).all()
    assert metric.level.median == pytest.approx(levels_of(past).median)
    holes = fit_metric(np.where(poor, np.nan, past))  # as if they had never been tried: the median sinks to the best
    assert (holes.level.median[:30] < metric.level.median[:30]).all()
    truth = compress(standardise(past, levels_of(past)))
    errors = [np.abs(one.factors.completed - truth)[:30].mean() for one in (metric, holes)]
    assert errors[0] < 0.5 * errors[1]
    with pytest.raises(InvalidInput, match="configuration 3 was never evaluated"):
        fit_metric(past, stopped=np.arange(40) == np.full((100, 1), 3))


def test_trials_teach_the_order_of_untried_configurations(world):
    metric, _, new = world
    rows = np.array([0, 7, 13, 22, 31])
    others = np.setdiff1d(EVERY, rows)
    blind = metric.condition(NOTHING, np.array([])).standardised(others).mean
    before = [spearmanr(blind, task[others]).statistic for task in new]
    after = [
        spearmanr(metric.condition(rows, task[rows]).standardised(others).mean, task[others]).statistic for task in new
    ]
    assert np.mean(after) > 0.85
    assert np.mean(after) > np.mean(before) + 0.3


def test_intervals_of_untried_configurations_have_their_coverage(world):
    metric, _, new = world
    rows = np.array([0, 7, 13, 22, 31])
    others = np.setdiff1d(EVERY, rows)
    inside = []
    for task, z in zip(new, compress(standardise(new, levels_of(new))), strict=True):
        belief = metric.condition(rows, task[rows]).standardised(others)
        inside.append(np.abs(z[others] - belief.mean) < 1.2816 * belief.std)
    assert 0.7 < np.mean(inside) < 0.92  # 80% wanted; 20 tasks share their level's error


def test_expected_gain_finds_good_ones_sooner_than_a_fixed_portfolio(world):
    metric, past, new = world
    members = list(greedy(regret(past, levels_of(past)), 6).members)
    regrets = regret(new, levels_of(new))
    ours = []
    for task, losses in zip(new, regrets, strict=True):
        rows = []
        for _ in range(6):
            belief = metric.condition(np.array(rows, dtype=np.intp), task[rows])
            rows.append(int(np.argmax(np.where(np.isin(EVERY, rows), -1.0, belief.expected_gain(EVERY)))))
        ours.append(losses[rows].min())
    assert np.mean(ours) < 0.8 * regrets[:, members].min(axis=1).mean()


def test_weights_of_past_tasks_decide_the_first_choice(world):
    metric, past, _ = world
    only = np.zeros(100)
    only[17] = 1.0
    belief = metric.condition(NOTHING, np.array([]), weights=only)
    assert np.argmax(belief.expected_gain(EVERY)) == np.argmin(past[17])


def test_promising_configurations_were_best_on_some_task(world):
    metric, past, _ = world
    assert set(metric.promising(1)) == set(np.argmin(past, axis=1))
    assert set(metric.promising(40)) == set(EVERY)


def test_promising_configurations_were_tried_on_their_task():
    table = planted(1, tasks=4, configurations=12)
    table[3, [10, 11]] -= 10.0
    table[:3] = np.where(np.arange(12) == 5, table[:3], np.nan)
    assert fit_metric(table).promising(2).tolist() == [5, 10, 11]


def test_missing_scores_add_no_expected_gain():
    table = planted(1)
    table[:, 5] = np.nan
    table[3, 5] = np.nanmin(table[3]) - 0.5  # the best ever on one task, unknown elsewhere
    metric = fit_metric(table)
    gain = metric.condition(NOTHING, np.array([])).expected_gain(np.array([5]))
    assert gain[0] <= 1.0 / len(table) + 1e-9


def test_forecast_ignores_units_of_the_scores(world):
    _, past, new = world
    one, other = fit_metric(past), fit_metric(1000.0 * past + 5.0)
    rows = np.array([2, 9, 21])
    first = one.condition(rows, new[0, rows]).standardised(EVERY)
    second = other.condition(rows, 1000.0 * new[0, rows] + 5.0).standardised(EVERY)
    assert first.mean == pytest.approx(second.mean, abs=1e-6)


@pytest.mark.parametrize(
    ("table", "words"),
    [(np.ones((2, 3)), "3"), (np.where(np.arange(3) == 1, np.nan, np.ones((4, 3))), "configuration 1")],
)
def test_too_few_tasks_and_unevaluated_configurations_are_refused(table, words):
    with pytest.raises(InvalidInput, match=words):
        fit_metric(table)


def test_trials_without_one_finite_score_each_are_refused(world):
    with pytest.raises(InvalidInput, match="finite"):
        world[0].condition(np.array([1]), np.array([np.nan]))
    with pytest.raises(InvalidInput, match="one"):
        world[0].condition(np.array([1, 2]), np.array([1.0]))


def test_tasks_with_equal_scores_make_no_nan():
    metric = fit_metric(np.array([[0.0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 1, 1]]))
    belief = metric.condition(np.array([0]), np.array([0.5]))
    assert np.isfinite(belief.expected_gain(np.arange(3))).all()
    assert np.isfinite(metric.level.gap).all()
    assert metric.level.gap.min() > 0.1


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan])
def test_infinite_scores_count_as_missing(odd):
    scores = np.array([[0, 0, 0, odd], [1, 2, 3, 4], [4, 3, 2, 1], [2, 1, 4, 3.0]])
    belief = fit_metric(scores).condition(np.array([1]), np.array([1.5]))
    assert np.isfinite(belief.expected_gain(np.arange(4))).all()
    assert np.isfinite(levels_of(scores).gap).all()
    stored = Experience.of_studies([scored_study(scores=(0.1, odd, 0.3))])
    assert np.isnan(stored.scores).tolist() == [False, True, False]


def test_forecast_of_standardised_scores_ignores_their_unit():
    raw = np.random.default_rng(0).normal(size=(40, 12)).cumsum(axis=1)
    scores = standardise(raw, levels_of(raw))  # of every task the median is 0 and the gap 1
    metric = fit_metric(scores)
    for unit in (1.0, 1e-9, 1e9):
        belief = fit_metric(unit * scores).condition(np.array([3]), unit * scores[0, [3]])
        expected = metric.condition(np.array([3]), scores[0, [3]])
        np.testing.assert_allclose(belief.mean(np.arange(12)), expected.mean(np.arange(12)), rtol=1e-5)


@pytest.mark.parametrize("text", ["{}", "nonsense", '{"metric": {"rank": 0}}', '{"metric": {"other": 1}}'])
def test_settings_of_invalid_text_are_refused(text):
    with pytest.raises(InvalidInput):
        MetricSettings.of_text(text)
