"""Penalties down their gradient: the gradient is right, the fits are scikit-learn's, and each column gets its own."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from seasoned.errors import InvalidInput
from seasoned.metagrad.bilevel.joint_steps import Data
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.linear.adaptive import AdaptiveLinear, PenalisedLinear
from seasoned.tabular.models.linear.penalty_softmax import SoftmaxFit, SoftmaxFolds, probabilities
from seasoned.tabular.models.linear.penalty_tuning import (
    RidgeFolds,
    levels_together,
    ridge,
    shared_penalty,
    tune_penalties,
)
from seasoned.tabular.safe_files import npz

CLASSES = (0, 2, 3)  # 0: regression


def table(classes, rows=240, columns=6, seed=0):
    """Two columns matter, the others do not."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, columns))
    signal = 2 * X[:, 0] - X[:, 1] + rng.normal(size=rows)
    y = np.digitize(signal, [-0.5, 1.0][: classes - 1]) if classes else signal
    return X, y


def folds_of(rows, count=4):
    place = np.arange(rows) % count
    return [(np.flatnonzero(place != fold), np.flatnonzero(place == fold)) for fold in range(count)]


def problem(classes, **given):
    X, y = table(classes, **given)
    folds = folds_of(len(y))
    return SoftmaxFolds.of(X, y, classes, folds) if classes else RidgeFolds.of(X, y, folds)


@pytest.mark.parametrize("classes", CLASSES)
def test_the_hypergradient_is_the_slope_of_the_held_out_loss(classes):
    folds, rho = problem(classes), np.array([0.0, 1.0, 2.0, -1.0, 3.0, 0.5])
    for _ in range(4):  # warm starts bring the fits to their optimum
        found = folds.loss_and_gradients(rho)[1].sum(axis=0)
    slope = [(folds.loss(rho + 0.03 * step) - folds.loss(rho - 0.03 * step)) / 0.06 for step in np.eye(6)]
    np.testing.assert_allclose(found, slope, atol=0.02 * np.abs(slope).max())


def test_the_ridge_hypergradient_is_exact():
    folds, rho = problem(0), np.linspace(-2, 3, 6)
    found = folds.loss_and_gradients(rho)[1].sum(axis=0)
    slope = [(folds.loss(rho + 1e-4 * step) - folds.loss(rho - 1e-4 * step)) / 2e-4 for step in np.eye(6)]
    np.testing.assert_allclose(found, slope, rtol=1e-5, atol=1e-7)


def test_the_ridge_loss_is_that_of_fits_to_the_folds():
    X, y = table(0)
    rho = np.linspace(-1, 4, 6)
    squares = 0.0
    for train, held in folds_of(len(y)):
        weights = ridge(X[train], y[train], rho)[:, 0]
        squares += ((y[held] - X[held] @ weights[:-1] - weights[-1]) ** 2).sum()
    assert problem(0).loss(rho) == pytest.approx(0.5 * len(y) * np.log(squares / len(y)))


def test_targets_that_are_all_alike_ask_for_no_other_penalty():
    X, folds = np.random.default_rng(0).normal(size=(40, 3)), [(np.arange(20), np.arange(20, 40))]
    loss, slopes = RidgeFolds.of(X, np.full(40, 7.0), folds).loss_and_gradients(np.zeros(3))
    assert np.isfinite(loss)
    np.testing.assert_array_equal(slopes, np.zeros((1, 3)))


def test_one_penalty_is_scikit_learns_ridge():
    X, y = table(0)
    weights = ridge(X, y, np.full(6, np.log(3.0)))[:, 0]
    reference = Ridge(alpha=3.0).fit(X, y)
    np.testing.assert_allclose(weights, [*reference.coef_, reference.intercept_], rtol=1e-8)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("penalty", [0.01, 1.0, 300.0])
def test_one_penalty_is_scikit_learns_logistic_regression(classes, penalty):
    X, y = table(classes)
    weights = SoftmaxFit.of(X, y, classes).move(np.full(6, np.log(penalty)))
    found = probabilities(X @ weights[:-1] + weights[-1])
    reference = LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=2000).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(found, reference[:, 1:] if classes == 2 else reference, atol=2e-3)


