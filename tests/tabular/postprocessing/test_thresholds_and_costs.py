"""Labels from probabilities: costs, thresholds, weights of classes; how they are found, obeyed, stored."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference
from sklearn.metrics import f1_score

from in_process import estimator, stay_in_process
from seasoned import AutoClassifier, AutoRegressor, Metric, load
from seasoned.cli.tables.prediction_table import prediction_table
from seasoned.errors import InvalidInput
from seasoned.tabular.ensemble import finalize
from seasoned.tabular.metrics.decision_rule import Decision, cost_matrix, costs_from_plain, costs_to_plain
from seasoned.tabular.metrics.registry import metric_key, resolve
from seasoned.tabular.metrics.vectorized import TUNABLE, best_cut, counts_of, losses_of
from seasoned.tabular.postprocessing import choose_threshold
from seasoned.tabular.postprocessing.choose_threshold import choose_decision, searched
from seasoned.tabular.postprocessing.out_of_fold import OutOfFold

ILL = np.array(["ill", "well"])


def probabilities(n, k, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(k), n)


def test_the_lowest_expected_cost_wins():
    costs = np.random.default_rng(1).normal(size=(4, 4))
    p = probabilities(200, 4)
    expected = [min(range(4), key=lambda j, row=row: sum(row[i] * costs[i, j] for i in range(4))) for row in p]
    assert Decision(costs).codes(p).tolist() == expected


@pytest.mark.parametrize("positive", [0, 1])
def test_thresholds_and_weights_are_costs(positive):
    p = probabilities(500, 2)
    for cut in (0.05, 0.5, 0.9):
        decision = Decision.at(cut, positive)
        np.testing.assert_array_equal(decision.codes(p) == positive, p[:, positive] > cut)
        at = np.full(2, cut)
        at[1 - positive] = 1.0 - cut
        assert decision.codes(at[None]) == 1 - positive, "above it, and not at it"
        assert decision.threshold(positive) == pytest.approx(cut)
    p, weights = probabilities(500, 5), np.array([1.0, 3.0, 0.2, 1.0, 8.0])
    np.testing.assert_array_equal(Decision.weighing(weights).codes(p), np.argmax(p * weights, axis=1))
    assert Decision.weighing(weights).threshold() is None
    np.testing.assert_array_equal(Decision(1 - np.eye(5)).codes(p), np.argmax(p, axis=1))


def test_a_decision_survives_as_text_and_a_forged_one_does_not():
    decision = Decision(np.array([[0.0, 0.1], [0.7, 0.0]]), given=True)
    again = Decision.from_json(json.loads(json.dumps(decision.to_json())), 2)
    np.testing.assert_array_equal(again.costs, decision.costs)
    assert again.given
    for forged in ([[0, 1]], [[0, float("nan")], [1, 0]], [[0, 1e300], [1, 0]], [[0, 1, 2], [1, 0, 2], [1, 1, 1]]):
        with pytest.raises(ValueError, match="another model"):
            Decision.from_json({"costs": forged, "given": False}, 2)


@pytest.mark.parametrize("scorer", ["f1", "balanced_accuracy", "matthews_corrcoef", "kappa"])
def test_the_best_cut_is_the_best_of_all(scorer):
    rng = np.random.default_rng(2)
    scores, positive = np.round(rng.random(60), 1), rng.random(60) < 0.3
    mass = rng.gamma(2.0, size=60)
    function = {
        "f1": reference.f1_score,
        "balanced_accuracy": reference.balanced_accuracy_score,
        "matthews_corrcoef": reference.matthews_corrcoef,
        "kappa": reference.cohen_kappa_score,
    }[scorer]
    cut, score = best_cut(scores, positive, mass, counts_of(scorer))
    assert score == pytest.approx(function(positive, scores > cut, sample_weight=mass))
    for other in np.linspace(0, 1, 50):
        assert function(positive, scores > other, sample_weight=mass) <= score + 1e-9


@pytest.mark.parametrize(
    ("scorer", "expected"),
    [("f1_macro", 0.95 / 1.95), ("f1_weighted", 0.95 * 1.9 / 1.95), ("jaccard_weighted", 0.95**2)],
)
def test_that_no_row_is_positive_can_be_the_best(scorer, expected):
    positive = np.arange(1_000) < 50
    cut, score = best_cut(np.full(1_000, 0.05), positive, np.ones(1_000), counts_of(scorer))
    assert cut > 0.05
    assert score == pytest.approx(expected)


def test_models_are_compared_at_the_best_threshold_of_each():
    rng = np.random.default_rng(3)
    y = (rng.random(400) < 0.05).astype(int)
    for name in ("f1", "balanced_accuracy", "kappa"):
        metric = searched(resolve(name, "binary", 2))
        assert metric.at_best_cut
        stack = rng.random((3, 400, 1)) * np.array([0.3, 0.2]) + y[:, None] * np.array([0.0, 0.1])
        stack = np.concatenate([1 - stack[..., 1:], stack[..., 1:]], axis=2)
        weight = rng.gamma(1.0, size=400)
        for w in (None, weight):
            np.testing.assert_allclose(losses_of(stack, y, metric, weight=w), [metric.loss(y, p, w) for p in stack])
        assert metric.loss(y, stack[0]) < resolve(name, "binary", 2).loss(y, stack[0])
    assert not searched(resolve("accuracy", "binary", 2)).at_best_cut
    assert not searched(resolve("balanced_accuracy", "multiclass", 3)).at_best_cut


def rare(n, seed=0, share=0.08):
    """Calibrated probabilities of a rare class."""
    rng = np.random.default_rng(seed)
    p = rng.beta(share * 3, (1 - share) * 3, n)
    y = (rng.random(n) < p).astype(int)
    return np.column_stack([1 - p, p]), y


def pooled(p, y, weights=None):
    return OutOfFold(np.arange(len(y)), y, p, weights, np.arange(len(y)) % 5)


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("name", ["f1", "balanced_accuracy", "matthews"])
def test_a_threshold_is_found_that_holds_on_fresh_rows(name, positive):
    p, y = rare(4_000)
    fresh, labels = rare(20_000, seed=1)
    if positive == 0:
        p, y, fresh, labels = p[:, ::-1], 1 - y, fresh[:, ::-1], 1 - labels
    metric = resolve(Metric(name, positive=positive), "binary", 2)
    found = choose_decision(pooled(p, y), metric, 0)
    cut = found.decision.threshold(positive)
    assert cut < 0.4
    plain, decided = (
        metric.score(metric.loss(labels, np.eye(2)[codes]))
        for codes in (fresh.argmax(axis=1), found.decision.codes(fresh))
    )
    assert decided > plain
    assert -found.after == pytest.approx(decided, abs=0.05)


def test_weights_of_classes_are_found_for_more_than_two():
    rng = np.random.default_rng(4)
    p = rng.dirichlet([6.0, 1.0, 0.5], 5_000)
    y = np.minimum((p.cumsum(axis=1) < rng.random((5_000, 1))).sum(axis=1), 2)
    for name in ("balanced_accuracy", "f1_macro"):
        found = choose_decision(pooled(p, y), resolve(name, "multiclass", 3), 0)
        assert found.decision is not None
        assert found.after < found.before


def guesses(rows, k, seed=0):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(k), rng.integers(0, k, rows - k)])
    return y, [np.where(rng.random(rows) < right, y, rng.integers(0, k, rows)) for right in (0.5, 0.6)]


def test_many_classes_are_resampled_in_parts_with_the_same_result(monkeypatch):
    y, codes = guesses(500, 30)
    metric, sizes = resolve("f1", "multiclass", 30), []

    def score(confusion):
        sizes.append(confusion.size)
        return counts_of(metric.scorer)(confusion)

    given = pooled(np.full((500, 30), 1 / 30), y), codes, metric, score, 0
    whole = choose_threshold.standard_error(*given)
    assert whole > 0
    assert max(sizes) == 200 * 30**2
    monkeypatch.setattr(choose_threshold, "MAX_MATRIX_CELLS", 7 * 30**2 + 1)
    sizes.clear()
    assert choose_threshold.standard_error(*given) == pytest.approx(whole, rel=1e-12)
    assert max(sizes) == 7 * 30**2


def test_rows_that_hardly_count_make_no_gain_certain():
    y, codes = guesses(4_000, 2)
    metric = resolve("balanced_accuracy", "binary", 2)
    given = metric, counts_of(metric.scorer), 0
    mass = np.where(np.arange(4_000) < 100, 1.0, 1e-6)
    p = np.full((4_000, 2), 0.5)
    few = choose_threshold.standard_error(pooled(p[:100], y[:100]), [found[:100] for found in codes], *given)
    assert choose_threshold.standard_error(pooled(p, y, mass), codes, *given) == pytest.approx(few, rel=0.1)
    assert choose_threshold.standard_error(pooled(p, y), codes, *given) < few / 4
    alike = replace(pooled(p, y), groups=np.arange(4_000) // 40)  # a hundred groups
    assert choose_threshold.standard_error(alike, codes, *given) > 4 * choose_threshold.standard_error(
        pooled(p, y), codes, *given
    )


@pytest.mark.parametrize("name", ["f1", "jaccard"])
def test_labels_of_few_positives_follow_from_a_lower_threshold(name):
    found = choose_decision(pooled(*rare(3_000)), resolve(name, "binary", 2), 0)
    assert found.decision is not None
    assert found.after < found.before


def test_what_gains_nothing_is_left_alone():
    rng = np.random.default_rng(5)
    p = rng.random(500)
    y = (rng.random(500) < p).astype(int)
    metric = resolve("balanced_accuracy", "binary", 2)  # one half is the best threshold already
    kept = [choose_decision(pooled(np.column_stack([1 - p, p]), y), metric, seed).decision for seed in range(5)]
    assert kept == [None] * 5
    for name in ("accuracy", "precision", "recall", "roc_auc", "log_loss"):
        assert resolve(name, "binary", 2).scorer not in TUNABLE
        assert choose_decision(pooled(*rare(300)), resolve(name, "binary", 2), 0) is None


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ([[0, 1], [5, 0]], [[0, 1], [5, 0]]),
        ({("ill", "well"): 20}, [[0, 20], [1, 0]]),
        ({("ill", "ill"): -3, ("well", "ill"): 2}, [[-3, 1], [2, 0]]),
        (np.array([[0.0, 1.0], [2.0, 0.0]]), [[0, 1], [2, 0]]),
        (pd.DataFrame({"a": [0, 4], "b": [1, 0]}).to_numpy(), [[0, 1], [4, 0]]),
    ],
)
def test_costs_as_people_give_them(costs, expected):
    np.testing.assert_array_equal(cost_matrix(costs, ILL), expected)
    plain = json.loads(json.dumps(costs_to_plain(costs)))
    np.testing.assert_array_equal(cost_matrix(costs_from_plain(plain), ILL), expected)


@pytest.mark.parametrize(
    ("costs", "sentence"),
    [
        (3, "costs is 3; pass"),
        ([[0, 1]], "shape"),
        ([[0, 1], [float("nan"), 0]], "not finite"),
        ([[0, "much"], [1, 0]], "'much' is no number"),
        ({("sick", "well"): 1}, "'sick', which is no class"),
        ({"ill": 1}, "the key 'ill'"),
        ([[0, 0], [1, 0]], "'well' is never worse"),
    ],
)
def test_costs_that_are_none(costs, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        cost_matrix(costs, ILL)


def test_costs_belong_to_the_metric_cost():
    for wrong in ({"metric": "cost"}, {"metric": "f1", "costs": [[0, 1], [1, 0]]}):
        with pytest.raises(InvalidInput, match="costs"):
            Metric(**wrong)
    with pytest.raises(InvalidInput, match="for classes"):
        resolve(Metric("cost", costs=[[0, 1], [1, 0]]), "regression", 0)
    keys = {metric_key(Metric("cost", costs=[[0, 1], [cost, 0]])) for cost in (1, 2)}
    assert len(keys) == 2


def test_the_cost_is_the_mean_of_what_is_decided():
    metric = resolve(Metric("cost", costs={("ill", "well"): 9}), "binary", 2, ILL)
    p, y = probabilities(300, 2), np.random.default_rng(6).integers(0, 2, 300)
    weight = np.random.default_rng(7).gamma(1.0, size=300)
    codes = (p[:, 1] > 0.9).astype(int)
    expected = np.where(y == codes, 0.0, np.where(y == 0, 9.0, 1.0))
    assert metric.loss(y, p) == pytest.approx(expected.mean())
    assert metric.loss(y, p, weight) == pytest.approx(np.average(expected, weights=weight))
    np.testing.assert_allclose(losses_of(p[None], y, metric, weight=weight), metric.loss(y, p, weight))
    assert metric.score(0.25) == 0.25


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)


def patients(n=900, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"])
    p = 1 / (1 + np.exp(2.5 - 1.5 * X["a"]))
    return X, np.where(rng.random(n) < p, "ill", "well")


@pytest.mark.parametrize("metric", [Metric("f1", positive="ill"), Metric("cost", costs={("ill", "well"): 20})])
def test_a_whole_fit_predicts_by_it_scores_by_it_and_stores_it(here, tmp_path, metric):
    X, y = patients()
    model = estimator("classification", metric=metric).fit(X, y)
    fresh, truth = patients(4_000, seed=1)
    p, decision = model.predict_proba(fresh), model.fitted_.postprocessor.decision
    assert decision.given == (metric.costs is not None)
    cut = decision.threshold(0)
    assert cut < 0.45
    predicted = model.predict(fresh)
    np.testing.assert_array_equal(predicted == "ill", p[:, 0] > cut)
    np.testing.assert_array_equal(prediction_table(model, fresh)["prediction"], predicted)
    if metric.costs is None:
        expected = reference.f1_score(truth, predicted, pos_label="ill")
        assert expected > reference.f1_score(truth, model.classes_[p.argmax(axis=1)], pos_label="ill")
    else:
        expected = -np.where(truth == predicted, 0, np.where(truth == "ill", 20, 1)).mean()
    assert model.score(fresh, truth) == pytest.approx(expected)
    model.save(tmp_path / "model.seasoned")
    again = load(tmp_path / "model.seasoned")
    np.testing.assert_array_equal(again.predict(fresh), predicted)
    assert again.score(fresh, truth) == model.score(fresh, truth)
    assert metric_key(again.get_params()["metric"]) == metric_key(metric)


def test_costs_decide_even_where_nothing_is_known_of_validation(here, monkeypatch):
    monkeypatch.setattr(finalize, "pool_out_of_fold", lambda *_, **__: None)
    X, y = patients(60)
    model = estimator("classification", metric=Metric("cost", costs={("ill", "well"): 1000})).fit(X, y)
    assert model.fitted_.validated is None
    assert set(model.predict(X)) == {"ill"}


def test_metrics_of_order_keep_the_most_probable_label(here):
    X, y = patients(300)
    model = estimator("classification").fit(X, y)
    assert model.fitted_.postprocessor.decision is None
    np.testing.assert_array_equal(model.predict(X), model.classes_[model.predict_proba(X).argmax(axis=1)])


def test_a_metric_may_be_given_to_the_constructors():
    assert AutoClassifier(Metric("cost", costs=[[0, 1], [1, 0]])).metric.costs == [[0, 1], [1, 0]]
    assert AutoRegressor("quantile@0.9").metric == "quantile@0.9"


def test_with_a_lost_metric_it_is_not_known_what_other_labels_reached():
    metric = resolve(lambda y, predicted: float(np.mean(y == predicted)), "binary", 2)
    assert metric.of_labels
    assert replace(metric, function=None).of_labels, "it may have judged labels"


@pytest.mark.parametrize("scores", [[0.0] * 6 + [0.9] * 2, [0.0] * 8, [0.0, 0.2, 0.0, 0.4, 0.4, 0.4, 0.7, 0.0]])
def test_the_best_threshold_reaches_the_score_that_it_reports(scores):
    truth, scores = np.array([1, 1, 1, 1, 1, 0, 1, 1], bool), np.array(scores)
    cut, promised = best_cut(scores, truth, np.ones(8), counts_of("f1"))
    assert promised == pytest.approx(f1_score(truth, scores > cut))
