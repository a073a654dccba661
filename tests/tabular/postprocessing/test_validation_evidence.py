"""Validation evidence: out-of-fold predictions of the ensemble, bounded and stored with the model."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.tabular.ensemble import member_predictions as module
from seasoned.tabular.ensemble.finalize import learn_postprocessing
from seasoned.tabular.ensemble.fitted_model import Member
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.postprocessing.validation_evidence import MOST_ROWS, ValidationEvidence


class Trials:
    """What an objective knows after a search: predictions of two trials, the first ten rows in no fold."""

    def __init__(self, rows, classes):
        rng = np.random.default_rng(0)
        self.job = SimpleNamespace(seed=3, n_classes=classes)
        self.metric = resolve(None if classes else "mae", "multiclass" if classes else "regression", classes)  # no pool
        self.y = rng.integers(0, classes, rows) if classes else rng.normal(size=rows)
        shape = (rows, classes) if classes else (rows,)
        self.made = {"a": rng.random(shape, dtype=np.float32), "b": rng.random(shape, dtype=np.float32)}
        if classes:
            self.made = {name: found / found.sum(axis=1, keepdims=True) for name, found in self.made.items()}
        self.data = SimpleNamespace(
            target=self.y,
            weights=None,
            together=None,
            fold_of_rows=lambda: np.arange(rows) % 3,
            matrix=lambda diet: np.zeros((rows, 1)),
            known_rows=lambda: np.arange(10, rows),
        )
        self.records = SimpleNamespace(out_of_fold=lambda config: self.known(next(iter(config["model"]))))

    def baseline_loss(self):
        """As of who predicts the same for all rows."""
        return 0.75

    def known(self, name):
        """Of the rows that some fold validates."""
        return self.made[name][10:] if name in self.made else None


MEMBERS = (Member("a", {}, None, 0.75), Member("b", {}, None, 0.25))


def validated(trials, members):
    known = SimpleNamespace(metric=trials.metric, members=members)
    return learn_postprocessing(known, trials, calibrate=False).get("validated")


@pytest.mark.parametrize("classes", [0, 3])
def test_evidence_is_the_weighted_mean_on_rows_that_were_validated(classes):
    trials = Trials(500, classes)
    found = validated(trials, MEMBERS)
    expected = 0.75 * trials.made["a"][10:].astype(float) + 0.25 * trials.made["b"][10:]
    np.testing.assert_allclose(found.predicted, expected, rtol=1e-5)
    np.testing.assert_array_equal(found.truth, trials.y[10:])
    if classes:
        expected /= expected.sum(axis=1, keepdims=True)
    assert found.loss == pytest.approx(trials.metric.loss(trials.y[10:], expected), rel=1e-6)


@pytest.mark.parametrize(("classes", "kept"), [(0, MOST_ROWS), (3, MOST_ROWS), (100, 1_000)])
def test_stored_evidence_is_bounded_and_survives_a_file(classes, kept):
    found = validated(Trials(5_000, classes), MEMBERS)
    assert len(found.truth) == kept
    again = ValidationEvidence.load(found.dump(), classes)
    assert (found.baseline, again.baseline) == (0.75, 0.75)
    np.testing.assert_array_equal(again.truth, found.truth)
    np.testing.assert_array_equal(again.predicted, found.predicted)
    assert again.loss == found.loss
    assert len(found.dump()) < 450_000


def test_a_member_without_predictions_leaves_no_evidence():
    assert validated(Trials(50, 3), (*MEMBERS, Member("c", {}, None, 0.1))) is None


def test_evidence_of_another_model_is_refused():
    found = validated(Trials(50, 3), MEMBERS)
    with pytest.raises(ValueError, match="another model"):
        ValidationEvidence.load(found.dump(), 4)
    with pytest.raises(InvalidInput, match="dimension"):
        ValidationEvidence.load(found.dump(), 0)
    with pytest.raises(ValueError, match="unknown classes"):
        ValidationEvidence.load(replace(found, truth=found.truth + 1).dump(), 3)
    with pytest.raises(InvalidInput, match="NaN"):
        ValidationEvidence.load(replace(found, predicted=found.predicted * np.nan).dump(), 3)
    with pytest.raises(InvalidInput, match="damaged"):
        ValidationEvidence.load(found.dump()[:50], 3)


def test_a_metric_that_is_undefined_costs_the_evidence_and_no_more(caplog):
    trials = Trials(50, 0)
    failing = {"n_classes": 0, "costs": None, "loss": lambda *_: (_ for _ in ()).throw(ValueError("one class"))}
    trials.metric = SimpleNamespace(**failing)
    assert validated(trials, MEMBERS) is None
    assert "one class" in caplog.text


def test_rows_of_large_tables_are_drawn_alike(monkeypatch):
    monkeypatch.setattr(module, "MAX_ROWS", 100)
    first, second = (validated(Trials(5_000, 0), MEMBERS) for _ in range(2))
    assert len(first.truth) == 100
    np.testing.assert_array_equal(first.truth, second.truth)
