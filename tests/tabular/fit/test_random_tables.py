"""Random tables: each is fitted and predicted, or refused in a sentence; nothing else is ever raised."""

from __future__ import annotations

import datetime as dt
import logging
import math
from dataclasses import dataclass
from decimal import Decimal
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, TimeSeriesSplit

from in_process import estimator, stay_in_process
from seasoned import SearchSettings, load
from seasoned.errors import SeasonedError
from seasoned.tabular.models.registry import EXTRAS

WORDS = st.text(max_size=6) | st.sampled_from(
    ["", " ", "NA", "yes", "No", "1,5", "12%", "2020-02-30", "1e999", "\x00", "é"]
)
MOMENTS = st.datetimes(dt.datetime(1600, 1, 1), dt.datetime(2400, 1, 1))  # noqa: DTZ001 - without a zone, as in tables
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), WORDS, st.binary(max_size=3), MOMENTS,
    st.dates(), st.timedeltas(), st.times(), st.decimals(allow_nan=False), st.tuples(st.integers()),
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
QUICK = ("linear", "lightgbm", "tree", "extra_trees", "histogram", "neighbours", "forest", "splines", "mlp")
QUICK += tuple(name for name in ("xgboost", "catboost") if find_spec(EXTRAS[name][0]))
METRICS = {
    "classification": [*[None] * 8, "log_loss", "f1", "accuracy", "balanced_accuracy", "jaccard", "brier", "kappa"],
    "regression": [*[None] * 6, "mae", "mape", "r2", "rmsle", "quantile@0.8", "median_ae"],
}
THEN = (*[None] * 6, "refit", "explain", "shap", "leaderboard", "intervals", "report", "alone")
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


@dataclass(frozen=True)
class Case:
    """A table, what is asked of it, and the rows that come later."""

    X: Any
    y: Any
    task: str
    roles: dict[str, Any]
    search: dict[str, Any]
    later: Any
    rows: int
    metric: Any = None
    validation: Any = None
    then: str | None = None


@st.composite
def tables(draw):
    """Half of them have one kind of trouble; the others have odd columns only, and can be fitted."""
    trouble = draw(st.sampled_from([None] * 6 + ["rows", "names", "target", "weights", "groups", "length"]))
    rows = draw(st.integers(0, 4) if trouble == "rows" else st.integers(5, 40))
    odd = trouble == "names"
    names = draw(st.lists(NAMES, min_size=not odd, max_size=5, unique_by=None if odd else str))
    cells = {place: _as_column(draw(columns(rows))) for place in range(len(names))}
    if not odd:  # something to learn from
        cells[0] = _as_column(draw(st.permutations([place / 2 for place in range(rows)])))
    frame = pd.DataFrame(cells, index=range(rows))
    frame.columns = pd.Index(names, dtype=object, tupleize_cols=False)
    task = draw(st.sampled_from(["classification", "regression"]))
    y = draw(columns(rows) if trouble == "target" else _targets(task, rows))
    size = rows + (trouble == "length")
    kind = draw(st.sampled_from(["pandas"] * 4 + list(CONTAINERS)))
    X = _container(frame, kind)
    later = _later(X, draw(st.sampled_from(LATER))) if isinstance(X, pd.DataFrame) else X
    roles, search, metric = draw(_roles(trouble, size)), draw(SEARCHES), draw(st.sampled_from(METRICS[task]))
    validation = draw(st.sampled_from([*[None] * 8, *_validations(frame, rows)]))
    return Case(X, y, task, roles, search, later, rows, metric, validation, draw(st.sampled_from(THEN)))


def _validations(frame, rows):
    """Ways to say which rows validate."""
    half = rows // 2
    return [3, KFold(2), TimeSeriesSplit(2), [(range(half), range(half, rows))], *map(str, frame.columns[:1])]


def _targets(task, rows):
    """Such as can be learned."""
    if task == "regression":
        return st.lists(st.floats(-5, 5), min_size=rows, max_size=rows)
    labels = st.sampled_from([("no", "yes"), (0, 1, 2), (False, True), (1, "1.5", "x"), (3.0, 7.0), ("é", "\x00", " ")])
    return labels.map(lambda few: [few[place * 7 % 11 % len(few)] for place in range(rows)])


def _roles(trouble, size):
    """Weights and groups, in most cases neither."""
    odd = st.lists(NUMBERS, min_size=size, max_size=size)
    sound = st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=size, max_size=size)
    weights = odd if trouble == "weights" else st.none() | st.none() | sound
    few = st.lists(st.integers(0, 5), min_size=size, max_size=size)
    groups = few if trouble == "groups" else st.none() | st.none() | st.just([place % 5 for place in range(size)])
    return st.fixed_dictionaries({"sample_weight": weights, "groups": groups})


SEARCHES = st.fixed_dictionaries(
    {
        "models": st.sampled_from(["linear", "linear", *QUICK]).map(lambda name: [name]),
        "features": st.sampled_from([None, None, "all"]),
    }
)


