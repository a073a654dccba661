"""Refused calls: one sentence from every method, and no other exception."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import seasoned.tabular.fit.fit_table
from in_process import estimator, stay_in_process
from seasoned import load
from seasoned.errors import InvalidInput, SeasonedError, StorageError
from seasoned.tabular.bundle import archive
from weird import ROWS, numbers, plain

X, Y = plain()
NUMBERS = numbers(Y)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEASONED_CACHE", str(tmp_path_factory.mktemp("cache")))
        stay_in_process(patch)
        return {"classes": estimator("classification").fit(X, Y), "numbers": estimator("regression").fit(X, NUMBERS)}


SCORES = {
    "text": ("numbers", X, ["far"] * ROWS, "'far', which is no number"),
    "a gap": ("numbers", X, [np.nan, *NUMBERS[1:]], "missing in 1 of 40 rows"),
    "infinity": ("numbers", X, [np.inf, *NUMBERS[1:]], "an infinity"),
    "a signalling NaN": ("numbers", X, [Decimal("sNaN"), *NUMBERS[1:]], "signalling NaN"),
    "too few numbers": ("numbers", X, NUMBERS[:3], "X has 40 rows and y has 3"),
    "no numbers": ("numbers", X[:0], [], "0 rows"),
    "nothing": ("numbers", X, None, "NoneType"),
    "too few labels": ("classes", X, Y[:3], "X has 40 rows and y has 3"),
    "no labels": ("classes", X[:0], [], "0 rows"),
    "an unknown label": ("classes", X, ["maybe", *Y[1:]], "'maybe', a class that was not there"),
    "a label missing": ("classes", X, [None, *Y[1:]], "y is missing in 1 of 40 rows; score the other rows"),
    "a column missing": ("classes", X[["b"]], Y, "lacks the column.*'a'"),
}


@pytest.mark.parametrize("name", SCORES)
def test_scores(name, models):
    which, rows, y, sentence = SCORES[name]
    with pytest.raises(InvalidInput, match=sentence) as error:
        models[which].score(rows, y)
    is_a_sentence(error.value)


SETTINGS = [
    ({"time_limit": "long"}, "time_limit is 'long'; it must be a number of seconds"),
    ({"time_limit": float("nan")}, "time_limit is nan"),
    ({"trials": "many"}, "trials is 'many'"),
    ({"trials": True}, "trials is True"),
    ({"trials": 1.5}, "trials is 1.5"),
    ({"workers": "all"}, "workers is 'all'"),
    ({"workers": 0}, "workers is 0"),
    ({"workers": 2.5}, "workers is 2.5; it must be a whole number"),
    ({"random_state": "x"}, "random_state is 'x'"),
    ({"memory_limit": "much"}, "'much' is no size of memory"),
    ({"memory_limit": "1MB"}, "raise it, or use fewer workers"),
    ({"validation": 1.5}, "validation is 1.5"),
    ({"metric": 3}, "the metric is 3"),
]


@pytest.mark.parametrize(("options", "sentence"), SETTINGS, ids=str)
def test_settings(options, sentence):
    with pytest.raises(InvalidInput, match=sentence) as error:
        estimator("classification", **options).fit(X, Y)
    is_a_sentence(error.value)


ROLES = [
    ({"groups": [Decimal("sNaN")] * ROWS}, "groups holds a signalling NaN"),
    ({"sample_weight": [Decimal("sNaN")] * ROWS}, "sample_weight holds a signalling NaN"),
    ({"sample_weight": [1j] * ROWS}, "sample_weight holds 1j, which is no number"),
    ({"sample_weight": 3.0}, "pass one value per row"),
]


@pytest.mark.parametrize(("roles", "sentence"), ROLES)
def test_roles(roles, sentence):
    with pytest.raises(InvalidInput, match=sentence) as error:
        estimator("classification").fit(X, Y, **roles)
    is_a_sentence(error.value)


def test_a_folder_that_is_not_there(models, tmp_path):
    for path in (tmp_path / "none" / "x.seasoned", tmp_path):
        with pytest.raises(InvalidInput, match="cannot be written") as error:
            models["classes"].save(path)
        is_a_sentence(error.value)


def test_a_full_disk_leaves_the_file_that_was_there(models, tmp_path, monkeypatch):
    path = tmp_path / "model.seasoned"
    models["classes"].save(path)
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.os, "fsync", full)
    with pytest.raises(StorageError, match=r"No space left on device.*make room") as error:
        models["numbers"].save(path)
    is_a_sentence(error.value)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model.seasoned"]
    pd.testing.assert_frame_equal(load(path).leaderboard(), models["classes"].leaderboard())


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("SEASONED_CACHE", str(file))
    with pytest.raises(InvalidInput, match=r"cannot be written.*SEASONED_CACHE") as error:
        estimator("classification").fit(X, Y)
    is_a_sentence(error.value)


def test_a_disk_that_is_full_when_the_fit_begins(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    monkeypatch.setattr(seasoned.tabular.fit.plan, "store", full)
    with pytest.raises(StorageError, match=r"no room left.*SEASONED_CACHE") as error:
        estimator("classification").fit(X, Y)
    is_a_sentence(error.value)


def is_a_sentence(error):
    assert isinstance(error, SeasonedError)
    text = str(error)
    assert "\n" not in text
    assert text.endswith((".", "'")), text
