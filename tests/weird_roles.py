"""Weird tables: sizes, types that change, and what is beside X and y."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, LeavePGroupsOut

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


# ------------------------------------------------------------------------------------------------ roles


def grouped(number: int, name: str, groups: Any, **expected: Any) -> None:
    weird(number, name, roles={"groups": groups}, **expected)(plain)


grouped(60, "one group", ["a"] * ROWS, refused="one group only")
grouped(60, "a group a row", np.arange(ROWS))
grouped(60, "groups of text", np.array(list("abcde") * 8))
grouped(60, "groups in a categorical", pd.Categorical(list("abcd") * 10, categories=list("abcdef")))
grouped(60, "as many groups as folds", np.arange(ROWS) // 20)
grouped(60, "more folds than groups", [1, 2, 3, 4] * 10, options={"validation": 6}, refused="from 2 to 4")
grouped(
    60, "a splitter with more folds than groups", [1, 2] * 20, options={"validation": GroupKFold(3)}, refused="GroupK"
)
grouped(60, "a splitter of groups", np.arange(ROWS) // 10, options={"validation": LeavePGroupsOut(2)})
grouped(60, "a group missing", [None, *range(ROWS - 1)], refused="missing for 1 of 40 rows")
grouped(60, "too few groups given", [1, 2, 3], refused="groups has 3 values and X has 40 rows")
weird(60, "a splitter of groups without groups", options={"validation": GroupKFold(3)}, refused="pass groups= to fit")(
    plain
)


@weird(
    60, "groups, and rows without a target", roles={"groups": np.arange(ROWS) % 8}, says="3 of 40 rows have no target"
)
def _() -> tuple[Any, ...]:
    X, y = plain()
    return X, pd.Series(y, dtype=object).where(np.arange(ROWS) > 2, None)


def timed(name: str, times: Any, **expected: Any) -> None:
    """The target has both classes at the start and at the end."""
    made = plain()[0].assign(t=times), np.array(["yes", "no"] * (ROWS // 2))
    weird(61, name, options={"validation": "t"}, **expected)(lambda: made)


timed("all times equal", pd.Timestamp("2020-01-01"), refused="all rows have the same time")
timed("times reversed", pd.date_range("2020", periods=ROWS)[::-1])
timed("times with ties", np.arange(ROWS) // 10)
weird(61, "no other class until half the time is over", options={"validation": "t"})(
    lambda: (plain()[0].assign(t=range(ROWS)), np.where(np.arange(ROWS) < 25, "no", ["yes", "no"] * 20))
)
timed("two times", np.arange(ROWS) // 20)
timed("times with a gap", np.r_[np.arange(20), 10**9 + np.arange(20)])
timed("times as text", pd.date_range("2020", periods=ROWS).strftime("%d/%m/%Y"))
timed("times in zones", pd.date_range("2020", periods=ROWS, tz="Asia/Tokyo"))
timed("a time missing", [None, *pd.date_range("2020", periods=ROWS - 1)], refused="missing in 1 of 40 rows")
timed("times that are infinite", [np.inf, *range(ROWS - 1)], refused="missing in 1 of 40 rows")
timed("times that are words", ["soon", "later"] * 20, refused="a text column")
weird(61, "a time that is not there", options={"validation": "when"}, refused="no such column")(plain)


def weighted(name: str, weights: Any, **expected: Any) -> None:
    weird(62, name, roles={"sample_weight": weights}, **expected)(plain)


weighted("weights of zero", np.arange(ROWS) % 3, says="14 of 40 rows have the weight 0")
weighted("a weight below zero", [-1.0, *[1.0] * 39], refused="goes down to -1")
weighted("a weight that is NaN", [np.nan, *[1.0] * 39], refused="missing \\(NaN\\) for 1 of 40 rows")
weighted("a weight that is infinite", [np.inf, *[1.0] * 39], refused="holds infinity")
weighted("one huge weight", [1e9, *[1.0] * 39])
weighted("one weight beyond measure", [1e300, *[1.0] * 39], refused="cut off")
weighted("tiny weights", np.full(ROWS, 1e-300))
weighted("all weights zero", np.zeros(ROWS), refused="zero for all rows")
weighted("weights of zero for a class", np.where(plain()[1] == "yes", 0, 1), refused="only one class, 'no'")
weighted("weights in a nullable column", pd.array([1, 2, 3, 4] * 10, dtype="Int64"))
weighted("weights as text", ["heavy", "light"] * 20, refused="no number")
weighted("too few weights", [1.0, 2.0], refused="sample_weight has 2 values and X has 40 rows")
weighted("two columns of weights", np.ones((ROWS, 2)), refused="pass one value per row")
