"""Pools of the members: what they learn, when one is taken, and what becomes of it in a fit and in a bundle."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from in_process import estimator, stay_in_process
from seasoned import SearchSettings, load
from seasoned.tabular.ensemble.member_predictions import cross_fit_parts
from seasoned.tabular.fit import refit_table
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.postprocessing.out_of_fold import OutOfFold
from seasoned.tabular.postprocessing.pooling import OpinionPool, choose_blend, fit_logarithmic_pool
from seasoned.tabular.postprocessing.postprocessor import choose_postprocessor

HALF = np.array([0.5, 0.5])
LOG_LOSS = resolve("log_loss", "multiclass", 3)


def softmax(z):
    shares = np.exp(z - z.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def witnesses(n, k=3, members=2, seed=0):
    """Members that each say rightly how sure they are, of evidence that is independent: it adds up."""
    rng = np.random.default_rng(seed)
    y = rng.integers(k, size=n)
    seen = 1.5 * np.eye(k)[y][:, None] + rng.normal(size=(n, members, k))
    return softmax(1.5 * seen), y


def numbers(n, seed=0):
    """One member that is nearly right, one that knows little, both half as large as they should be."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n)
    return np.stack([0.5 * y + 0.1 * rng.normal(size=n), 0.5 * y + rng.normal(size=n)], axis=1), y + 1.0


def pooled(each, y, weights=None, shares=HALF):
    mean = np.einsum("m,nm...->n...", shares, each)
    return OutOfFold(np.arange(len(y)), y, mean, weights, np.arange(len(y)) % 5, each.astype(np.float32), shares)


def applied(found, each):
    return found.apply(np.moveaxis(each, 1, 0))


def test_of_two_classes_it_is_logistic_regression_on_the_members_logits():
    each, y = witnesses(20_000, k=2)
    logits = np.log(each[:, :, 1] / each[:, :, 0])
    reference = LogisticRegression(C=1e10).fit(logits, y)
    found = fit_logarithmic_pool(each, y, None, HALF)
    np.testing.assert_allclose(found.slopes, reference.coef_[0], atol=0.01)
    np.testing.assert_allclose(applied(found, each), reference.predict_proba(logits), atol=5e-3)


def test_few_rows_say_little():
    near, far = (
        np.abs(np.array(fit_logarithmic_pool(*witnesses(n), None, HALF).slopes) - HALF).max() for n in (4, 20_000)
    )
    assert near < 0.5 * far


def test_a_row_of_weight_two_counts_as_two():
    each, y = witnesses(1_500)
    twice = np.where(np.arange(1_500) < 500, 2.0, 1.0)
    rows = np.repeat(np.arange(1_500), twice.astype(int))
    weighted = fit_logarithmic_pool(each, y, twice, HALF)
    repeated = fit_logarithmic_pool(each[rows], y[rows], None, HALF)
    np.testing.assert_allclose(weighted.slopes, repeated.slopes, atol=0.02)  # pulls are in rows


def test_rows_without_an_error_do_not_make_it_certain():
    y = np.arange(300) % 3
    each = np.repeat(softmax(4.0 * np.eye(3)[y])[:, None], 2, axis=1)
    sure = applied(fit_logarithmic_pool(each, y, None, HALF), each)[np.arange(300), y]
    assert 1 - sure.mean() > 0.3 / 300


def test_what_a_member_is_certain_of_is_no_infinity():
    each, y = witnesses(500)
    each[:100, 0] = np.eye(3)[y[:100]]
    each[100, 0] = np.eye(3)[(y[100] + 1) % 3]
    found = applied(fit_logarithmic_pool(each, y, None, HALF), each)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_it_is_taken_where_it_helps_and_the_gain_is_cross_fitted():
    each, y = witnesses(8_000)
    found = choose_blend(pooled(each, y), LOG_LOSS)
    assert found.after < found.before == pytest.approx(LOG_LOSS.loss(y, each.mean(axis=1)), rel=1e-5)
    assert found.after == pytest.approx(LOG_LOSS.loss(y, found.predicted))
    fresh, labels = witnesses(20_000, seed=1)
    assert LOG_LOSS.loss(labels, applied(found.blend, fresh)) == pytest.approx(found.after, rel=0.06)


