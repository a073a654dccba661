"""Conversion of network inputs to numeric arrays; needs no JAX."""

from __future__ import annotations

from typing import Any

import numpy as np

from seasoned.errors import InvalidInput

__all__ = ["as_numbers"]


def as_numbers(X: np.ndarray, dtype: np.dtype[Any], name: str) -> np.ndarray:
    """Return the array in a numeric type.

    Args:
        X: Array of any type.
        dtype: Requested type.
        name: Name of the array in error messages.

    Raises:
        InvalidInput: The array contains text, dates, or missing values other than NaN.

    Example:
        >>> as_numbers(np.array([[True, 2]], dtype=object), np.dtype("float32"), "X").tolist()
        [[1.0, 2.0]]
    """
    try:
        if X.dtype.kind not in "USMmcT":  # numpy could convert these kinds too, but not as the user intends
            return X.astype(dtype, copy=False)
        strange = X.reshape(-1)[:1].tolist()
    except (TypeError, ValueError, OverflowError):
        strange = [cell for cell in X.reshape(-1).tolist() if not isinstance(cell, bool | int | float | np.number)][:1]
    told = f" such as {strange[0]!r}" if strange else f" of the type {X.dtype}"
    raise InvalidInput(
        f"{name} has inputs{told}, and networks take numbers: encode text and dates, and fill what is missing, first."
    )
