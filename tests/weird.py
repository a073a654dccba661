"""The weird tables: 62 kinds of what people really have, each with what the product must do with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

Make = Callable[[], tuple[Any, ...]]

ROWS = 40
NAN = np.nan


@dataclass(frozen=True)
class Weird:
    """A weird table.

    Attributes:
        number: Which of the 62 kinds.
        name: What is weird about it.
        make: Gives (X, y), or (X, y, rows to predict).
        task: Of the target.
        refused: What the sentence says with which `fit` refuses it; None if it must work.
        refused_later: The same of `predict`.
        says: What the log says beside it.
        hopeless: Whether every trial fails, so that the baseline predicts.
        options: Of the estimator.
        roles: What `fit` is told beside X and y.
        slow: Whether it takes minutes.
    """

    number: int
    name: str
    make: Make
    task: str = "classification"
    refused: str | None = None
    refused_later: str | None = None
    says: str | None = None
    hopeless: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    roles: dict[str, Any] = field(default_factory=dict)
    slow: bool = False

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


def collection() -> tuple[list[Weird], Callable[..., Any]]:
    """An empty list of tables, and what adds to it the one that the decorated function makes."""
    tables: list[Weird] = []

    def weird(number: int, name: str, **expected: Any) -> Callable[[Make], None]:
        return lambda make: tables.append(Weird(number, name, make, **expected))

    return tables, weird


def plain(rows: int = ROWS) -> tuple[pd.DataFrame, np.ndarray]:
    """An ordinary table of two columns that inform, and its classes."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.choice(["u", "v", "w"], rows)})
    y = np.where(frame["a"] + (frame["b"] == "u") > 0.3, "yes", "no")
    y[:2] = ["yes", "no"]
    return frame, y


def beside(columns: dict[str, Any], rows: int = ROWS) -> tuple[pd.DataFrame, np.ndarray]:
    """The ordinary table with odd columns beside it."""
    frame, y = plain(rows)
    return frame.assign(**{name: _cells(values, rows) for name, values in columns.items()}), y


def _cells(values: Any, rows: int) -> Any:
    """A list is repeated to as many rows; an array is taken as it is."""
    if isinstance(values, list):
        cells = np.empty(rows, dtype=object)
        for index in range(rows):
            cells[index] = values[index % len(values)]
        return pd.Series(cells, dtype=object)
    return values


def repeated(values: Any, dtype: Any) -> Any:
    return pd.Series(pd.array([values[index % len(values)] for index in range(ROWS)], dtype=dtype))


def numbers(y: np.ndarray) -> np.ndarray:
    """A regression target that goes with the ordinary table."""
    return np.where(y == "yes", 1.0, 0.0) + np.linspace(0, 1, len(y))
