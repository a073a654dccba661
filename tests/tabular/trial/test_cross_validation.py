"""Cross-validation of a configuration: the training rounds that its folds agree on."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from seasoned import CustomModel, Space
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.registry import find
from seasoned.tabular.trial import cross_validation
from seasoned.tabular.trial.arrays import Arrays, write_arrays
from seasoned.tabular.trial.cross_validation import CrossValidation, mean_rounds
from seasoned.tabular.trial.fold_fitter import Part, Pipeline


@pytest.mark.parametrize("family", ["lightgbm", "histogram", "mlp", "linear"])
def test_rounds_ignore_folds_that_validate_unseen_classes_only(family, tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(240, 3)), np.repeat([0, 1, 2], 80)
    X[:, 0] += y
    folds = [(np.flatnonzero(y != 2), np.flatnonzero(y == 2)), (np.arange(0, 240, 2), np.arange(1, 240, 2))]
    (tmp_path / "trials").mkdir()
    write_arrays(tmp_path, y, folds, {"codes": X, "dense": X})
    objective = CrossValidation(Arrays(tmp_path), Job("multiclass", 3, 0), None)
    settings = find(family).space("multiclass").default
    parts = [objective.fitter.on_fold(Pipeline(family, dict(settings), None), fold) for fold in folds]
    assert [part.tells for part in parts] == [False, True]
    assert mean_rounds(parts) == parts[1].rounds
    assert mean_rounds(parts[:1]) == parts[0].rounds, "where nothing tells, it is what it took"


class Counting(RegressorMixin, BaseEstimator):
    """Predicts zeros, and notes the numbers of rows."""

    batches: ClassVar[list[int]] = []

    def fit(self, X, y):
        return self

    def predict(self, X):
        self.batches.append(len(X))
        return np.zeros(len(X))


@pytest.mark.parametrize(("rows", "batches"), [(60, [20, 1_000, 20, 20]), (3_600, [1_200, 1_200, 1_200])])
def test_prediction_time_is_that_of_a_thousand_rows_on_the_first_fold(rows, batches, tmp_path):
    y = np.arange(float(rows))
    thirds = np.array_split(np.arange(rows), 3)
    folds = [(np.setdiff1d(np.arange(rows), part), part) for part in thirds]
    (tmp_path / "trials").mkdir()
    write_arrays(tmp_path, y, folds, {"codes": y[:, None], "dense": y[:, None]})
    own = CustomModel("own", Counting(), Space())
    metric = resolve("rmse", "regression", 0)
    Counting.batches.clear()
    objective = CrossValidation(Arrays(tmp_path), Job("regression", 0, 0), metric, (own,))
    objective({"model": {"own": {}}})
    assert Counting.batches == batches
    assert 0 < objective.records.of({"model": {"own": {}}}).predict_ms < 1.0


def test_folds_of_far_fewer_rows_do_not_set_the_training_rounds():
    parts = [Part(np.zeros(1), rounds, 1.0, 0.0, True, rows) for rounds, rows in ((10, 100), (40, 450), (60, 500))]
    assert cross_validation.mean_rounds(parts) == 50.0
    assert cross_validation.mean_rounds([parts[0]]) == 10.0
    strange = Part(np.zeros(1), 7, 1.0, 0.0, False, 900)
    assert cross_validation.mean_rounds([*parts, strange]) == 50.0
    assert cross_validation.mean_rounds([strange]) == 7.0
