"""Neural metric: the rows that a network reads about past tasks and this one, and what follows from its quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from kernel_quantiles import KernelQuantiles
from seasoned.errors import InvalidInput
from seasoned.incontext.network import Network, init
from seasoned.incontext.settings import NetworkSettings
from seasoned.knowledge.performance_model.incontext import NeuralMetric
from seasoned.knowledge.performance_model.model import fit_metric

NONE, NO_SCORES = np.array([], dtype=np.intp), np.array([])
N = 40
X = np.linspace(0.0, 1.0, N)[:, None]
ORDERED = np.array([False])


def two_kinds(tasks=20):
    """Tasks of other medians and gaps; even ones want a small x, odd ones a large x."""
    rng = np.random.default_rng(0)
    curves = np.where(np.arange(tasks)[:, None] % 2 == 0, X[:, 0], 1.0 - X[:, 0]) + 0.02 * rng.normal(size=(tasks, N))
    return rng.normal(size=(tasks, 1)) + rng.uniform(0.5, 2.0, (tasks, 1)) * curves


def metric_of(scores, unit=X, categorical=ORDERED, most_rows=512):
    network = KernelQuantiles()
    return NeuralMetric.of(scores, unit, categorical, network=network, most_rows=most_rows), network


def test_trials_find_the_past_tasks_that_are_alike():
    """Trials at both ends of x say which kind the task is; the order between them comes from past tasks."""
    metric, _ = metric_of(two_kinds())
    rows, between = np.array([2, 37]), np.arange(10, 30)
    for sign in (1.0, -1.0):
        truth = 5.0 + sign * X[:, 0]
        belief = metric.condition(rows, truth[rows])
        assert spearmanr(belief.mean(between), truth[between]).statistic > 0.9


def test_weights_of_past_tasks_decide_the_predictions_without_trials():
    metric, _ = metric_of(two_kinds())
    for kind in (0, 1):
        weights = np.where(np.arange(20) % 2 == kind, 1.0, 0.1)
        belief = metric.condition(NONE, NO_SCORES, weights=weights)
        assert spearmanr(belief.mean(np.arange(N)), X[:, 0]).statistic * (1 - 2 * kind) > 0.9
        assert abs(int(belief.expected_gain(np.arange(N)).argmax()) - (N - 1) * kind) < 8


def test_without_trials_and_weights_all_past_tasks_count_alike():
    metric, network = metric_of(two_kinds()[::2], most_rows=60)
    belief = metric.condition(NONE, NO_SCORES)
    (read, y, _) = network.contexts[0]
    assert read.shape == (60, 2), "similarity and mark are constant, so that the network does not read them"
    assert abs(int(belief.mean(np.arange(N)).argmin())) < 4
    assert y.min() < -0.8, "good scores are in the context"
    assert y.max() > 0.3, "poor scores are, too"


def test_one_row_of_each_of_many_tasks_is_another_rank_in_each():
    metric, network = metric_of(two_kinds(200), most_rows=64)
    metric.condition(NONE, NO_SCORES)
    (_, y, _) = network.contexts[0]
    every = np.quantile(metric.z, [0.1, 0.5, 0.9])
    assert np.quantile(y, [0.1, 0.5, 0.9]) == pytest.approx(every, abs=0.1)


def test_own_trials_override_past_tasks():
    metric, _ = metric_of(np.tile(X[:, 0], (6, 1)) + 0.02 * np.random.default_rng(1).normal(size=(6, N)))
    rows = np.arange(0, N, 4)
    belief = metric.condition(rows, 1.0 - X[rows, 0])
    assert spearmanr(belief.mean(rows), X[rows, 0]).statistic < -0.9
    before = metric.condition(NONE, NO_SCORES)
    assert spearmanr(before.mean(rows), X[rows, 0]).statistic > 0.9


def test_predictions_ignore_units_of_the_scores():
    scores, rows = two_kinds(), np.array([2, 37, 20])
    one = metric_of(scores)[0].condition(rows, scores[0, rows]).mean(np.arange(N))
    other = metric_of(100.0 * scores - 7.0)[0].condition(rows, 100.0 * scores[0, rows] - 7.0).mean(np.arange(N))
    assert other == pytest.approx(one, abs=1e-4)


def test_scores_of_trials_are_on_the_scale_of_the_past_tasks():
    """A task like a past one: the trials' scaled scores are near those of the past task."""
    scores = two_kinds()
    metric, network = metric_of(scores[1:])
    rows = np.arange(0, N, 3)
    metric.condition(rows, scores[0, rows])
    (read, y, _) = network.contexts[0]
    truth = metric_of(scores)[0].z[0, rows]
    own = read[:, -1] == 1.0
    assert np.sort(y[own]) == pytest.approx(np.sort(truth), abs=0.3)


