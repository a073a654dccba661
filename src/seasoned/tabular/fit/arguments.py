"""Features and target as passed by the user: conversion to a frame, and errors for misplaced arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidInput
from seasoned.tabular.fit.data_warnings import warn_of_index, warn_of_order
from seasoned.tabular.input.frames import to_frame
from seasoned.tabular.validation.declared import refuse_labels

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_features"]


def read_features(X: Any, y: Any, sample_weight: Any, groups: Any, validation: Any) -> pd.DataFrame:
    """Features of a fit as a frame, after checks of the arguments passed with it.

    Raises:
        InvalidInput: If X is no table, has no column, or X and y are swapped.
    """
    _refuse_swapped(X, y)
    frame = to_frame(X)
    refuse_labels(validation, X)
    warn_of_order(X, y=y, sample_weight=sample_weight, groups=groups)
    warn_of_index(X, groups, validation)
    if frame.shape[1] == 0:
        raise InvalidInput(f"X has 0 feature(s) (shape=({len(frame)}, 0)) while a minimum of 1 is required.")
    return frame


def _refuse_swapped(X: Any, y: Any) -> None:
    """Refuse a table as the target if the features are a single column or the name of a column.

    Raises:
        InvalidInput: In this case. The message contains the intended call.
    """
    columns = _columns(y)
    if columns < 2 or not (isinstance(X, str) or _is_flat(X)):
        return
    if isinstance(X, str):
        called = f"write fit(table.drop(columns={X!r}), table[{X!r}])"
        raise InvalidInput(f"X is the text {X!r} and y is a table of {columns} columns; {called}, the features first.")
    raise InvalidInput(
        f"X has one dimension and y is a table of {columns} columns, so the two are swapped; write fit(X, y), the "
        "features first."
    )


def _is_flat(values: Any) -> bool:
    """True for a series, an array of one dimension, or a list of single values."""
    if isinstance(values, list | tuple):
        return bool(values) and (isinstance(values[0], str) or not hasattr(values[0], "__len__"))
    shape = getattr(values, "shape", ())
    return isinstance(shape, tuple) and len(shape) == 1


def _columns(table: Any) -> int:
    """Number of columns of a table; 0 for data without two dimensions."""
    shape = getattr(table, "shape", ())
    return int(shape[1]) if isinstance(shape, tuple) and len(shape) == 2 else 0
