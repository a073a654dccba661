"""Out-of-fold predictions of the ensemble members: row samples and their weights."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold

from in_process import estimator
from messy import messy
from seasoned import AutoClassifier, SearchSettings, load
from seasoned.tabular.ensemble import member_predictions
from three_families import MODELS, fit


def test_extra_rows_of_rare_classes_keep_their_share_of_the_weight(monkeypatch):
    monkeypatch.setattr(member_predictions, "MAX_ROWS", 100)
    rng = np.random.default_rng(0)
    y = np.concatenate([np.zeros(900, np.int64), np.arange(100, dtype=np.int64) % 20 + 1])
    p = rng.dirichlet(np.ones(21), 1_000)
    records = SimpleNamespace(out_of_fold=lambda _: p)
    data = SimpleNamespace(
        target=y, weights=None, together=None, known_rows=lambda: np.arange(1_000), fold_of_rows=lambda: y % 3
    )
    objective = SimpleNamespace(
        job=SimpleNamespace(seed=0), metric=SimpleNamespace(n_classes=21), data=data, records=records
    )
    monkeypatch.setattr(member_predictions, "MIN_ROWS", 100)
    found = member_predictions.pool_out_of_fold(objective, [SimpleNamespace(name="a", config={}, weight=1.0)])
    rare = found.truth > 0
    assert rare.mean() > 0.3, "five rows of each class are there"
    assert found.mass[rare].sum() / found.mass.sum() == pytest.approx(0.1)
    assert found.drawn


def test_out_of_fold_predictions_come_from_models_without_the_row(here, tmp_path):
    X, y = messy("regression", rows=160)
    pairs = list(KFold(4, shuffle=True, random_state=1).split(X))
    search = SearchSettings(models=["linear"])
    model = estimator("regression", ("linear",), validation=pairs, search=search).fit(X, y)
    assert model.out_of_fold_.shape == (160,)
    (member,) = model.fitted_.members
    for train, valid in pairs:
        alone = estimator(
            "regression", ("linear",), search=SearchSettings(models=["linear"], starts=[{"linear": member.config}])
        )
        alone.fit(X.iloc[train], y.iloc[train])
        near = np.corrcoef(alone.predict(X.iloc[valid]), model.out_of_fold_[valid])[0, 1]
        assert near > 0.95
    assert np.sqrt(np.mean((model.out_of_fold_ - y) ** 2)) == pytest.approx(model.validation_score_)
    assert not np.allclose(model.out_of_fold_, model.predict(X)), "which had seen them"
    model.save(tmp_path / "m.seasoned")
    assert load(tmp_path / "m.seasoned").out_of_fold_ is None


def test_out_of_fold_predictions_cover_the_rows_that_fit_received(here):
    X, y = messy("binary", rows=160)
    y = pd.Series(np.asarray(y), dtype="str")
    y.iloc[::7] = np.nan
    model = estimator("binary", MODELS).fit(X, y)
    there = y.notna().to_numpy()
    assert np.isnan(model.out_of_fold_[~there]).all()
    np.testing.assert_allclose(model.out_of_fold_[there].sum(axis=1), 1.0, atol=1e-5)
    assert roc_auc_score(y[there], model.out_of_fold_[there, 1]) == pytest.approx(model.validation_score_, abs=1e-5)
    holdout = [(np.arange(100), np.arange(100, 160))]
    held = estimator("binary", MODELS, validation=holdout).fit(*messy("binary", rows=160))
    assert np.isnan(held.out_of_fold_[:100]).all()
    assert np.isfinite(held.out_of_fold_[100:]).all()
    assert model.refit(X[there], y[there]).out_of_fold_ is None


def test_out_of_fold_predictions_of_very_many_rows_are_not_stored(here, monkeypatch):
    monkeypatch.setattr(member_predictions, "MAX_USER_VALUES", 100)
    assert fit("binary")[0].out_of_fold_ is None
    monkeypatch.setattr(member_predictions, "MAX_USER_VALUES", 10**6)
    monkeypatch.setattr(member_predictions, "MAX_MEMBER_VALUES", 50)
    model = fit("binary")[0]
    assert np.isfinite(model.out_of_fold_).all(), "put together part by part"
    assert isinstance(model, AutoClassifier)