def test_the_context_is_limited_and_holds_all_trials_and_mostly_tasks_that_are_alike():
    scores = two_kinds(200)
    metric, network = metric_of(scores, most_rows=64)
    rows = np.arange(0, N, 2)
    metric.condition(rows, scores[0, rows])
    (read, y, categorical) = network.contexts[0]
    assert read.shape == (64, 4)
    assert categorical.tolist() == [False, False, False, True]
    own = read[:, 3] == 1.0
    assert sorted(read[own, 0]) == X[rows, 0].tolist()
    assert (read[own, 2] == 1.0).all()
    x, z = read[~own, 0], y[~own]
    alike = (x < 0.4) & (z < 0.0) | (x > 0.6) & (z > 0.0)  # cells of even tasks, as this one
    opposed = (x < 0.4) & (z > 0.0) | (x > 0.6) & (z < 0.0)
    assert alike.sum() > 4 * opposed.sum()


def test_of_more_trials_than_the_limit_the_context_holds_an_even_share():
    scores = two_kinds()
    metric, network = metric_of(scores, most_rows=10)
    metric.condition(np.arange(N), scores[0])
    (read, _, _) = network.contexts[0]
    assert read.shape == (10, 2), "only the coordinate and the mean of past tasks vary"
    assert np.diff(np.sort(read[:, 0])).max() < 0.25


def test_no_evaluation_is_in_the_context_twice_and_short_tasks_leave_rows_to_others():
    scores = two_kinds(4)
    scores[0, 3:] = np.nan
    metric, network = metric_of(scores, most_rows=100)
    metric.condition(NONE, NO_SCORES, weights=np.array([1.0, 0.02, 0.02, 0.02]))
    (read, y, _) = network.contexts[0]
    assert len(read) == 100
    assert len(np.unique(np.column_stack([read, y]), axis=0)) == 100
    assert (read[:, 2] == 1.0).sum() == 3


def test_rows_have_the_weighted_mean_of_the_other_past_tasks():
    scores = np.array([[0.0, 1.0, 2.0], [4.0, 2.0, 0.0], [0.0, np.nan, 2.0]])  # z: -1 0 1 and log 2 for 1
    metric, network = metric_of(scores, X[[0, 20, 39]])
    belief = metric.condition(NONE, NO_SCORES, weights=np.array([0.5, 0.25, 0.25]))
    worse = np.log(2.0)
    assert belief.means == pytest.approx([-0.75 + worse / 4, 0.0, worse * 3 / 4 - 0.25], abs=1e-9)
    (read, y, _) = network.contexts[0]
    assert metric.z[2] == pytest.approx([-1.0, np.nan, worse], nan_ok=True)
    of_second = np.flatnonzero((read[:, 0] == 0.0) & (y > 0.0))
    assert read[of_second, 1] == pytest.approx([-1.0])


def test_past_tasks_of_weight_zero_are_left_out():
    metric, network = metric_of(two_kinds(4))
    metric.condition(NONE, NO_SCORES, weights=np.array([1.0, 0.0, 0.0, 0.0]))
    metric.condition(np.array([3]), np.array([1.0]), weights=np.array([1.0, 0.0, 0.0, 0.0]))
    assert [len(read) for read, _, _ in network.contexts] == [N, N + 1]


