"""The weird tables, whole fits: each works, in prediction too, or one sentence says what is wrong and what to do."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import weird_columns
import weird_containers
import weird_levels
import weird_roles
import weird_targets

from in_process import estimator, stay_in_process
from seasoned import load
from seasoned.errors import InvalidInput
from seasoned.tabular.tables import to_frame

TABLES = [
    table
    for part in (weird_targets, weird_columns, weird_levels, weird_containers, weird_roles)
    for table in part.TABLES
]
LONGEST = 300  # characters of a sentence


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)


def tables():
    return [pytest.param(table, id=str(table), marks=[pytest.mark.slow] if table.slow else []) for table in TABLES]


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
    predicted = model.predict(new)
    is_sound(predicted, model, new)
    model.save(tmp_path / "model.seasoned")
    np.testing.assert_array_equal(load(tmp_path / "model.seasoned").predict(new), predicted)


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
