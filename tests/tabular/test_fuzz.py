"""Random tables: each is fitted and predicted, or refused in a sentence; nothing else is ever raised."""

from __future__ import annotations

import datetime as dt
import logging
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from in_process import estimator, stay_in_process
from seasoned import load
from seasoned.errors import SeasonedError

WORDS = st.text(max_size=6) | st.sampled_from(
    ["", " ", "NA", "yes", "No", "1,5", "12%", "2020-02-30", "1e999", "\x00", "é"]
)
MOMENTS = st.datetimes(dt.datetime(1600, 1, 1), dt.datetime(2400, 1, 1))  # noqa: DTZ001 - without a zone, as in tables
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), WORDS, st.binary(max_size=3), MOMENTS,
    st.dates(), st.timedeltas(), st.times(), st.decimals(), st.tuples(st.integers()),
    st.lists(st.integers(), max_size=2), st.just(pd.NA), st.just(pd.NaT), st.just(Decimal("NaN")),
)  # fmt: skip
NUMBERS = (
    st.floats()
    | st.floats(-10, 10)
    | st.integers(-5, 5)
    | st.sampled_from([0.0, -0.0, 1e-300, 1e300, math.inf, -math.inf, math.nan])
)
NAMES = st.one_of(
    st.text(max_size=5), st.integers(-3, 3), st.none(), st.booleans(), st.floats(),
    st.tuples(st.text(max_size=2), st.integers(0, 2)),
    st.sampled_from(["index", "__label", "target", "x0", 'a"[]{}:,', "é"]),
)  # fmt: skip
DTYPES = ("float32", "float64", "Float64", "int8", "Int16", "uint64", "bool", "boolean", "category", "str", "object")


def columns(rows):
    """Strategies of a column of so many rows."""

    def cells(strategy):
        return st.lists(strategy, min_size=rows, max_size=rows)

    few = st.lists(SCALARS, min_size=1, max_size=3).flatmap(lambda values: cells(st.sampled_from(values)))
    typed = st.tuples(cells(st.integers(0, 5)), st.sampled_from(DTYPES)).map(lambda pair: _typed(*pair))
    moments = cells(MOMENTS | st.none()).map(lambda values: pd.Series(values, dtype="datetime64[us]"))
    zoned = cells(st.integers(0, 10**9)).map(lambda values: pd.to_datetime(values, unit="s", utc=True))
    return st.one_of(cells(NUMBERS), cells(WORDS), cells(SCALARS), few, typed, moments, zoned)


def _typed(values, dtype):
    return pd.Series([value % 2 for value in values] if dtype.startswith("bool") else values).astype(dtype)


def _as_column(values):
    if not isinstance(values, list):
        return pd.Series(values).reset_index(drop=True)
    cells = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        cells[place] = value
    return pd.Series(cells, dtype=object)


@st.composite
def tables(draw):
    """(X, y, task, weights, groups, rows to predict)."""
    rows = draw(st.integers(0, 4) | st.integers(5, 30))
    names = draw(st.lists(NAMES, max_size=4))
    frame = pd.DataFrame({place: _as_column(draw(columns(rows))) for place in range(len(names))}, index=range(rows))
    frame.columns = pd.Index(names, dtype=object)
    task = draw(st.sampled_from(["classification", "regression"]))
    plain = st.sampled_from([0, 1, 2]) if task == "classification" else st.floats(-5, 5)
    y = draw(st.lists(plain, min_size=rows, max_size=rows) | columns(rows))
    size = draw(st.sampled_from([rows, rows, rows, rows, rows, rows + 1]))
    weights = draw(st.none() | st.lists(st.floats(0, 3) | NUMBERS, min_size=size, max_size=size))
    groups = draw(st.none() | st.none() | st.lists(st.integers(0, 5), min_size=size, max_size=size))
    kind = draw(st.sampled_from(["pandas", "pandas", "pandas", "polars", "arrow", "array", "dicts", "lists"]))
    later = draw(st.sampled_from(["same", "same", "none", "one", "text", "other"]))
    return _container(frame, kind), y, task, weights, groups, _later(frame, later)


def _container(frame, kind):
    """As another library has it, where that can hold it at all."""
    try:
        if kind == "polars":
            return pl.from_pandas(frame.rename(columns=str))
        if kind == "arrow":
            return pa.Table.from_pandas(frame.rename(columns=str), preserve_index=False)
    except Exception:  # noqa: BLE001 - what polars and pyarrow refuse is not ours
        return frame
    if kind == "array":
        return frame.to_numpy()
    if kind == "dicts":
        return frame.to_dict("records") if frame.columns.is_unique else frame
    return frame.to_numpy().tolist() if kind == "lists" else frame


def _later(frame, kind):
    if kind == "none":
        return frame.iloc[:0]
    if kind == "one":
        return frame.iloc[-1:]
    if kind == "text":
        return frame.astype(object).map(repr)
    if kind == "other":
        return frame.astype(object).map(lambda _: 7)
    return frame


def run(case, folder):
    """One case; raises what is not a sentence of ours."""
    X, y, task, weights, groups, later = case
    model = estimator(task, models=["linear" if len(later) % 2 else "tree"])
    try:
        model.fit(X, y, sample_weight=weights, groups=groups)
        event("fitted")
        named = isinstance(X, pd.DataFrame)
        predicted = model.predict(later if named else X)
    except SeasonedError as error:
        event("refused")
        text = str(error)
        assert text.strip().endswith((".", "?")), text
        assert "\n" not in text, text
        return
    assert len(predicted) == len(later) or not named
    if task == "regression":
        assert np.isfinite(predicted).all()
    path = folder / "model.seasoned"
    model.save(path)
    np.testing.assert_array_equal(load(path).predict(later if named else X), predicted)


@pytest.fixture
def here(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("fuzz")
    monkeypatch.setenv("SEASONED_CACHE", str(folder))
    stay_in_process(monkeypatch)
    logging.getLogger("seasoned.tabular").setLevel(logging.ERROR)
    yield folder
    logging.getLogger("seasoned.tabular").setLevel(logging.NOTSET)


QUIET = {
    "deadline": None,
    "phases": (Phase.explicit, Phase.generate),  # a smaller example would take minutes
    "database": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
}


@settings(max_examples=30, derandomize=True, **QUIET)
@given(case=tables())
def test_thirty_random_tables(here, case):
    run(case, here)


@pytest.mark.slow
@settings(max_examples=2000, **QUIET)
@given(case=tables())
def test_two_thousand_random_tables(here, case):
    run(case, here)
