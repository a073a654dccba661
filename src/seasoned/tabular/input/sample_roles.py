"""Sample weights and groups of rows: checks, and conversion to arrays."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.input.frames import to_series
from seasoned.tabular.schema.object_columns import absent

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Roles", "check_lengths", "read_roles", "read_weights"]

logger = logging.getLogger("seasoned.tabular")

_RATIO: Final = 1e12  # largest ratio of two weights; beyond it, light rows vanish in single precision


@dataclass(frozen=True, slots=True, eq=False)
class Roles:
    """Weights and groups of the rows of a fit.

    Attributes:
        weights: Sample weights, shape (n,), not negative; None if all are equal.
        groups: Group codes from 0, shape (n,); None without groups.
        names: Group labels as passed by the user, shape (n,), for splitters that read them.
    """

    weights: NDArray[np.float64] | None = None
    groups: NDArray[np.int64] | None = None
    names: NDArray[Any] | None = None

    @property
    def counted(self) -> NDArray[np.bool_] | None:
        """Mask of the rows with a weight above 0, shape (n,); None without weights."""
        return None if self.weights is None else self.weights > 0

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Weights and groups by name, as far as they exist."""
        given = {"weights": self.weights, "groups": self.groups}
        return {name: array for name, array in given.items() if array is not None}

    def of(self, kept: NDArray[np.bool_]) -> Roles:
        """Roles of the rows of a mask, shape (n,)."""
        return Roles(
            None if self.weights is None else self.weights[kept],
            None if self.groups is None else np.unique(self.groups[kept], return_inverse=True)[1],
            None if self.names is None else self.names[kept],
        )


def read_roles(sample_weight: Any, groups: Any, rows: int) -> Roles:
    """Check the weights and groups of `fit`. A warning counts the rows with weight 0.

    Weights are returned as shares of the largest weight.

    Raises:
        InvalidInput: If a role has another number of rows or a missing value, or weights are negative, infinite, all 0
            or too far apart.

    Example:
        >>> read_roles([1, 2, 0], None, 3).weights
        array([0.5, 1. , 0. ])
    """
    weights = None if sample_weight is None else read_weights(sample_weight, rows)
    if weights is not None and not weights.all():
        logger.warning("%d of %d rows have the weight 0 and are left out.", int((weights == 0).sum()), rows)
    codes, names = (None, None) if groups is None else read_groups(groups, rows)
    return Roles(weights, codes, names)


def read_weights(sample_weight: Any, rows: int) -> NDArray[np.float64]:
    """Weights as shares of the largest weight, shape (rows,).

    Raises:
        InvalidInput: As `read_roles`.
    """
    series = _one_a_row(sample_weight, "sample_weight", rows)
    gaps = int(absent(series, "sample_weight").sum())
    if gaps:
        raise InvalidInput(
            f"sample_weight is missing (NaN) for {gaps} of {rows} rows; pass a number for each, 0 "
            "for what is to be left out."
        )
    try:
        if series.dtype.kind == "c":  # numpy would drop the imaginary part, with a warning
            raise TypeError
        weights = series.to_numpy(dtype=np.float64)
    except (ArithmeticError, TypeError, ValueError):
        example = next((value for value in series if not isinstance(value, int | float)), series.iloc[0])
        raise InvalidInput(f"sample_weight holds {example!r}, which is no number; pass numbers of 0 or more.") from None
    if np.isinf(weights).any():
        raise InvalidInput("sample_weight holds infinity; pass finite numbers of 0 or more.")
    if (weights < 0).any():
        raise InvalidInput(f"sample_weight goes down to {weights.min():g}; pass numbers of 0 or more.")
    if not weights.any():
        raise InvalidInput("sample_weight is zero for all rows; give those that count a number above 0.")
    largest, smallest = float(weights.max()), float(weights[weights > 0].min())
    if not largest <= _RATIO * smallest:
        raise InvalidInput(
            f"sample_weight goes from {smallest:g} to {largest:g}, so that only the heaviest rows would count; cut off "
            f"what is beyond {_RATIO:g} times the smallest."
        )
    scaled: NDArray[np.float64] = weights / largest
    return scaled


def read_groups(groups: Any, rows: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Group codes from 0, and group labels as passed by the user, shape (rows,) each.

    Raises:
        InvalidInput: As `read_roles`.
    """
    import pandas as pd

    series = _one_a_row(groups, "groups", rows)
    gaps = int(absent(series, "groups").sum())
    if gaps:
        raise InvalidInput(
            f"groups is missing for {gaps} of {rows} rows; name a group for each row, one of its own where it belongs "
            "with no other row."
        )
    try:
        codes, _ = pd.factorize(series)
    except TypeError:
        raise InvalidInput(
            f"groups holds {series.iloc[0]!r}, which names no group; pass a number or text a row."
        ) from None
    names = series.to_numpy()
    try:
        np.unique(names[:0] if names.dtype.kind != "O" else names)
    except TypeError:  # splitters cannot sort labels of several types
        return codes.astype(np.int64), codes.astype(np.int64)
    return codes.astype(np.int64), names


def _one_a_row(values: Any, name: str, rows: int) -> pd.Series[Any]:
    if isinstance(values, str):
        raise InvalidInput(f"{name} is {values!r}; pass a value a row, such as X[{values!r}].")
    shape: tuple[int, ...] = getattr(values, "shape", ())
    if len(shape) == 2 and shape[1] > 1:
        raise InvalidInput(f"{name} has {shape[1]} columns; join them, and pass one value per row.")
    try:
        series = to_series(values)
    except InvalidInput as error:
        raise InvalidInput(f"{name} cannot be read ({error}); pass one value per row.") from error
    if len(series) != rows:
        raise InvalidInput(f"{name} has {len(series)} values and X has {rows} rows; pass one a row.")
    return series


def check_lengths(rows: int, targets: int) -> None:
    """Refuse a target whose length differs from the number of rows.

    Raises:
        InvalidInput: If the lengths differ.
    """
    if rows != targets:
        raise InvalidInput(
            f"X has {rows} rows and y has {targets}: inconsistent numbers of samples; pass one target per row."
        )
