"""What a feature step is: something that is fitted on the training rows of a fold and gives further columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from seasoned.tabular.validation.inner_folds import together_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.features.text_cache import TextRows

    Levels = tuple[NDArray[np.float64], NDArray[np.int64]]  # what `levels_of` gives

__all__ = ["LARGEST", "Columns", "Given", "Rows", "Selection", "Step", "few_valued", "levels_of", "plain_numbers"]

LARGEST: Final = 1e37  # forests compute in float32; beyond its range they refuse the whole table
_MOST_LEVELS: Final = 10_000  # of a column that holds level codes
_GLANCE: Final = 2_000  # first rows, which suffice to rule most columns out


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What features of any rows are made from.

    Attributes:
        codes: Quantities with NaN and level codes, shape (n, p): those of the diet `codes`, and after them the levels
            of text columns.
        texts: The text columns.
    """

    codes: NDArray[np.float64]
    texts: tuple[TextRows, ...] = ()

    def take(self, rows: NDArray[np.int64]) -> Given:
        """Some of the rows."""
        return Given(self.codes[rows], tuple(text.take(rows) for text in self.texts))


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The training rows of a fold.

    Attributes:
        given: Their columns.
        categorical: Which columns of codes hold level codes.
        aims: What is to be predicted, shape (n, k): the number without extremes, or an indicator of each class.
        weight: How much each row counts, shape (n,); None if all count the same.
        seed: Of everything random.
        cyclic: Columns that are parts of dates, and the period of each.
        together: Rows of the same number belong together, shape (n,); None if all are free.
        own: How many of the columns of codes models get anyway; the others are levels of text.
    """

    given: Given
    categorical: frozenset[int]
    aims: NDArray[np.float64]
    weight: NDArray[np.float64] | None
    seed: int
    cyclic: tuple[tuple[int, float], ...] = ()
    together: NDArray[np.int64] | None = None
    own: int = 0

    @property
    def codes(self) -> NDArray[np.float64]:
        """Shape (n, p)."""
        return self.given.codes

    @property
    def quantities(self) -> NDArray[np.int64]:
        """The columns that hold no level codes."""
        return np.array(
            [place for place in range(self.codes.shape[1]) if place not in self.categorical], dtype=np.int64
        )

    def common_aims(self, most: int) -> NDArray[np.float64]:
        """Of two classes one, which says it all, of more the most common ones, or a number as it is, shape (n, k)."""
        if self.aims.shape[1] == 2:
            return self.aims[:, 1:]
        common = np.argsort(-self.aims.sum(axis=0), kind="stable")[:most]
        found: NDArray[np.float64] = self.aims[:, np.sort(common)]
        return found

    def dealt(self, folds: int) -> NDArray[np.int64]:
        """A random fold for each row, the same for rows that belong together; fewer folds for fewer such groups."""
        rng = np.random.default_rng(self.seed)
        if self.together is not None and len(np.unique(self.together)) > 1:
            return together_in(self.together, folds, rng)
        return rng.permutation(len(self.codes)) % folds

    def sample(self, most: int) -> NDArray[np.int64]:
        """Rows to look at, in random order, so that ties and sorted tables tell nothing."""
        return np.random.default_rng(self.seed).permutation(len(self.codes))[:most]


class Columns(Protocol):
    """A fitted step, plain data."""

    @property
    def count(self) -> int:
        """Number of columns that it gives."""
        ...

    def transform(self, given: Given) -> NDArray[np.float64]:
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
        """Learn from the training rows which columns to make, at most `most`, and give their values for these rows.

        A step that looks at the target computes the training rows' values from other rows' targets (out of fold), so
        they differ from what `transform` would give.
        """
        ...

    def from_json(self, state: dict[str, Any], width: int) -> Columns:
        """What `Columns.to_json` described, for tables of `width` columns of what it reads: codes, or texts.

        Raises:
            ValueError: If a column is out of range, or a value is not a number.
        """
        ...


class Selection(Protocol):
    """A way to leave columns out; it has no state but which columns stay."""

    @property
    def name(self) -> str:
        """Its name in configurations."""
        ...

    def keep(self, matrix: NDArray[np.float64], rows: Rows) -> NDArray[np.bool_]:
        """Which columns stay, shape (m,).

        Args:
            matrix: The training rows as the model would eat them, made columns included, shape (n, m).
            rows: The same rows, for their target and weights.
        """
        ...


def few_valued(rows: Rows, most: int = 100) -> list[int]:
    """Columns whose values may name groups: level codes or few whole numbers, each in three rows or more on average."""
    found = []
    for place, column in enumerate(rows.codes.T):
        present = column[~np.isnan(column)]
        limit = min(_MOST_LEVELS if place in rows.categorical else most, len(present) // 3)
        enough = limit > 1 and _few(present[:_GLANCE], limit) and _few(present, limit)
        if enough and present.min() < present.max():
            found.append(place)
    return found


def levels_of(column: NDArray[np.float64]) -> Levels:
    """A column's values, ascending, and the place of each row among them, -1 where it is missing, shape (n,)."""
    known = ~np.isnan(column)
    values, place = np.unique(column[known], return_inverse=True)
    places = np.full(len(column), -1)
    places[known] = place
    return values, places


def _few(values: NDArray[np.float64], most: int) -> bool:
    """Whether there are at most so many values, all of them whole."""
    found = np.unique(values)
    return len(found) <= most and bool((found == np.round(found)).all())


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
