"""Weird tables: few rows, and odd targets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from weird import ROWS, collection, numbers, plain

TABLES, weird = collection()


weird(1, "no rows", refused="0 rows")(lambda: (plain()[0].iloc[:0], []))
weird(1, "nothing at all", refused=r"0 feature\(s\)")(lambda: (pd.DataFrame(), []))
weird(1, "an empty list", refused="the list is empty")(lambda: ([], []))
weird(2, "no columns", refused=r"0 feature\(s\)")(lambda: (pd.DataFrame(index=range(ROWS)), plain()[1]))
weird(3, "one row", refused="only one class")(lambda: (plain(3)[0].iloc[:1], ["yes"]))
weird(3, "one row with a number", task="regression", refused="has 1 row")(lambda: (plain(3)[0].iloc[:1], [1.5]))
weird(4, "two rows", refused="has 2 labelled rows, and a fit needs at least 10")(lambda: (plain(2)[0], ["yes", "no"]))
weird(4, "two rows with numbers", task="regression", refused="has 2 labelled rows")(lambda: (plain(2)[0], [1.5, 2.5]))
weird(4, "ten rows", says="has 10 labelled rows; scores of fewer than 50")(lambda: (plain(10)[0], plain(10)[1]))
weird(4, "ten rows, of which a booster draws some", task="regression", options={"models": ["lightgbm"]})(
    lambda: (plain(10)[0], numbers(plain(10)[1]))
)
weird(5, "one column")(lambda: (plain()[0][["a"]], plain()[1]))
weird(6, "one row per class")(lambda: (plain(12)[0], list("pqrstuvwxyzo")))
weird(7, "a class with one member")(lambda: (plain()[0], [*plain()[1][:-1], "maybe"]))
weird(8, "one class", refused="only one class, 'yes'")(lambda: (plain()[0], ["yes"] * ROWS))


@weird(9, "1,200 classes", options={"models": ["tree"]})
def _() -> tuple[Any, ...]:
    codes = np.repeat(np.arange(1200), 2)
    return pd.DataFrame({"a": codes + np.tile([0.0, 0.1], 1200), "b": codes % 7}), [f"class {code}" for code in codes]


weird(10, "a signalling NaN as a target", refused="the target holds a signalling NaN; replace it by None")(
    lambda: (plain()[0], [Decimal("sNaN"), *plain()[1][1:]])
)
weird(10, "no target at all", refused="all 40 values of the target are missing")(lambda: (plain()[0], [None] * ROWS))
weird(11, "some targets missing", says="3 of 40 rows have no target")(
    lambda: (plain()[0], pd.Series(plain()[1], dtype=object).where(np.arange(ROWS) > 2, None))
)
weird(11, "some numbers missing", task="regression", says="1 of 40 rows")(
    lambda: (plain()[0], pd.array([None, *numbers(plain()[1])[1:]], dtype="Float64"))
)
weird(12, "an infinite target", task="regression", refused="holds an infinity")(
    lambda: (plain()[0], np.r_[np.inf, np.arange(ROWS - 1.0)])
)
weird(12, "an infinite class", refused="holds an infinity")(lambda: (plain()[0], [np.inf, 1.0] * 20))
weird(13, "a boolean target")(lambda: (plain()[0], plain()[1] == "yes"))
weird(13, "a yes-or-no target")(plain)
weird(13, "classes 0.0 and 1.0")(lambda: (plain()[0], (plain()[1] == "yes").astype(float)))
weird(13, "numbers and text as classes")(lambda: (plain()[0], [1, "two", 3.0, "two"] * 10))
weird(13, "a nullable boolean target", says="10 of 40")(
    lambda: (plain()[0], pd.array([True, False, None, False] * 10, dtype="boolean"))
)
weird(13, "an Arrow target")(lambda: (plain()[0], pd.array(plain()[1], dtype=pd.ArrowDtype(pa.string()))))
weird(14, "a target with levels that nobody has")(
    lambda: (plain()[0], pd.Categorical(plain()[1], categories=["maybe", "no", "never", "yes"]))
)
weird(14, "a target of ordered levels that are numbers")(
    lambda: (plain()[0], pd.Categorical([3, 1, 2, 1] * 10, categories=[3, 2, 1, 0], ordered=True))
)
weird(15, "a constant number", task="regression")(lambda: (plain()[0], np.full(ROWS, 3.25)))
weird(16, "numbers from 1e-300 to 1e300", task="regression", refused="goes up to 1e\\+300.*logarithm")(
    lambda: (plain()[0], np.logspace(-300, 300, ROWS))
)
weird(16, "numbers of about 1e-300", task="regression", refused="multiply")(
    lambda: (plain()[0], np.linspace(1e-300, 9e-300, ROWS))
)
weird(16, "numbers up to 1e30", task="regression")(lambda: (plain()[0], np.logspace(-30, 30, ROWS)))
weird(17, "a few integers", task="regression")(lambda: (plain()[0], [0, 1, 2, 1] * 10))
weird(17, "a boolean as a number", task="regression")(lambda: (plain()[0], plain()[1] == "yes"))


@weird(18, "the target among the features", says="'leak' is the same as the target in every row")
def _() -> tuple[Any, ...]:
    X, y = plain()
    return X.assign(leak=y), y


weird(19, "dates as classes")(lambda: (plain()[0], pd.to_datetime(["2020-01-01", "2021-01-01"] * 20)))
weird(19, "dates as numbers", task="regression", refused="holds dates")(
    lambda: (plain()[0], pd.date_range("2020", periods=ROWS))
)
weird(19, "durations as numbers", task="regression", refused="holds durations")(
    lambda: (plain()[0], pd.to_timedelta(np.arange(ROWS), unit="h"))
)
weird(19, "text as numbers", task="regression", refused="'yes', which is no number|'no', which is no number")(plain)
weird(19, "numbers that came as text", task="regression")(lambda: (plain()[0], [str(i / 7) for i in range(ROWS)]))