def test_what_looks_worse_by_more_than_chance_is_not_taken():
    """Two witnesses in 4 of the parts, who in the fifth say the opposite: pooled as the others say, they lose."""
    each, y = witnesses(2_000)
    fifth = np.arange(2_000) % 5 == 4
    each[fifth] = each[fifth][:, :, [1, 2, 0]]
    sure = each**3 / (each**3).sum(axis=2, keepdims=True)
    mean = np.full((2_000, 3), 1 / 3)
    assert choose_blend(replace(pooled(sure, y), predicted=mean), LOG_LOSS) is None


@pytest.mark.parametrize("name", ["roc_auc_ovr", "accuracy", "balanced_accuracy"])
def test_metrics_of_order_and_labels_have_the_average(name):
    assert choose_blend(pooled(*witnesses(500)), resolve(name, "multiclass", 3)) is None


def test_without_several_members_rows_or_classes_there_is_nothing_to_learn():
    each, y = witnesses(500)
    some = pooled(each, y)
    assert choose_blend(replace(some, each=None, shares=None), LOG_LOSS) is None
    assert choose_blend(pooled(each[:, :1], y, shares=np.ones(1)), LOG_LOSS) is None
    assert choose_blend(pooled(each[:40], y[:40]), LOG_LOSS) is None
    assert choose_blend(pooled(each[y < 2], y[y < 2]), LOG_LOSS) is None
    assert choose_blend(pooled(*numbers(500)), resolve("rmse", "regression", 0)) is None


def test_a_pool_is_no_calibration_twice_and_none_where_none_is_wanted():
    some = pooled(*witnesses(3_000))
    finish, after, loss = choose_postprocessor(some, LOG_LOSS, 0, calibrate=None)
    assert finish.blend is not None
    assert finish.calibration is None
    assert loss == pytest.approx(finish.blended[1]) == pytest.approx(LOG_LOSS.loss(after.truth, after.predicted))
    assert "a logarithmic pool" in finish.sentences(LOG_LOSS, np.arange(3))[0]
    assert choose_postprocessor(some, LOG_LOSS, 0, calibrate=False).postprocessor.blend is None
    both = choose_postprocessor(some, LOG_LOSS, 0, calibrate=True)
    assert both.postprocessor.blend == finish.blend
    assert both.postprocessor.calibration is not None
    assert both.postprocessor.calibrated[0] == pytest.approx(both.postprocessor.blended[1])
    assert len(both.postprocessor.sentences(LOG_LOSS, np.arange(3))) == 2


def test_with_hundreds_of_classes_there_is_no_pool():
    """So many would take long, and a row in five would be too few for each of its numbers."""
    rng = np.random.default_rng(0)
    y = np.arange(1_200) % 400
    each = rng.dirichlet(np.ones(400), size=(1_200, 3))
    assert choose_blend(pooled(each, y, shares=np.full(3, 1 / 3)), resolve("log_loss", "multiclass", 400)) is None


@pytest.mark.parametrize("folds", [1, 3])
def test_what_is_learned_for_rows_is_learned_from_other_groups_and_folds(folds):
    rng = np.random.default_rng(0)
    together = rng.integers(12, size=300)
    fold_of = together % folds
    parts = cross_fit_parts(fold_of, together, rng)
    assert 2 < len(np.unique(parts)) <= 5
    assert all(len(np.unique(parts[together == group])) == 1 for group in range(12))
    assert (
        len(np.unique(cross_fit_parts(fold_of * 0, np.zeros(300, dtype=np.int64), rng))) == 5
    )  # one group: rows are parted
    assert len(np.unique(cross_fit_parts(fold_of * 0, None, rng))) == 5


