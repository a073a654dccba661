"""Comparison of rules for the weights of an ensemble."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import ensemble_weights


@pytest.fixture
def models():
    """Six models of two classes with different noise."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=240)
    shares = [1 / (1 + np.exp(-(y - 0.5) - rng.normal(scale=1 + 0.3 * k, size=240))) for k in range(6)]
    return np.stack([np.stack([1 - share, share], axis=1) for share in shares]), y


def test_weights_of_each_rule_have_the_sum_one(models):
    found = ensemble_weights.rules(*models, seed=0)
    assert list(found) == ["auc", "log loss", "mean", "bagged", "mean, ten", "bagged, ten"]
    for weights in found.values():
        assert sum(weights.values()) == pytest.approx(1.0)


def test_rows_that_choose_give_no_loss(models):
    predictions, y = models
    losses = ensemble_weights.judged(predictions, y)
    noise = ensemble_weights.judged(predictions, np.random.default_rng(1).permutation(y))
    assert losses["mean"] < 0.4
    assert 0.4 < noise["mean"] < 0.65, "on the rows that chose the weights, noise would be ordered better"


def test_a_perfect_auc_is_a_tie():
    results = {"a": {"auc": 1e-17, "mean": 0.0}, "b": {"auc": 0.2, "mean": 0.1}, "c": {"auc": 0.2, "mean": 0.3}}
    found = ensemble_weights.compared(results)
    assert (found["mean"]["better"], found["mean"]["worse"]) == (1, 1)
    assert found["auc"] == {"better": 0, "worse": 0, "median": 0.0, "p": 1.0}


def test_a_run_goes_on_from_its_file(tmp_path, models, monkeypatch):
    made = [(name, pd.DataFrame(), pd.Series([0])) for name in "abcd"]
    monkeypatch.setattr(ensemble_weights, "tables", lambda without: iter(made))
    fitted = []
    monkeypatch.setattr(ensemble_weights, "models_of", lambda X, y: fitted.append(1) or models)
    words = ["--skip", "1", "--count", "2", "--out", str(tmp_path / "out.json")]
    first = ensemble_weights.main(words)
    assert ensemble_weights.main(words) == first
    assert len(fitted) == 2
    assert list(json.loads((tmp_path / "out.json").read_text())["tables"]) == ["b", "c"]