def test_inactive_coordinates_and_categories_reach_the_network():
    rng = np.random.default_rng(2)
    branch = np.arange(N) % 2
    unit = np.column_stack([(branch + 0.5) / 2, np.where(branch == 1, rng.random(N), np.nan)])
    scores = np.where(branch == 1, unit[:, 1], 0.5) + 0.01 * rng.normal(size=(5, N))
    metric, network = metric_of(scores, unit, np.array([True, False]))
    belief = metric.condition(np.array([0]), np.array([0.5]))
    (read, _, categorical) = network.contexts[0]
    assert categorical.tolist()[:2] == [True, False]
    assert (np.isnan(read[:, 1]) == (read[:, 0] < 0.5)).all()
    on = np.flatnonzero(branch)
    queries = np.array([on[np.argmin(unit[on, 1])], 2, on[np.argmax(unit[on, 1])]])
    assert (np.diff(belief.mean(queries)) > 0.2).all()


def test_configurations_without_a_score_are_predicted_from_their_coordinates():
    scores = two_kinds()[::2]
    scores[:, 10:14] = np.nan
    metric, _ = metric_of(scores)
    belief = metric.condition(np.array([11, 30]), X[[11, 30], 0])
    assert belief.mean(np.array([0, 12, 39])).argsort().tolist() == [0, 1, 2]


def test_expected_gain_is_about_the_best_trial():
    scores = two_kinds()
    metric, _ = metric_of(scores)
    few = metric.condition(np.array([20, 30]), scores[0, [20, 30]]).expected_gain(np.arange(N))
    good = metric.condition(np.array([0, 20, 30]), scores[0, [0, 20, 30]]).expected_gain(np.arange(N))
    assert (few > 0.0).all()
    assert few[0] > 0.5 > few[39]
    assert good[0] < 0.2, "the best of this kind of task has been tried"


def test_the_neural_metric_serves_where_the_learned_metric_does():
    scores = two_kinds()
    rows, columns = np.array([3, 36]), np.arange(5, 30)
    for metric in (fit_metric(scores), metric_of(scores)[0]):
        belief = metric.condition(rows, scores[0, rows], weights=np.ones(20))
        found = belief.standardised(columns)
        assert found.mean == pytest.approx(belief.mean(columns))
        assert (found.std > 0.0).all()
        assert belief.expected_gain(columns).shape == found.mean.shape == (25,)
        assert spearmanr(found.mean, scores[0, columns]).statistic > 0.8


def test_the_same_trials_give_the_same_predictions():
    scores, rows = two_kinds(), np.array([5, 25])
    found = [
        metric_of(scores, most_rows=50)[0].condition(rows, scores[3, rows]).predict(np.arange(N)).values.tolist()
        for _ in "ab"
    ]
    assert found[0] == found[1]


def test_a_network_is_read_from_its_file(tmp_path):
    sizes = NetworkSettings(width=16, layers=1, hidden=16, cell_width=8)
    network = Network(sizes, init(np.random.default_rng(0), sizes), card={})
    network.save(tmp_path / "network.npz")
    scores, rows = two_kinds(6), np.array([0, 39])
    metric = NeuralMetric.of(scores, X, ORDERED, network=tmp_path / "network.npz", most_rows=32)
    values = metric.condition(rows, scores[0, rows]).predict(np.arange(N)).values
    assert values.shape == (N, 99)
    assert np.isfinite(values).all()
    assert np.isfinite(metric.condition(NONE, NO_SCORES).expected_gain(np.arange(N))).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"scores": np.zeros((0, N))}, "at least one task"),
        ({"scores": np.zeros((3, N + 1))}, r"scores have shape \(3, 41\)"),
        ({"categorical": np.zeros(2, dtype=bool)}, r"categorical \(2,\)"),
        ({"scores": np.full((2, N), np.nan)}, "task 0 has no score"),
        ({"most_rows": 0}, "most_rows is 0"),
    ],
)
def test_input_that_makes_no_metric_is_refused(change, says):
    words = {"scores": two_kinds(3), "unit": X, "categorical": ORDERED, "network": KernelQuantiles(), **change}
    with pytest.raises(InvalidInput, match=says):
        NeuralMetric.of(
            words["scores"],
            words["unit"],
            words["categorical"],
            network=words["network"],
            most_rows=words.get("most_rows", 8),
        )


@pytest.mark.parametrize("scores", [[1.0], [1.0, np.inf]])
def test_trials_without_one_finite_score_each_are_refused(scores):
    metric, _ = metric_of(two_kinds(3))
    with pytest.raises(InvalidInput, match="one finite score per row"):
        metric.condition(np.array([0, 1]), np.array(scores))
