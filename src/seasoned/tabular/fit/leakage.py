"""Target leakage: columns that predict the target alone, as a copy or as information from after the event.

The check uses at most 1,000 rows and 30 columns. The columns are those with the largest share of variance between the
classes, or the largest correlation with a numeric target. For classes, a small tree of one column is fitted on half of
the rows. Its score is the share of the most frequent class's errors that it avoids on the other half. For a numeric
target, the score is the rank correlation.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.schema.wide_tables import number_places, numbers

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Target

__all__ = ["warn_of_leaks"]

logger = logging.getLogger("seasoned.tabular")

_COPY_ROWS: Final = 20  # smallest number of rows for the copy check; with fewer, a column can be equal by chance
_ROWS: Final = 100  # smallest number of rows for scores; with fewer, one of many columns can score by chance
_SAMPLE, _COLUMNS, _WIDEST = 1_000, 30, 2_000
_LEVELS: Final = 50  # largest number of levels of a category; more levels are no simple rule
_LEAVES: Final = 64
_TELLING: Final = 0.98  # smallest share of avoided errors, and of known values for a rank correlation
_ERRORS: Final = 10  # smallest number of errors of the most frequent class; fewer can be avoided by chance
_RANKS: Final = 0.999  # smallest absolute rank correlation


def warn_of_leaks(canonical: pd.DataFrame, target: Target) -> None:
    """Warn about columns that copy the target, or predict it alone in nearly every row.

    Args:
        canonical: The columns as read by the schema.
        target: The target of the same rows.
    """
    if len(canonical) < _COPY_ROWS:
        return
    copies = [
        name for name in canonical.columns[_may_be_copy(canonical, target)] if _is_target(canonical[name], target)
    ]
    for name in copies:
        logger.warning(
            "the column %r is the same as the target in every row; leave it out if it is unknown when predicting.",
            name,
        )
    if len(canonical) < _ROWS or canonical.shape[1] > _WIDEST:
        return
    for name, score in _telling(canonical.drop(columns=copies), target):
        logger.warning(
            "the column %r alone tells the target (%s); leave it out, with X.drop(columns=[%r]) or --ignore, if it is "
            "unknown when predicting.",
            *(name, score, name),
        )


def _may_be_copy(canonical: pd.DataFrame, target: Target) -> NDArray[np.bool_]:
    """Columns that can be copies of the target by their first rows, shape (columns,). Most number columns cannot."""
    places = number_places(canonical)
    found = ~places
    head = numbers(canonical.head(_COPY_ROWS), places)
    if target.task == "regression":
        found[places] = (head == target.values[:_COPY_ROWS, None]).all(axis=0)
    else:
        distinct = 1 + (np.diff(np.sort(head, axis=0), axis=0) != 0.0).sum(axis=0)
        found[places] = distinct <= len(target.classes)  # a missing cell is no class
    return found


def _is_target(column: pd.Series[Any], target: Target) -> bool:
    """True if the column equals the target: the same numbers, or levels that match the classes one to one."""
    import pandas as pd

    if target.task == "regression":
        return column.dtype.kind == "f" and np.array_equal(column.to_numpy(), target.values)
    head = pd.factorize(column.head(_COPY_ROWS))[0]
    distinct = len(np.unique(head))
    if distinct > len(target.classes) or distinct != len(
        np.unique(np.column_stack([head, target.values[:_COPY_ROWS]]), axis=0)
    ):
        return False  # sufficient for most columns
    codes, levels = pd.factorize(column)
    if len(levels) != len(target.classes) or (codes < 0).any():
        return False
    named = np.full(len(levels), -1)
    named[codes] = target.values
    return bool((named[codes] == target.values).all()) and len(np.unique(named)) == len(levels)


def _telling(canonical: pd.DataFrame, target: Target) -> list[tuple[Any, str]]:
    """Columns that predict the target alone, each with its score as a phrase."""
    rows = np.sort(np.random.default_rng(0).permutation(len(canonical))[:_SAMPLE])
    some, y = canonical.iloc[rows], target.values[rows]
    columns = {name: cells for name in some.columns if (cells := _cells(some[name])) is not None}
    if not columns or np.ptp(y) == 0:
        return []
    matrix = np.column_stack(list(columns.values()))
    places = np.argsort(-_related(matrix, y, len(target.classes)), kind="stable")[:_COLUMNS]
    names, judge = list(columns), _rank_score if target.task == "regression" else _class_score
    found = ((names[place], judge(matrix[:, place], y)) for place in places)
    return [(name, score) for name, score in found if score is not None]


def _cells(column: pd.Series[Any]) -> NDArray[np.float64] | None:
    """Column as numbers, shape (n,); None for texts and categories of many levels."""
    import pandas as pd

    if column.dtype.kind in "fiub":
        return column.to_numpy(dtype=np.float64)
    if column.dtype.kind == "M":
        return column.to_numpy(dtype="datetime64[s]").astype(np.float64)  # a missing date becomes the smallest number
    codes, levels = pd.factorize(column)
    return codes.astype(np.float64) if len(levels) <= _LEVELS else None


def _related(matrix: NDArray[np.float64], y: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """Share of each column's variance that the target explains linearly, shape (columns,)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without numbers
        means = np.nanmean(matrix, axis=0)
    centred = np.nan_to_num(np.where(np.isnan(matrix), means, matrix) - means, posinf=0.0, neginf=0.0)
    centred /= np.abs(centred).max(axis=0, initial=1e-300)  # prevents overflow of the squares
    total = np.square(centred).sum(axis=0)
    aims = np.eye(n_classes)[y.astype(np.intp)] if n_classes else (y - y.mean())[:, None] / np.abs(y).max()
    sums, sizes = aims.T @ centred, np.square(aims).sum(axis=0)
    explained = (np.square(sums) / np.maximum(sizes, 1e-300)[:, None]).sum(axis=0)
    return np.asarray(explained / np.maximum(total, 1e-300))


def _class_score(cells: NDArray[np.float64], y: NDArray[Any]) -> str | None:
    """Score of a column that predicts the class alone, as a phrase; None for other columns."""
    from sklearn.tree import DecisionTreeClassifier

    rows = np.random.default_rng(1).permutation(len(y))
    learned, held = rows[: len(y) // 2], rows[len(y) // 2 :]
    usual = np.bincount(y[learned]).argmax()
    plain = int((y[held] != usual).sum())
    if plain < _ERRORS:
        return None
    finite = np.where(np.isinf(cells), np.nan, cells).astype(np.float32)[:, None]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes")
        tree = DecisionTreeClassifier(max_leaf_nodes=_LEAVES, random_state=0).fit(finite[learned], y[learned])
    wrong = int((tree.predict(finite[held]) != y[held]).sum())
    if wrong > (1 - _TELLING) * plain:
        return None
    right, before = (f"{1 - count / len(held):.1%}" for count in (wrong, plain))
    return f"right in {right} of {len(held)} held-out rows, the usual class in {before}"


def _rank_score(cells: NDArray[np.float64], y: NDArray[Any]) -> str | None:
    """Score of a column in the order of the target, as a phrase; None for other columns."""
    from scipy.stats import spearmanr

    known = np.isfinite(cells)
    if known.mean() < _TELLING or np.ptp(cells[known]) == 0:
        return None
    found = float(spearmanr(cells[known], y[known]).statistic)
    return f"rank correlation {found:.4f} in {int(known.sum())} rows" if abs(found) >= _RANKS else None
