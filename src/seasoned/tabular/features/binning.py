"""Step functions of a numeric column, for models that are otherwise linear in the column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.features.base import plain_numbers
from seasoned.tabular.features.relevance import beyond_chance, relevance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Given, Rows

__all__ = ["BinColumns", "Bins"]

_QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
_ROWS: Final = 5_000  # rows on which columns are selected


@dataclass(frozen=True, slots=True, eq=False)
class BinColumns:
    """Indicators of thresholds: 1 above a threshold, 0 up to the threshold, NaN for missing values.

    Attributes:
        thresholds: Index of a column of codes, and its thresholds in ascending order.
    """

    thresholds: tuple[tuple[int, NDArray[np.float64]], ...]

    @property
    def count(self) -> int:
        """Number of output columns."""
        return sum(len(cuts) for _, cuts in self.thresholds)

    def transform(self, given: Given) -> NDArray[np.float64]:
        """Return the indicators, shape (n, count)."""
        blocks = [np.zeros((len(given.codes), 0))]
        for column, cuts in self.thresholds:
            x = given.codes[:, [column]]
            blocks.append(np.where(np.isnan(x), np.nan, (x > cuts).astype(np.float64)))
        return np.hstack(blocks)

    def to_json(self) -> dict[str, Any]:
        """State for `Bins.from_json`."""
        return {"thresholds": [[column, cuts.tolist()] for column, cuts in self.thresholds]}


@dataclass(frozen=True, slots=True)
class Bins:
    """Quantile thresholds of numeric columns whose relation to the target is not linear.

    A column is selected if bins explain more than a line: relevance(x) - r(x, y)^2 exceeds the noise level. Thresholds
    are cumulative (x > q). A linear model of the indicators is therefore a step function, and its weights are the
    steps.
    """

    name: str = "bins"

    def fit(self, rows: Rows, most: int) -> tuple[BinColumns, NDArray[np.float64]]:
        """Select at most `most` thresholds, of the least linear columns first."""
        looked = rows.sample(_ROWS)
        quantities = rows.quantities
        codes, aims = rows.codes[looked][:, quantities], rows.aims[looked]
        bends = relevance(codes, aims) - _straight(codes, aims)
        enough = beyond_chance(len(looked), max(len(quantities), 1))
        found: list[tuple[int, NDArray[np.float64]]] = []
        for place in np.argsort(-bends, kind="stable"):
            cuts = _cuts(rows.codes[:, quantities[place]])
            if bends[place] <= enough or sum(len(known) for _, known in found) + len(cuts) > most:
                break
            if len(cuts):
                found.append((int(quantities[place]), cuts))
        columns = BinColumns(tuple(found))
        return columns, columns.transform(rows.given)

    def from_json(self, state: dict[str, Any], width: int) -> BinColumns:
        """Restore columns from `BinColumns.to_json`.

        Raises:
            ValueError: If the state is invalid.
        """
        found = []
        for column, cuts in state["thresholds"]:
            known = plain_numbers(cuts)
            if type(column) is not int or not 0 <= column < width or not len(known) or not (np.diff(known) > 0).all():
                raise ValueError("a feature of bins names columns or thresholds that are not there")
            found.append((column, known))
        return BinColumns(tuple(found))


def _cuts(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distinct quantiles below the largest value."""
    present = column[~np.isnan(column)]
    if not len(present):
        return np.zeros(0)
    cuts = np.unique(np.quantile(present, _QUANTILES, method="lower"))
    found: NDArray[np.float64] = cuts[cuts < present.max()]
    return found


def _straight(codes: NDArray[np.float64], aims: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the target's variance that a line in each column explains, shape (m,); missing values count as mean."""
    known = ~np.isnan(codes)
    rows = np.maximum(known.sum(axis=0), 1)
    spread = np.maximum(np.abs(np.where(known, codes, 0.0)).max(axis=0, initial=0.0), 1e-300)
    scaled = np.where(known, codes, 0.0) / spread  # squares of numbers up to 1e37 stay finite
    x = np.where(known, scaled - scaled.sum(axis=0) / rows, 0.0)
    centred = aims - aims.mean(axis=0)
    total, square = float(np.sum(centred**2)), np.sum(x**2, axis=0)
    if total <= 0:
        return np.zeros(codes.shape[1])
    explained = np.sum((x.T @ centred) ** 2, axis=1) / np.where(square > 0, square, 1.0)
    found: NDArray[np.float64] = explained / total
    return found
