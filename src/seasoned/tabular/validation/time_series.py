"""Folds in time: validation rows are later than the training rows."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.schema.canonical import canonical
from seasoned.tabular.schema.dates import date_style, mostly_dates, read_dates
from seasoned.tabular.schema.text_parsing import mostly_numbers, number_style, read_numbers

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.validation.folds import Fold

__all__ = ["forward_folds", "read_times"]


def forward_folds(times: NDArray[Any], count: int) -> list[Fold]:
    """Return the row indices of forward chaining: block i + 1 validates a model of blocks 0 to i.

    The rows in the order of time are cut into `count` + 1 blocks of about the same size; for one fold, into the first
    four fifths and the last fifth. Rows of the same time stay in one block, so that there may be fewer blocks.

    Args:
        times: Number or date of each row, without missing values, shape (n,).
        count: Number of folds, at least 1.

    Raises:
        InvalidInput: If all times are the same.

    Example:
        >>> [(train.tolist(), valid.tolist()) for train, valid in forward_folds(np.array([3, 1, 2, 2]), 2)]
        [([1], [2, 3]), ([1, 2, 3], [0])]
    """
    order = np.argsort(times, kind="stable")
    starts = np.flatnonzero(np.r_[False, np.diff(times[order]).astype(np.float64) > 0])  # first rows of later times
    if not len(starts):
        raise InvalidInput("all rows have the same time, so none comes after another; use a number of folds instead.")
    wanted = np.array([0.8]) if count == 1 else np.arange(1, count + 1) / (count + 1)
    nearest = np.abs(starts[None, :] - wanted[:, None] * len(times)).argmin(axis=1)
    cuts = np.unique(starts[nearest])
    ends = np.r_[cuts[1:], len(times)]
    return [(np.sort(order[:cut]), np.sort(order[cut:end])) for cut, end in zip(cuts, ends, strict=True)]


def read_times(frame: pd.DataFrame, name: str) -> NDArray[Any]:
    """Return the times in a column of dates or numbers, which may be texts, shape (n,).

    Raises:
        InvalidInput: If the column is missing or contains other values, or a time is missing.
    """
    if name not in frame.columns:
        near = difflib.get_close_matches(name, map(str, frame.columns), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"pass one of {', '.join(map(str, frame.columns[:5]))} ..."
        raise InvalidInput(f"validation is {name!r}, and X has no such column to tell the time; {hint}")
    values = canonical(frame[name])
    if values.dtype.kind not in "fM":
        values = _written(values, name)
    if values.isna().any():
        raise InvalidInput(
            f"validation is {name!r}, and the time is missing in {int(values.isna().sum())} of {len(values)} rows; "
            "fill it in, or leave these rows out."
        )
    return values.to_numpy()


def _written(text: pd.Series[Any], name: str) -> pd.Series[Any]:
    if (style := number_style(text)) is not None:
        return read_numbers(text, style)
    if (style := date_style(text)) is not None:
        return read_dates(text, style)
    for mostly, read in ((mostly_numbers, read_numbers), (mostly_dates, read_dates)):
        if (found := mostly(text)) is None:
            continue
        style, left = found
        if len(left):
            raise InvalidInput(
                f"validation is {name!r}, and {len(left)} of {len(text)} times cannot be read, such as "
                f"{left.iloc[0]!r}; correct them, or leave these rows out."
            )
        return read(text, style)
    raise InvalidInput(
        f"validation is {name!r}, a text column that cannot be read as dates or numbers; to keep groups of rows "
        f"together pass groups=X[{name!r}] to fit."
    )
