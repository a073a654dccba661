"""What a feature step is: something that is fitted on the training rows of a fold and gives further columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["LARGEST", "Columns", "Rows", "Step", "few_valued", "plain_numbers"]

LARGEST: Final = 1e37  # forests compute in float32; beyond its range they refuse the whole table


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The training rows of a fold.

    Attributes:
        codes: Quantities with NaN and level codes, shape (n, p), as the diet `codes` has them.
        categorical: Which columns hold level codes.
        aims: What is to be predicted, shape (n, k): the number without extremes, or for each class whether it is that.
        weight: How much each row counts, shape (n,); None if all count the same.
        seed: Of everything random.
        cyclic: Columns that are parts of dates, and after how much each begins again.
    """

    codes: NDArray[np.float64]
    categorical: frozenset[int]
    aims: NDArray[np.float64]
    weight: NDArray[np.float64] | None
    seed: int
    cyclic: tuple[tuple[int, float], ...] = ()

    @property
    def quantities(self) -> NDArray[np.int64]:
        """The columns that hold no level codes."""
        return np.array(
            [place for place in range(self.codes.shape[1]) if place not in self.categorical], dtype=np.int64
        )

    def sample(self, most: int) -> NDArray[np.int64]:
        """Rows to look at, in random order, so that ties and sorted tables tell nothing."""
        return np.random.default_rng(self.seed).permutation(len(self.codes))[:most]


class Columns(Protocol):
    """A fitted step, plain data."""

    @property
    def count(self) -> int:
        """Number of columns that it gives."""
        ...

    def transform(self, codes: NDArray[np.float64]) -> NDArray[np.float64]:
        """The new columns of any rows, shape (n, count); NaN where there is no value, never infinite."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Plain data that `Step.from_json` reads."""
        ...


class Step(Protocol):
    """A way to make columns."""

    @property
    def name(self) -> str:
        """Its name in configurations."""
        ...

    def fit(self, rows: Rows, most: int) -> tuple[Columns, NDArray[np.float64]]:
        """Learn from the training rows which columns to make, at most so many, and give theirs for these rows.

        What looks at the target gives the training rows columns of other rows' targets (out of fold), which is why
        these are not what `transform` would give.
        """
        ...

    def from_json(self, state: dict[str, Any], width: int) -> Columns:
        """What `Columns.to_json` described, for tables of `width` columns of codes.

        Raises:
            ValueError: If a column is out of range, or a number is none.
        """
        ...


def few_valued(rows: Rows, most: int = 100) -> list[int]:
    """Columns whose values may name groups: level codes and whole numbers, few and each met again and again."""
    found = []
    for place, column in enumerate(rows.codes.T):
        present = column[~np.isnan(column)]
        values = np.unique(present)
        whole = bool((values == np.round(values)).all())
        if 2 <= len(values) <= min(most, len(present) // 3) and whole:
            found.append(place)
    return found


def plain_numbers(values: Sequence[Any], *, low: float = -np.inf, high: float = np.inf) -> NDArray[np.float64]:
    """A list from a file as finite numbers, shape (n,), none below `low` or above `high`.

    Raises:
        ValueError: If it holds anything else.
    """
    if not isinstance(values, list) or not all(type(value) in {int, float} for value in values):
        raise ValueError("a feature's state holds something else than numbers")
    found = np.array(values, dtype=np.float64)
    if not np.isfinite(found).all() or (found < low).any() or (found > high).any():
        raise ValueError("a feature's state holds a number out of range")
    return found
