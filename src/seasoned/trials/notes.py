"""Notes of an objective, stored with its value: epochs, a path, a second metric. The search does not use them."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from seasoned.errors import InvalidInput
from seasoned.trials.trial import Config

__all__ = ["as_notes"]


def as_notes(given: Mapping[str, Any]) -> Config:
    """Convert notes for the log: numpy numbers to Python numbers, paths to text, non-finite numbers to None.

    Raises:
        InvalidInput: If a note is not a number, text, or a list or dict of numbers and text.

    Example:
        >>> as_notes({"epochs": 31, "score": float("nan"), "shape": [2, 3]})
        {'epochs': 31, 'score': None, 'shape': (2, 3)}
    """
    return Config({str(name): _plain(str(name), value) for name, value in given.items()})


def _plain(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(f"{name}.{key}", inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(name, inner) for inner in value)
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # a scalar of numpy or another library
        inner = value.item()
        return _plain(name, float(value) if type(inner) is type(value) else inner)  # Python has no long double
    raise InvalidInput(f"the note {name!r} is {value!r}; give numbers, text, or lists and dicts of these.")
