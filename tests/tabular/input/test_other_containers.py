"""A model that was fitted on one kind of table predicts from any other kind that says the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from in_process import estimator, stay_in_process

ROWS = 120


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)


def table() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    size, colour = rng.normal(size=ROWS), rng.choice(["red", "green", "blue"], ROWS)
    start = pd.Timestamp("2021-01-01")
    frame = pd.DataFrame(
        {
            "size": np.where(rng.random(ROWS) < 0.1, np.nan, size),
            "count": rng.integers(0, 50, ROWS),
            "colour": pd.Series(colour, dtype="str").where(rng.random(ROWS) > 0.1),
            "when": (start + pd.to_timedelta(rng.integers(0, 10**7, ROWS), unit="s")).astype("datetime64[us]"),
            "flag": rng.random(ROWS) < 0.5,
        }
    )
    return frame, size + (colour == "red") + 0.1 * rng.normal(size=ROWS) > 0.3


def of_arrow(frame: pd.DataFrame) -> pd.DataFrame:
    """Arrow's own types for all columns."""
    found = frame.convert_dtypes(dtype_backend="pyarrow")
    assert {str(dtype) for dtype in found.dtypes} >= {"double[pyarrow]", "int64[pyarrow]", "bool[pyarrow]"}
    return found


CONTAINERS = {
    "pandas": lambda frame: frame,
    "pandas, other order and one more": lambda frame: frame[frame.columns[::-1]].assign(more=1),
    "pandas with nullable types": lambda frame: frame.convert_dtypes(),
    "pandas with Arrow's types": of_arrow,
    "pandas with objects": lambda frame: frame.astype(object),
    "pandas with categories": lambda frame: frame.assign(colour=frame["colour"].astype("category")),
    "polars": pl.from_pandas,
    "polars, lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "Arrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "Arrow in batches": lambda frame: pa.Table.from_batches(
        pa.Table.from_pandas(frame, preserve_index=False).to_batches(max_chunksize=50)
    ),
    "dicts": lambda frame: frame.astype(object).where(frame.notna(), None).to_dict("records"),
}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """One model for each kind of table, and what it says of the same rows as a pandas table."""
    X, y = table()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEASONED_CACHE", str(tmp_path_factory.mktemp("cache")))
        stay_in_process(patch)
        return {name: estimator("binary", ["linear"]).fit(make(X), y) for name, make in CONTAINERS.items()}


@pytest.mark.parametrize("there", CONTAINERS)
@pytest.mark.parametrize("here", CONTAINERS)
def test_fitted_on_one_kind_and_asked_with_another(fitted, here, there):
    X, _ = table()
    expected = fitted[here].predict_proba(X)
    assert expected.std() > 0.1
    np.testing.assert_allclose(fitted[here].predict_proba(CONTAINERS[there](X)), expected, rtol=1e-9, atol=1e-12)


def test_numbers_in_arrays_and_sparse_matrices():
    rng = np.random.default_rng(0)
    dense = np.round(rng.normal(size=(ROWS, 4)), 1) * (rng.random((ROWS, 4)) < 0.5)
    y = dense[:, 0] + dense[:, 1] + 0.1 * rng.normal(size=ROWS)
    kinds = {
        "array": np.asarray, "Fortran": np.asfortranarray, "csr": sparse.csr_array, "csc": sparse.csc_matrix,
        "lists": lambda X: X.tolist(), "frame": pd.DataFrame,
    }  # fmt: skip
    for make in kinds.values():
        model = estimator("regression", ["linear"]).fit(make(dense), y)
        expected = model.predict(make(dense))
        for other in kinds.values():
            np.testing.assert_allclose(model.predict(other(dense)), expected, rtol=1e-9)
