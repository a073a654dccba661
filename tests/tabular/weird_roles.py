"""Weird tables: sizes, types that change, and what is beside X and y."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from weird import ROWS, beside, collection, plain

TABLES, weird = collection()


@weird(56, "20 rows and 2,000 columns")
def _() -> tuple[Any, ...]:
    return np.random.default_rng(0).normal(size=(20, 2000)), ["x", "y"] * 10


@weird(56, "20 rows and 20,000 columns", slow=True)
def _() -> tuple[Any, ...]:
    return np.random.default_rng(0).normal(size=(20, 20_000)), ["x", "y"] * 10


@weird(57, "a million rows", slow=True)
def _() -> tuple[Any, ...]:
    X = np.random.default_rng(0).normal(size=(10**6, 10))
    return X, X[:, 0] > 0


@weird(58, "columns that add up, and a perfect split")
def _() -> tuple[Any, ...]:
    X, _ = plain()
    return pd.DataFrame({"a": X["a"], "b": -2 * X["a"], "c": 1 - X["a"], "d": X["a"] * 1e-9}), X["a"] > 0


weird(58, "a perfect line", task="regression")(
    lambda: (pd.DataFrame({"a": np.arange(ROWS) ** 2, "b": -(np.arange(ROWS) ** 2.0)}), np.arange(ROWS) ** 2 * 3.0 + 1)
)


@weird(59, "other types when it predicts")
def _() -> tuple[Any, ...]:
    X, y = beside({"n": np.arange(ROWS) % 7, "d": pd.date_range("2020", periods=ROWS), "f": [True, False, True]})
    new = X.assign(a=X["a"].astype(str), b=X["b"].astype("category"), n=X["n"].astype("Float32"))
    return X, y, new.assign(d=new["d"].astype(str), f=new["f"].map({True: "yes", False: "no"}))


@weird(59, "other columns, rows and order when it predicts")
def _() -> tuple[Any, ...]:
    X, y = beside({"n": np.arange(ROWS) ** 2})
    return X, y, X[["n", "b", "a"]].assign(more="x", z=1j).iloc[[3]]


weird(59, "all cells empty when it predicts")(lambda: (*plain(), plain()[0].assign(a=None, b=None)))
weird(59, "no rows when it predicts")(lambda: (*plain(), plain()[0].iloc[:0]))
weird(59, "no rows, and no types, when it predicts")(lambda: (*plain(), pd.DataFrame({"b": [], "a": []})))
weird(59, "a column missing when it predicts", refused_later="lacks the column\\(s\\) 'b'")(
    lambda: (*plain(), plain()[0][["a"]])
)
weird(59, "another number of unnamed columns when it predicts", refused_later="X has 2 features, but")(
    lambda: (np.random.default_rng(0).normal(size=(ROWS, 3)), plain()[1], np.zeros((4, 2)))
)
