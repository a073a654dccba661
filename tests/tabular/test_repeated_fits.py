"""Members fitted more than once: who is, how much each fit counts, and that files and predictions agree."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from seasoned import AutoClassifier, AutoRegressor, SearchSettings, load
from seasoned.errors import InvalidInput
from seasoned.tabular.features.repeated import Repeated, fits_of, predict_matrices, shares_of


def table(rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows), "c": rng.choice(list("xyz"), rows)})
    return X, X["a"] * X["b"] + (X["c"] == "x") + 0.3 * rng.normal(size=rows)


class Constant:
    def __init__(self, value: float) -> None:
        self.value = value

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.value)


def test_fits_are_averaged_by_their_shares():
    several = Repeated((Constant(1.0), Constant(3.0)), (0.75, 0.25))
    np.testing.assert_allclose(predict_matrices(several, {"codes": np.zeros((4, 1))}, "codes", 0), 1.5)
    alone = Constant(2.0)
    assert (fits_of(alone), shares_of(alone)) == ((alone,), (1.0,))


def test_on_few_rows_models_of_the_folds_have_half_of_the_say(tmp_path):
    X, y = table(200)
    search = SearchSettings(models=["linear", "lightgbm"], folds=3, ensemble=2)
    model = AutoRegressor(time_limit=15, experience=None, random_state=0, search=search).fit(X, y)
    several = [member for member in model.fitted_.members if isinstance(member.estimator, Repeated)]
    assert several
    for member in several:
        assert sum(shares_of(member.estimator)) == pytest.approx(1)
        if member.name == "linear":  # another seed would give the same
            folds = len(fits_of(member.estimator)) - 1
            assert shares_of(member.estimator) == pytest.approx((1 - folds / 6, *[1 / 6] * folds))
    model.save(tmp_path / "model.seasoned")
    np.testing.assert_array_equal(load(tmp_path / "model.seasoned").predict(X), model.predict(X))


def test_on_more_rows_all_fits_see_all_of_them_and_differ_by_their_seeds():
    X, y = table(1_200)
    search = SearchSettings(models=["lightgbm"], folds=2, ensemble=1)
    model = AutoClassifier(time_limit=15, experience=None, random_state=0, search=search).fit(X, y > 0)
    (member,) = model.fitted_.members
    fits = fits_of(member.estimator)
    assert 2 <= len(fits) <= 5
    assert shares_of(member.estimator) == pytest.approx([1 / len(fits)] * len(fits))
    assert len({fit.booster.model_to_string() for fit in fits}) == len(fits)


def test_a_search_by_trials_fits_each_once_so_that_time_has_no_say():
    X, y = table(200)
    search = SearchSettings(models=["lightgbm"], folds=2)
    model = AutoRegressor(trials=2, time_limit=60, experience=None, random_state=0, search=search).fit(X, y)
    assert all(len(fits_of(member.estimator)) == 1 for member in model.fitted_.members)


def test_a_file_whose_shares_do_not_sum_to_one_is_refused(tmp_path):
    X, y = table(200)
    search = SearchSettings(models=["linear"], folds=2)
    path, forged = tmp_path / "model.seasoned", tmp_path / "forged.seasoned"
    AutoRegressor(time_limit=12, experience=None, random_state=0, search=search).fit(X, y).save(path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(forged, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "manifest.json":
                manifest = json.loads(data)
                manifest["members"][0]["fits"][0] = 0.9
                data = json.dumps(manifest).encode()
            new.writestr(name, data)
    with pytest.raises(InvalidInput, match="shares"):
        load(forged)
