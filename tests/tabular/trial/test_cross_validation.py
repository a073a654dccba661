"""Cross-validation of a configuration: the training rounds that its folds agree on."""

from __future__ import annotations

import numpy as np
import pytest

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


def test_folds_of_far_fewer_rows_do_not_set_the_training_rounds():
    parts = [Part(np.zeros(1), rounds, 1.0, 0.0, True, rows) for rounds, rows in ((10, 100), (40, 450), (60, 500))]
    assert cross_validation.mean_rounds(parts) == 50.0
    assert cross_validation.mean_rounds([parts[0]]) == 10.0
    strange = Part(np.zeros(1), 7, 1.0, 0.0, False, 900)
    assert cross_validation.mean_rounds([*parts, strange]) == 50.0
    assert cross_validation.mean_rounds([strange]) == 7.0
