"""The weird tables, whole fits: each works, in prediction too, or one sentence says what is wrong and what to do."""

from __future__ import annotations

import logging
import re

import numpy as np
import pytest

import weird_columns
import weird_containers
import weird_levels
import weird_roles
import weird_targets
from in_process import estimator, stay_in_process
from seasoned import SearchSettings, load
from seasoned._util.optional_packages import is_installed
from seasoned.errors import InvalidInput
from seasoned.tabular.input.frames import to_frame
from seasoned.tabular.models.registry import EXTRAS, MODELS

TABLES = [
    table
    for part in (weird_targets, weird_columns, weird_levels, weird_containers, weird_roles)
    for table in part.TABLES
]
LONGEST = 300  # characters of a sentence
FAMILIES = [name for name in MODELS if name not in EXTRAS or is_installed(EXTRAS[name].package)]
WIDE = 500  # columns, above which `adaptive_linear` takes minutes
FEW = 10  # rows, of which a fold may have one
MOST = 300  # rows that are predicted again and again


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)


def tables():
    return [pytest.param(table, id=str(table), marks=[pytest.mark.slow] if table.slow else []) for table in TABLES]


def fits_all_families(table):
    return not (table.hopeless or table.refused or table.refused_later or table.slow or "models" in table.options)


def test_every_kind_is_there():
    assert {table.number for table in TABLES} == set(range(1, 63))


@pytest.mark.parametrize("table", tables())
def test_a_weird_table(table, tmp_path, caplog):
    X, y, *later = table.make()
    model = estimator(table.task, **table.options)
    if table.refused:
        with pytest.raises(InvalidInput, match=table.refused) as error:
            model.fit(X, y, **table.roles)
        is_a_sentence(error.value)
        return
    with caplog.at_level(logging.WARNING, "seasoned.tabular"):
        model.fit(X, y, **table.roles)
    if table.says:
        assert table.says in caplog.text
    assert bool(len(model.failures())) == table.hopeless, model.failures()["error"].tolist()
    new = later[0] if later else X
    if table.refused_later:
        with pytest.raises(InvalidInput, match=table.refused_later) as error:
            model.predict(new)
        is_a_sentence(error.value)
        return
    predicts_as_its_file_does(model, new, tmp_path)
    keeps_its_word(model, to_frame(new).head(MOST))


@pytest.mark.slow
@pytest.mark.parametrize("table", [one for one in tables() if fits_all_families(one.values[0])])
def test_a_weird_table_in_every_family_and_with_features(table, tmp_path):
    """Whatever the search may try on it, nothing fails."""
    X, y, *later = table.make()
    families = [name for name in FAMILIES if name != "adaptive_linear" or np.shape(X)[-1:] < (WIDE,)]
    options = {"trials": len(families) + 2, "search": SearchSettings(models=families, features="all", folds=2)}
    model = estimator(table.task, **{**options, **table.options})
    model.fit(X, y, **table.roles)
    failed = model.failures()
    assert set(model.leaderboard()["model"]) == set(families)
    spared = {"catboost"} if len(y) < FEW else set()  # it refuses a fold of one row, where nothing varies
    assert set(failed["model"]) <= spared, failed["error"].tolist()
    predicts_as_its_file_does(model, later[0] if later else X, tmp_path)


def predicts_as_its_file_does(model, new, folder):
    predicted = model.predict(new)
    is_sound(predicted, model, new)
    model.save(folder / "model.seasoned")
    np.testing.assert_array_equal(load(folder / "model.seasoned").predict(new), predicted)


def keeps_its_word(model, rows):
    """What predictions promise for any table: rows alone, in any dress, and a sentence about what is missing."""
    predicted = outputs(model, rows)
    shuffled = rows[rows.columns[::-1]].assign(**{"never seen before": "x"})
    np.testing.assert_array_equal(outputs(model, shuffled), predicted)
    assert outputs(model, rows.iloc[:0]).shape == (0, *predicted.shape[1:])
    close(outputs(model, rows.iloc[:1]), predicted[:1])
    close(outputs(model, numbers_as_text(rows)), predicted)
    is_sound(model.predict(rows.assign(**dict.fromkeys(rows.columns))), model, rows)
    used = model.fitted_.plan.schema.used[0].name
    with pytest.raises(InvalidInput, match=f"lacks the column.*{re.escape(repr(used))}") as error:
        model.predict(rows.drop(columns=used))
    assert "\n" not in str(error.value)


def outputs(model, rows):
    return model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows)


def close(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def numbers_as_text(rows):
    """The same table, as it comes from a file in which somebody quoted all numbers."""
    return rows.assign(
        **{name: column.map(repr_of, na_action="ignore") for name, column in rows.items() if is_number(column)}
    )


def is_number(column):
    return isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf" and column.dtype.itemsize <= 8


def repr_of(value):
    return repr(value.item() if isinstance(value, np.generic) else value)


def is_sound(predicted, model, new):
    assert predicted.shape == (len(to_frame(new)),)
    if not hasattr(model, "predict_proba"):
        assert np.isfinite(predicted).all()
        return
    assert set(predicted) <= set(model.classes_)
    probabilities = model.predict_proba(new)
    assert probabilities.shape == (len(predicted), len(model.classes_))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


def is_a_sentence(error):
    text = str(error)
    assert "\n" not in text
    assert len(text) <= LONGEST, text
    assert text.endswith("."), text