@pytest.mark.parametrize("classes", CLASSES)
def test_a_row_of_weight_three_is_three_rows(classes):
    X, y = table(classes)
    count = 1 + 2 * (np.arange(len(y)) % 4 == 0)
    again, rho = np.repeat(np.arange(len(y)), count), np.linspace(-1, 3, 6)
    folds = [
        (np.flatnonzero(np.arange(len(y)) % 2 == part), np.flatnonzero(np.arange(len(y)) % 2 != part))
        for part in (0, 1)
    ]
    longer = [tuple(np.flatnonzero(np.isin(again, rows)) for rows in fold) for fold in folds]
    if classes:
        weighted = SoftmaxFolds.of(X, y, classes, folds, count.astype(float))
        repeated = SoftmaxFolds.of(X[again], y[again], classes, longer)
    else:
        weighted, repeated = RidgeFolds.of(X, y, folds, count.astype(float)), RidgeFolds.of(X[again], y[again], longer)
        np.testing.assert_allclose(ridge(X, y, rho, count), ridge(X[again], y[again], rho), atol=1e-8)
    (a, slope), (b, expected) = weighted.loss_and_gradients(rho), repeated.loss_and_gradients(rho)
    if not classes:  # a Gaussian's likelihood counts rows, and weights are 1 on average
        slope, expected = slope / weighted.rows, expected / repeated.rows
        a, b = a / weighted.rows + 0.5 * np.log(weighted.rows), b / repeated.rows + 0.5 * np.log(repeated.rows)
    assert a == pytest.approx(b, rel=1e-4)
    np.testing.assert_allclose(slope, expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("classes", CLASSES)
def test_columns_that_say_nothing_get_the_larger_penalties(classes):
    tuned = tune_penalties(problem(classes, rows=400), np.arange(6), spread=5.0)
    assert tuned.rho[:2].max() < tuned.rho[2:].min()
    assert tuned.loss < tuned.common_loss


@pytest.mark.parametrize("classes", CLASSES)
def test_without_spread_there_is_one_penalty(classes):
    folds = problem(classes)
    tuned = tune_penalties(folds, np.arange(6), spread=0.0)
    assert np.ptp(tuned.rho) == 0
    assert tuned.loss <= folds.loss(np.full(6, shared_penalty(folds, 6)[0])) + 1e-3


def test_a_small_spread_stays_near_the_common_penalty():
    wide, narrow = (tune_penalties(problem(0, rows=400), np.arange(6), spread=spread) for spread in (5.0, 0.5))
    assert np.ptp(narrow.rho) < 0.2 * np.ptp(wide.rho)


def test_a_deadline_in_the_past_still_gives_penalties():
    tuned = tune_penalties(problem(2), np.arange(6), spread=1.0, deadline=time.monotonic() - 1)
    assert np.isfinite(tuned.rho).all()
    assert np.isfinite(tuned.loss)


def test_levels_of_a_category_share_a_penalty():
    level = np.eye(3)[[0, 1, 2, 1, 0, 2]]
    number = np.linspace(0, 1, 6)[:, None]
    other = np.eye(2)[[0, 1, 1, 0, 1, 0]]
    flag = np.array([1.0, 1, 0, 0, 1, 1])[:, None]
    X = np.hstack([number, level, other, flag, number])
    assert levels_together(X).tolist() == [0, 1, 1, 1, 2, 2, 3, 4]
    assert levels_together(np.zeros((3, 0))).tolist() == []


@pytest.mark.parametrize("classes", CLASSES)
def test_own_penalties_predict_new_rows_better_where_few_columns_matter(classes):
    """Of five tables with 40 columns, 2 of which matter, at least four are won (by chance: less than one in five)."""
    wins = 0
    for seed in range(5):
        X, y = table(classes, rows=700, columns=40, seed=seed)
        losses = []
        for spread in (0.0, 1.5):
            model = PenalisedLinear(classes, spread)
            model.fit(X[:120], y[:120])
            if classes:
                losses.append(-np.log(model.predict_proba(X[120:])[np.arange(580), y[120:]]).mean())
            else:
                losses.append(((model.predict(X[120:]) - y[120:]) ** 2).mean())
        wins += losses[1] < losses[0]
    assert wins >= 4


def test_rows_of_one_class_and_few_rows():
    X = np.arange(8.0).reshape(4, 2)
    one = PenalisedLinear(3)
    one.fit(X, np.array([2, 2, 2, 2]))
    assert one.predict_proba(X).tolist() == [[1.0]] * 4
    assert one.classes_.tolist() == [2]
    for rows in (1, 2, 3):
        few = PenalisedLinear(0)
        few.fit(X[:rows], np.arange(rows, dtype=float))
        assert np.isfinite(few.predict(X)).all()


def test_another_width_is_an_error():
    X, y = table(0)
    model = PenalisedLinear(0)
    model.fit(X, y)
    with pytest.raises(InvalidInput, match="X has 5 columns, and the model was fitted on 6"):
        model.predict(X[:, :5])


def test_forged_files_are_refused():
    family = AdaptiveLinear()
    estimator = family.build(family.space("multiclass").default, Job("multiclass", 3, 0))
    estimator.fit(*table(3))
    good = {"weights": estimator.weights, "classes": np.array([0, 1, 2, 3]), "target": np.array([0.0, 1.0])}
    assert family.load(npz.dump(good)).classes_.tolist() == [0, 1, 2]
    for change in (
        {"weights": good["weights"][:, :2]},
        {"weights": good["weights"][:0]},
        {"weights": good["weights"] * np.nan},
        {"classes": np.array([0, 2, 1, 3])},
        {"classes": np.array([0, 1, 5, 3])},
        {"classes": np.array([-1, 1, 2, 3])},
        {"classes": np.array([], dtype=np.int64)},
        {"classes": np.array([0, 1, 2, 0])},
        {"target": np.array([0.0])},
    ):
        with pytest.raises(InvalidInput):
            family.load(npz.dump({**good, **change}))


def test_weights_count_in_what_judges_a_joint_training():
    rows, weight = np.ones((20, 3), np.float32), np.arange(1.0, 21.0)
    held = np.array([19, 3, 7])
    known = np.asarray(Data.of(rows, np.arange(20) % 2, np.zeros(20, np.int64), held, weight).known)
    np.testing.assert_allclose(known[:3], np.array([20, 4, 8]) / 32, rtol=1e-6)
    assert not known[3:].any()
    even = np.asarray(Data.of(rows, np.arange(20) % 2, np.zeros(20, np.int64), held).known)
    np.testing.assert_allclose(even[:3], 1 / 3, rtol=1e-6)


def test_level_groups_include_a_first_column_without_ones():
    X = np.array([[0.0, 1.0, 0.3], [0.0, 0.0, 0.1]])
    assert levels_together(X).tolist() == [0, 0, 1]
    assert levels_together(X[:, :1]).tolist() == [0]