def test_pools_survive_as_text_bit_by_bit():
    each, y = witnesses(500)
    found = fit_logarithmic_pool(each, y, None, HALF)
    again = OpinionPool.from_json(json.loads(json.dumps(found.to_json())), 2, 3)
    assert again == found
    np.testing.assert_array_equal(applied(again, each), applied(found, each))
    for members, classes in ((3, 3), (2, 5), (2, 0)):
        with pytest.raises(ValueError, match="pool"):
            OpinionPool.from_json(found.to_json(), members, classes)
    for forged in ({"slopes": [np.nan, 0.5]}, {"biases": [np.inf] * 3}):
        with pytest.raises(ValueError, match="pool"):
            OpinionPool.from_json({**found.to_json(), **forged}, 2, 3)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)


def half_and_half(n=1_200):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 8))
    return X, 0.5 * X[:, :6].sum(axis=1) + 1.5 * (X[:, 6] * X[:, 7] > 0) + 0.3 * rng.normal(size=n)


def test_a_whole_fit_pools_says_so_and_the_bundle_gives_the_same_bits(here, tmp_path):
    """Half of the signal is for a line, half for trees: neither is right alone."""
    X, y = half_and_half()
    y = np.digitize(y, [0.0, 1.2])
    search = SearchSettings(models=["linear", "lightgbm"], folds=3)
    model = estimator("classification", metric="log_loss", search=search, trials=2).fit(X[:800], y[:800])
    fitted = model.fitted_
    assert fitted.postprocessor.blend is not None
    assert len(fitted.members) > 1
    assert "combined by" in fitted.sentences[0]
    assert fitted.validated.loss == pytest.approx(fitted.postprocessor.blended[1])
    averaged = replace(fitted, postprocessor=type(fitted.postprocessor)())
    metric = fitted.metric
    assert metric.loss(y[800:], fitted.predict(X[800:])) < 1.02 * metric.loss(y[800:], averaged.predict(X[800:]))
    model.save(tmp_path / "model.seasoned")
    again = load(tmp_path / "model.seasoned")
    np.testing.assert_array_equal(again.fitted_.predict(X), fitted.predict(X))
    assert again.fitted_.postprocessor == fitted.postprocessor
    assert again.leaderboard().attrs["finish"] == fitted.sentences
    np.testing.assert_array_equal(fitted.alone(1).predict(X), fitted.predict_each(X)[1])


def test_a_refit_without_one_of_the_members_averages_the_others(here, monkeypatch, caplog):
    X, y = half_and_half()
    y = np.digitize(y, [0.0, 1.2])
    search = SearchSettings(models=["linear", "lightgbm"], folds=3)
    model = estimator("classification", metric="log_loss", search=search, trials=2).fit(X, y)
    assert len(model.fitted_.members) == 2
    pool = OpinionPool((0.7, 0.4), (0.1, 0.0, 0.0))
    model.fitted_ = replace(model.fitted_, postprocessor=replace(model.fitted_.postprocessor, blend=pool))
    assert model.refit(X, y).fitted_.postprocessor.blend == pool
    whole = refit_table.fit_in_time
    monkeypatch.setattr(refit_table, "fit_in_time", lambda *a, **k: {1: whole(*a, **k)[1]})
    left = model.refit(X, y).fitted_
    assert left.postprocessor.blend is None
    assert "no longer pooled" in caplog.text
    np.testing.assert_allclose(left.predict(X), left.predict_each(X)[0])


def test_copies_of_a_row_that_belong_together_say_no_more_than_the_row():
    rng = np.random.default_rng(0)
    gain, weights = rng.normal(size=60), rng.gamma(2.0, size=60)
    one = OutOfFold(np.arange(60), gain, gain, weights, np.arange(60) % 5)
    place = np.repeat(np.arange(60), 7)
    many = OutOfFold(place, gain[place], gain[place], weights[place], place % 5, groups=place)
    mean = float(np.average(gain, weights=weights))
    assert many.error_of(gain[place], mean) == pytest.approx(one.error_of(gain, mean))
    assert many.worth == pytest.approx(one.worth)
    free = replace(many, groups=None)
    assert free.error_of(gain[place], mean) == pytest.approx(one.error_of(gain, mean) / np.sqrt(7))
    assert free.worth == pytest.approx(7 * one.worth)