def _container(frame, kind):
    """As another library has it, where that can hold it at all."""
    try:
        return CONTAINERS[kind](frame) if kind in CONTAINERS else frame
    except Exception:  # noqa: BLE001 - what other libraries refuse is not ours
        return frame


def _dicts(frame):
    return frame.to_dict("records") if frame.columns.is_unique else frame


def _arrow(frame):
    return pa.Table.from_pandas(frame.rename(columns=str), preserve_index=False)


CONTAINERS = {
    "polars": lambda frame: pl.from_pandas(frame.rename(columns=str)),
    "lazy": lambda frame: pl.from_pandas(frame.rename(columns=str)).lazy(),
    "arrow": _arrow,
    "arrow dtypes": lambda frame: _arrow(frame).to_pandas(types_mapper=pd.ArrowDtype),
    "nullable": lambda frame: frame.convert_dtypes(),
    "categories": lambda frame: frame.astype("category"),
    "array": lambda frame: frame.to_numpy(),
    "fortran": lambda frame: np.asfortranarray(frame.to_numpy(np.float32)),
    "half": lambda frame: frame.to_numpy(np.float16),
    "records": lambda frame: frame.rename(columns=str).to_records(index=False),
    "sparse": lambda frame: scipy.sparse.csr_array(frame.to_numpy(np.float64)),
    "dicts": _dicts,
    "lists": lambda frame: frame.to_numpy().tolist(),
}
LATER = ("same", "same", "none", "one", "text", "other", "empty", "shuffled", "nothing known")


def _later(frame, kind):
    if kind == "none":
        return frame.iloc[:0]
    if kind == "one":
        return frame.iloc[-1:]
    if kind == "text":
        return frame.astype(object).map(repr)
    if kind == "other":
        return frame.astype(object).map(lambda _: 7)
    if kind == "empty":
        return frame.astype(object).map(lambda _: None)
    if kind == "nothing known":
        return frame.astype(object).map(lambda _: "never seen")
    if kind == "shuffled":
        return frame.iloc[:, ::-1].assign(more=1j)
    return frame


def run(case, folder):
    """One case: whether it was fitted, saved and loaded; raises what is not a sentence of ours."""
    options = {"metric": case.metric, "validation": case.validation, "trials": 1}
    model = estimator(case.task, search=SearchSettings(folds=2, **case.search), **options)
    try:
        model.fit(case.X, case.y, **case.roles)
    except SeasonedError as error:
        event("refused")
        is_a_sentence(error)
        return False
    event("fitted")
    assert not len(model.failures()), model.failures()["error"].tolist()
    try:
        predicted = model.predict(case.later)
    except SeasonedError as error:
        event("refused later")
        is_a_sentence(error)
        return False
    assert len(predicted) == (case.rows if case.later is case.X else len(case.later))
    if case.task == "regression":
        assert np.isfinite(predicted).all()
    path = folder / "model.seasoned"
    model.save(path)
    np.testing.assert_array_equal(load(path).predict(case.later), predicted)
    try:
        _then(model, case, folder)
    except SeasonedError as error:
        event(f"refused to {case.then}")
        is_a_sentence(error)
    return True


def _then(model, case, folder):
    """What people do with a fitted model."""
    few = {"repeats": 2, "seconds": 5.0}
    if case.then == "refit":
        assert len(model.refit(case.X, case.y, **case.roles).predict(case.X)) == case.rows
    elif case.then == "explain":
        assert {"column", "importance"} <= set(model.explain(case.X, case.y, **few))
    elif case.then == "shap":
        assert len(model.explain(case.later, method="shap", background=case.X, **few)) >= len(model.predict(case.later))
    elif case.then == "leaderboard":
        assert model.leaderboard(case.X, case.y)["model"].iloc[0] == "ensemble"
    elif case.then == "intervals" and case.task == "regression":
        low, high = model.predict_interval(case.later, 0.5).T
        assert (low <= high).all()
    elif case.then == "intervals":
        assert model.predict_set(case.later, 0.5).shape[1] == len(model.classes_)
    elif case.then == "report":
        assert model.report(folder / "report.html", case.X, case.y, unseen=False).is_file()
    elif case.then == "alone":
        assert len(model.predict(case.later, model=0)) == len(model.predict(case.later))


def is_a_sentence(error):
    text = str(error)
    assert text.strip().endswith((".", "?")), text
    assert "\n" not in text, text


@pytest.fixture
def here(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("fuzz")
    monkeypatch.setenv("SEASONED_CACHE", str(folder))
    monkeypatch.setenv("SEASONED_CPUS", "1")  # threads of models would only wait for each other on such tables
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


def test_thirty_random_tables(here):
    found = []

    @settings(max_examples=30, derandomize=True, **QUIET)
    @given(case=tables())
    def each(case):
        found.append(run(case, here))

    each()
    assert sum(found) >= 5, "nearly all were refused, so hardly anything was tried"


@pytest.mark.slow
@settings(max_examples=2000, **QUIET)
@given(case=tables())
def test_two_thousand_random_tables(here, case):
    run(case, here)
