"""Interfaces of feature steps: a step is fitted on the training rows of a fold and computes further columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from seasoned.tabular.validation.folds import together_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.features.text_cache import TextRows

    Levels = tuple[NDArray[np.float64], NDArray[np.int64]]  # distinct values and row indices into them; see `levels_of`

__all__ = ["LARGEST", "Columns", "Given", "Rows", "Selection", "Step", "few_valued", "levels_of", "plain_numbers"]

# largest absolute value of a feature; scikit-learn forests convert to float32 and reject larger values
LARGEST: Final = 1e37
_MAX_CODED_LEVELS: Final = 10_000  # largest number of levels in a column of level codes
_GLANCE: Final = 2_000  # first rows, tested before the whole column because they exclude most columns


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """Input columns of feature steps, for any rows.

    Attributes:
        codes: Numbers with NaN and level codes, shape (n, p). The columns of the input encoding `codes` come first, the
            level codes of text columns follow. A date has several columns; a missing text has components of 0, and a
            rare level of a text is NaN.
        texts: The text columns.
    """

    codes: NDArray[np.float64]
    texts: tuple[TextRows, ...] = ()

    def take(self, rows: NDArray[np.int64]) -> Given:
        """Return a subset of the rows."""
        return Given(self.codes[rows], tuple(text.take(rows) for text in self.texts))


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Training rows of a fold.

    Attributes:
        given: Input columns of the rows.
        categorical: Indices of the columns of codes that contain level codes.
        aims: Target, shape (n, k): the clipped number, or an indicator of each class.
        weight: Row weights, shape (n,); None for equal weights.
        seed: Random seed.
        cyclic: Index and period of each column that is a part of a date.
        together: Group of each row, shape (n,); rows of a group stay in one fold. None without groups.
        own: Number of columns of codes that models receive anyway; the columns after them are levels of text. 0 if all
            columns are the models' own.
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
        """Columns of codes, shape (n, p)."""
        return self.given.codes

    @property
    def quantities(self) -> NDArray[np.int64]:
        """Indices of the columns without level codes: numbers, booleans, parts of dates and components of texts."""
        return np.array(
            [place for place in range(self.codes.shape[1]) if place not in self.categorical], dtype=np.int64
        )

    def common_aims(self, most: int) -> NDArray[np.float64]:
        """Target columns, shape (n, k): one of two classes, the `most` most common of more classes, or the number."""
        if self.aims.shape[1] == 2:
            return self.aims[:, 1:]
        common = np.argsort(-self.aims.sum(axis=0), kind="stable")[:most]
        found: NDArray[np.float64] = self.aims[:, np.sort(common)]
        return found

    def dealt(self, folds: int) -> NDArray[np.int64]:
        """Random fold of each row; rows of a group share a fold. Fewer groups than `folds` give fewer folds."""
        rng = np.random.default_rng(self.seed)
        if self.together is not None and len(np.unique(self.together)) > 1:
            return together_in(self.together, folds, rng)
        return rng.permutation(len(self.codes)) % folds

    def sample(self, most: int) -> NDArray[np.int64]:
        """Indices of at most `most` rows in random order, so that ties and sorted tables carry no information."""
        return np.random.default_rng(self.seed).permutation(len(self.codes))[:most]


class Columns(Protocol):
    """Fitted feature step: plain data."""

    @property
    def count(self) -> int:
        """Number of output columns."""
        ...

    def transform(self, given: Given) -> NDArray[np.float64]:
        """Return the new columns of any rows, shape (n, count); NaN for missing values, never infinite."""
        ...

    def to_json(self) -> dict[str, Any]:
        """State for `Step.from_json`."""
        ...


class Step(Protocol):
    """Feature step: computes new columns."""

    @property
    def name(self) -> str:
        """Name of the step in configurations."""
        ...

    def fit(self, rows: Rows, most: int) -> tuple[Columns, NDArray[np.float64]]:
        """Select at most `most` new columns on the training rows, and return the fitted step with their values.

        A step that uses the target computes the values of the training rows out of fold. These values differ from the
        result of `transform`.
        """
        ...

    def from_json(self, state: dict[str, Any], width: int) -> Columns:
        """Restore a fitted step from `Columns.to_json`.

        `width` is the number of input columns: columns of codes, or text columns.

        Raises:
            ValueError: If a column is out of range, or a value is not a number.
        """
        ...


class Selection(Protocol):
    """Feature selection: drops columns. The retained columns are its only state."""

    @property
    def name(self) -> str:
        """Name of the selection in configurations."""
        ...

    def keep(self, matrix: NDArray[np.float64], rows: Rows) -> NDArray[np.bool_]:
        """Return a mask of the retained columns, shape (m,).

        Args:
            matrix: Training rows as the model receives them, with the new columns, shape (n, m).
            rows: The same rows, with target and weights.
        """
        ...


def few_valued(rows: Rows, most: int = 100) -> list[int]:
    """Columns that can define groups: level codes or few whole numbers; at least three rows per value on average."""
    found = []
    for place, column in enumerate(rows.codes.T):
        present = column[~np.isnan(column)]
        limit = min(_MAX_CODED_LEVELS if place in rows.categorical else most, len(present) // 3)
        enough = limit > 1 and _few(present[:_GLANCE], limit) and _few(present, limit)
        if enough and present.min() < present.max():
            found.append(place)
    return found


def levels_of(column: NDArray[np.float64]) -> Levels:
    """Distinct values of a column, ascending, and each row's index in the values, shape (n,); -1 if missing."""
    known = ~np.isnan(column)
    values, place = np.unique(column[known], return_inverse=True)
    places = np.full(len(column), -1)
    places[known] = place
    return values, places


def _few(values: NDArray[np.float64], most: int) -> bool:
    """True for at most `most` distinct values, all of them whole numbers."""
    found = np.unique(values)
    return len(found) <= most and bool((found == np.round(found)).all())


def plain_numbers(values: Sequence[Any], *, low: float = -np.inf, high: float = np.inf) -> NDArray[np.float64]:
    """Convert a list from a file to finite numbers between `low` and `high`, shape (n,).

    Raises:
        ValueError: If the list contains anything else.
    """
    if not isinstance(values, list) or not all(type(value) in {int, float} for value in values):
        raise ValueError("a feature's state holds something else than numbers")
    found = np.array(values, dtype=np.float64)
    if not np.isfinite(found).all() or (found < low).any() or (found > high).any():
        raise ValueError("a feature's state holds a number out of range")
    return found
