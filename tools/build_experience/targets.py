"""Which column of a public table is predicted, chosen by rules, so that nobody's taste decides.

Columns that only count or name the rows are dropped first. A column is a candidate

- for classes: 2 to 10 levels, each in at least 20 rows, the commonest in at most 95%; words before numbers;
- for a number: numeric, at least 30 levels, and at least 5% of the rows differ.

Whole numbers that differ in all rows count as names of the rows.

Of the candidates the first whose name is one of `RESPONSES` is taken, else the last column for classes (where data sets
usually have it) and the first one for numbers (where formulas have it). A feature that is the target in other words
(rank correlation above 0.999, or one to one with its classes) is left out. A table gives at most one task of each sort.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["RESPONSES", "Asked", "ask", "cleaned"]

Sort = Literal["classification", "regression"]

RESPONSES: Final = (
    *("class", "target", "y", "response", "outcome", "label", "result", "status", "default", "survived", "died"),
    *("death", "approved", "deny", "accepted", "arrested", "employed", "inlf", "vote", "choice", "quality", "rating"),
    *("score", "price", "wage", "income", "salary", "rent", "cost", "sales", "visits", "length", "weight", "time"),
)
_LEAST_ROWS: Final = 200
_MOST_COLUMNS: Final = 200
_LEVELS: Final = (2, 10)
_LEAST_OF_CLASS: Final = 20
_MOST_OF_CLASS: Final = 0.95
_DIFFERENT: Final = (30, 0.05)  # levels, and levels per row, of a number to predict
_SAME: Final = 0.999
_COUNTS: Final = re.compile(
    r"^(rownames|unnamed: ?\d*|\.\.\.1|x\.1|obs|index|case|subject|row|"
    r"(.*[._ ]|u|case|unit|student|person|school|sub)?id)$"
)


class Asked(NamedTuple):
    """One task of a table.

    Attributes:
        sort: Classes or a number.
        features: The other columns.
        target: The column to predict.
    """

    sort: Sort
    features: pd.DataFrame
    target: pd.Series[Any]


def cleaned(frame: pd.DataFrame) -> pd.DataFrame:
    """Without columns that count or name the rows, are constant or mostly empty, or hold lists or dates."""
    kept = []
    for place, name in enumerate(frame.columns):
        column = frame.iloc[:, place]
        if column.dtype.kind in "mMc" or (column.dtype == object and column.map(_collection).any()):
            continue
        levels = column.nunique()
        named = not _numeric(column) and levels > 0.5 * len(column)
        counted = _numeric(column) and levels == len(column) and bool((column.dropna() % 1 == 0).all())
        if levels > 1 and column.isna().mean() < 0.5 and not (named or counted or _COUNTS.match(str(name).lower())):
            kept.append(place)
    return frame.iloc[:, kept].reset_index(drop=True)


def ask(frame: pd.DataFrame, sorts: tuple[Sort, ...] = ("classification", "regression")) -> list[Asked]:
    """The tasks of a cleaned table; none where it is too small.

    Example:
        >>> import pandas as pd
        >>> rng = np.random.default_rng(0)
        >>> frame = pd.DataFrame({"wage": rng.normal(size=200), "age": rng.normal(size=200), "sex": ["f", "m"] * 100})
        >>> [(task.sort, task.target.name) for task in ask(frame)]
        [('classification', 'sex'), ('regression', 'wage')]
    """
    if len(frame) < _LEAST_ROWS or not 3 <= frame.shape[1] <= _MOST_COLUMNS or frame.columns.has_duplicates:
        return []
    found = []
    for sort in sorts:
        name = _classes_in(frame) if sort == "classification" else _number_in(frame)
        if name is not None:
            task = _task(frame, name, sort)
            found += [task] if task.features.shape[1] >= 2 and len(task.target) >= _LEAST_ROWS else []
    return found


def _collection(cell: object) -> bool:
    return isinstance(cell, list | dict | tuple | set)


def _numeric(column: pd.Series[Any]) -> bool:
    return column.dtype.kind in "iuf"


def _preferred(names: list[Any], otherwise: Any) -> Any:
    low = {str(name).lower(): name for name in reversed(names)}
    return next((low[name] for name in RESPONSES if name in low), otherwise)


def _classes_in(frame: pd.DataFrame) -> Any:
    words: list[Any] = []
    numbers: list[Any] = []
    for name in frame.columns:
        counts = frame[name].value_counts()
        few = _LEVELS[0] <= len(counts) <= _LEVELS[1]
        if few and counts.iloc[-1] >= _LEAST_OF_CLASS and counts.iloc[0] <= _MOST_OF_CLASS * len(frame):
            (numbers if _numeric(frame[name]) else words).append(name)
    either = words + numbers
    return _preferred(either, (words or numbers)[-1]) if either else None


def _number_in(frame: pd.DataFrame) -> Any:
    levels = {name: frame[name].nunique() for name in frame.columns if _numeric(frame[name])}
    found = [name for name, count in levels.items() if count >= max(_DIFFERENT[0], _DIFFERENT[1] * len(frame))]
    return _preferred(found, found[0]) if found else None


def _task(frame: pd.DataFrame, name: Any, sort: Sort) -> Asked:
    known = frame[name].notna().to_numpy()
    rows = frame[known].reset_index(drop=True)
    target = rows[name]
    features = rows.drop(columns=name)
    goal = target.astype(str).to_numpy() if sort == "classification" else target.to_numpy(dtype=np.float64)
    kept = [column for column in features.columns if not _tells(features[column], goal, sort)]
    return Asked(sort, features[kept], target)


def _tells(column: pd.Series[Any], goal: NDArray[Any], sort: Sort) -> bool:
    """Whether the column is the target in other words."""
    if sort == "classification":
        words, labels = list(map(str, column)), goal.tolist()
        return len(set(zip(words, labels, strict=True))) == len(set(words)) == len(set(labels))
    if not _numeric(column):
        return False
    values = column.to_numpy(dtype=np.float64)
    both = np.isfinite(values) & np.isfinite(goal)
    if both.sum() < 10 or np.ptp(values[both]) == 0 or np.ptp(goal[both]) == 0:
        return False
    from scipy.stats import spearmanr

    return abs(float(spearmanr(values[both], goal[both]).statistic)) > _SAME
