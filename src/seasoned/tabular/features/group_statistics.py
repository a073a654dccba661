"""Statistics of a numeric column within groups: mean, standard deviation, and a row's deviation from the mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.features.base import LARGEST, Given, few_valued, levels_of, plain_numbers
from seasoned.tabular.features.relevance import beyond_chance, relevance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Levels, Rows

__all__ = ["GroupColumns", "GroupStatistic", "GroupStatistics"]

_STATISTICS: Final = ("mean", "deviation", "spread")
MAX_PAIRS: Final = 300  # largest number of candidate pairs of a group and a numeric column
_ROWS: Final = 5_000  # rows on which statistics are selected; the statistics themselves use all rows
_PRIOR: Final = 1.0  # weight of the overall mean in a group's mean, in rows


@dataclass(frozen=True, slots=True, eq=False)
class GroupStatistic:
    """One statistic of one numeric column in the groups of another column.

    Attributes:
        group: Index of the column of codes whose values define the groups.
        quantity: Index of the summarised column.
        statistic: mean, deviation (of the row from the mean) or spread (the standard deviation).
        values: Groups, ascending, shape (m,).
        summary: Statistic of each group, then the statistic of a row in no known group, shape (m + 1,).
    """

    group: int
    quantity: int
    statistic: str
    values: NDArray[np.float64]
    summary: NDArray[np.float64]

    def column(self, codes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the statistic of any rows, shape (n,)."""
        found = self.summary[places_of(codes[:, self.group], self.values)]
        if self.statistic == "deviation":
            found = np.clip(codes[:, self.quantity] - found, -LARGEST, LARGEST)
        return found

    def to_json(self) -> dict[str, Any]:
        """State of the statistic."""
        return {
            "group": self.group,
            "quantity": self.quantity,
            "statistic": self.statistic,
            "values": self.values.tolist(),
            "summary": self.summary.tolist(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class GroupColumns:
    """Columns of group statistics, one per statistic."""

    statistics: tuple[GroupStatistic, ...]

    @property
    def count(self) -> int:
        """Number of output columns."""
        return len(self.statistics)

    def transform(self, given: Given) -> NDArray[np.float64]:
        """Return the columns, shape (n, count)."""
        codes = given.codes
        return np.column_stack([np.zeros((len(codes), 0)), *(one.column(codes) for one in self.statistics)])

    def to_json(self) -> dict[str, Any]:
        """State for `GroupStatistics.from_json`."""
        return {"statistics": [one.to_json() for one in self.statistics]}


@dataclass(frozen=True, slots=True)
class GroupStatistics:
    """Group statistics that explain more of the target than the group and the numeric column alone.

    Groups are levels of categories, and the values of columns with few whole numbers. A group mean is shrunk towards
    the mean of all rows with the weight of one row. Without shrinkage the mean of a group of one row would repeat the
    numeric column. The target is used only for the selection.
    """

    name: str = "groups"

    def fit(self, rows: Rows, most: int) -> tuple[GroupColumns, NDArray[np.float64]]:
        """Select at most `most` statistics."""
        looked = rows.sample(_ROWS)
        aims = rows.aims[looked]
        alone = relevance(rows.codes[looked], aims)
        pairs = self.candidate_pairs(rows, alone)
        levels = {group: levels_of(rows.codes[:, group]) for group in {group for group, _ in pairs}}
        made = [statistic for pair in pairs for statistic in level_statistics(rows.codes, *pair, levels[pair[0]])]
        if not made:
            return GroupColumns(()), np.zeros((len(rows.codes), 0))
        columns = GroupColumns(tuple(made)).transform(Given(rows.codes[looked]))
        known = np.array([max(alone[one.group], alone[one.quantity]) for one in made])
        gains = relevance(columns, aims) - known
        enough = beyond_chance(len(looked), len(made)) * (1.0 - known)
        order = [place for place in np.argsort(-gains, kind="stable") if gains[place] > enough[place]]
        chosen = GroupColumns(tuple(made[place] for place in order[:most]))
        return chosen, chosen.transform(rows.given)

    def candidate_pairs(self, rows: Rows, alone: NDArray[np.float64]) -> list[tuple[int, int]]:
        """Pairs of a group column and a numeric column."""
        groups = few_valued(rows)
        named = set(groups)
        quantities = [place for place in rows.quantities.tolist() if place not in named]
        if len(groups) * len(quantities) > MAX_PAIRS:  # no pair outside these lists has a larger sum of relevances
            groups, quantities = (
                sorted(some, key=lambda one: -alone[one])[:MAX_PAIRS] for some in (groups, quantities)
            )
        pairs = [(group, quantity) for group in groups for quantity in quantities]
        if len(pairs) <= MAX_PAIRS:
            return pairs
        return sorted(pairs, key=lambda pair: -(alone[pair[0]] + alone[pair[1]]))[:MAX_PAIRS]

    def from_json(self, state: dict[str, Any], width: int) -> GroupColumns:
        """Restore columns from `GroupColumns.to_json`.

        Raises:
            ValueError: If the state is invalid.
        """
        return GroupColumns(tuple(_from_json(one, width) for one in state["statistics"]))


def places_of(column: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Index of each value in the ascending `values`, shape (n,); `len(values)` for an unknown value."""
    place = np.minimum(np.searchsorted(values, column), len(values) - 1)
    found: NDArray[np.int64] = np.where(values[place] == column, place, len(values))
    return found


def level_statistics(
    codes: NDArray[np.float64],
    group: int,
    quantity: int,
    levels: Levels,
) -> list[GroupStatistic]:
    values, places = levels
    known = (places >= 0) & ~np.isnan(codes[:, quantity])
    x, place = codes[known, quantity], places[known]
    if not len(x) or x.min() == x.max():
        return []
    there = np.bincount(place, minlength=len(values)) > 0
    if not there.all():  # a group whose rows all lack the numeric column
        values, place = values[there], (np.cumsum(there) - 1)[place]
    rows, overall = np.bincount(place).astype(np.float64), x.mean()
    means = (np.bincount(place, x) + _PRIOR * overall) / (rows + _PRIOR)
    variance = np.bincount(place, (x - means[place]) ** 2) / rows
    made = {
        "mean": np.append(means, overall),
        "spread": np.append(np.sqrt(variance), x.std()),
        "deviation": np.append(means, overall),
    }
    return [
        GroupStatistic(group, quantity, name, values, made[name])
        for name in _STATISTICS
        if np.isfinite(made[name]).all()
    ]


def _from_json(one: dict[str, Any], width: int) -> GroupStatistic:
    group, quantity, statistic = one["group"], one["quantity"], one["statistic"]
    values, summary = plain_numbers(one["values"]), plain_numbers(one["summary"])
    inside = all(type(place) is int and 0 <= place < width for place in (group, quantity))
    ascending = len(values) > 0 and bool((np.diff(values) > 0).all())
    if not inside or statistic not in _STATISTICS or not ascending or len(summary) != len(values) + 1:
        raise ValueError("a feature of group statistics names columns or groups that are not there")
    return GroupStatistic(group, quantity, statistic, values, summary)
