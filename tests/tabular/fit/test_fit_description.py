"""Description of a fit: keys of splitters, labels and other objects."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, PredefinedSplit

from in_process import stay_in_process
from messy import messy
from seasoned import AutoClassifier, SearchSettings
from seasoned.tabular.fit import description
from seasoned.tabular.fit.description import validation_key
from seasoned.tabular.metrics.code_hash import code_digest


def test_splitter_keys_differ_by_the_values_of_their_attributes():
    class Until:
        def __init__(self, cutoff):
            self.cutoff = cutoff

        def split(self, X, y=None, groups=None):
            raise NotImplementedError

    several = [
        pd.Timestamp("2024-01-01"),
        pd.Timestamp("2025-01-01"),
        pd.Timedelta(days=1),
        [1, 2],
        [1, 3],
        (np.array([1, 2]), np.array([3])),
        (np.array([1, 2]), np.array([4])),
        pd.Series([1, 2]),
        pd.Series([1, 2], index=[1, 2]),
        pd.Index(["a"]),
        KFold(4),
        KFold(5),
    ]
    assert len({description.validation_key(Until(cutoff)) for cutoff in several}) == len(several)
    assert description.validation_key(Until(pd.Timestamp("2024-01-01"))) == description.validation_key(
        Until(pd.Timestamp("2024-01-01"))
    )
    assert (
        description.validation_key(KFold(5))
        == description.validation_key(KFold(5))
        != description.validation_key(KFold(5, shuffle=True, random_state=1))
    )
    assert code_digest(pd.DataFrame({"a": [1]})) != code_digest(pd.DataFrame({"a": [2]}))


def test_long_splits_that_differ_in_the_middle_have_different_keys():
    one, other = np.zeros(5000, int), np.zeros(5000, int)
    one[1000:4000:2] = other[1001:4001:2] = 1
    assert validation_key(PredefinedSplit(one)) != validation_key(PredefinedSplit(other))


def test_fingerprints_include_labels_only_for_metric_functions(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)

    def distance(truth, predicted):
        return float(np.mean(np.abs(np.asarray(truth, float) - np.asarray(predicted, float))))

    keys = []
    real = description.fingerprint
    monkeypatch.setattr(description, "fingerprint", lambda *given: keys.append(real(*given)) or keys[-1])
    X, y = messy("binary", rows=120)
    codes = np.unique(np.asarray(y).astype(str), return_inverse=True)[1]
    for labels in ([1, 2], [1, 20]):
        search = SearchSettings(models=["linear"], folds=2)
        for metric in (distance, "accuracy"):
            model = AutoClassifier(metric, trials=1, workers=1, search=search, random_state=0, experience=None)
            model.fit(X, np.array(labels)[codes])
    assert keys[0] != keys[2]
    assert keys[1] == keys[3], "the names of classes are nothing to others"
