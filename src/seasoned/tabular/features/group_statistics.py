"""Statistics of a quantity within groups: its mean and spread there, and how far a row is from its group."""

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
_PAIRS: Final = 300  # of a group and a quantity, that are looked at
_ROWS: Final = 5_000  # looked at when choosing; the statistics themselves are taken on all
_PRIOR: Final = 1.0  # rows of the overall mean that a group's mean is blended with


@dataclass(frozen=True, slots=True, eq=False)
class GroupStatistic:
    """One statistic of one quantity in the groups of one column.

    Attributes:
        group: The column of codes whose values name the groups.
        quantity: The column that is summarised.
        statistic: mean, deviation (of the row from the mean) or spread (the standard deviation).
        values: The groups, ascending, shape (m,).
        summary: The statistic of each, and last that of a row in no known group, shape (m + 1,).
    """

    group: int
    quantity: int
    statistic: str
    values: NDArray[np.float64]
    summary: NDArray[np.float64]

    def column(self, codes: NDArray[np.float64]) -> NDArray[np.float64]:
        """The statistic for any rows, shape (n,)."""
        found = self.summary[places_of(codes[:, self.group], self.values)]
        if self.statistic == "deviation":
            found = np.clip(codes[:, self.quantity] - found, -LARGEST, LARGEST)
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "group": self.group,
            "quantity": self.quantity,
            "statistic": self.statistic,
            "values": self.values.tolist(),
            "summary": self.summary.tolist(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class GroupColumns:
    """One column for each statistic."""

    statistics: tuple[GroupStatistic, ...]

    @property
    def count(self) -> int:
        """Number of columns that it gives."""
        return len(self.statistics)

    def transform(self, given: Given) -> NDArray[np.float64]:
        """Shape (n, count)."""
        codes = given.codes
        return np.column_stack([np.zeros((len(codes), 0)), *(one.column(codes) for one in self.statistics)])

    def to_json(self) -> dict[str, Any]:
        """Plain data that `GroupStatistics.from_json` reads."""
        return {"statistics": [one.to_json() for one in self.statistics]}


@dataclass(frozen=True, slots=True)
class GroupStatistics:
    """Group statistics that tell more than the group's code and the quantity do.

    Groups are the levels of categories, and whole numbers of which there are few. A mean is blended with the mean of
    all rows, by one row's weight, so that a group of one row does not repeat the quantity. The target is used only to
    choose the statistics.
    """

    name: str = "groups"

    def fit(self, rows: Rows, most: int) -> tuple[GroupColumns, NDArray[np.float64]]:
        """Choose at most so many statistics."""
        looked = rows.sample(_ROWS)
        aims = rows.aims[looked]
        alone = relevance(rows.codes[looked], aims)
        pairs = self._pairs(rows, alone)
        levels = {group: levels_of(rows.codes[:, group]) for group in {group for group, _ in pairs}}
        made = [statistic for pair in pairs for statistic in _statistics(rows.codes, *pair, levels[pair[0]])]
        if not made:
            return GroupColumns(()), np.zeros((len(rows.codes), 0))
        columns = GroupColumns(tuple(made)).transform(Given(rows.codes[looked]))
        known = np.array([max(alone[one.group], alone[one.quantity]) for one in made])
        gains = relevance(columns, aims) - known
        enough = beyond_chance(len(looked), len(made)) * (1.0 - known)
        order = [place for place in np.argsort(-gains, kind="stable") if gains[place] > enough[place]]
        chosen = GroupColumns(tuple(made[place] for place in order[:most]))
        return chosen, chosen.transform(rows.given)

    def _pairs(self, rows: Rows, alone: NDArray[np.float64]) -> list[tuple[int, int]]:
        groups = few_valued(rows)
        named = set(groups)
        quantities = [place for place in rows.quantities.tolist() if place not in named]
        if len(groups) * len(quantities) > _PAIRS:  # the best sums are of the best of each
            groups, quantities = (sorted(some, key=lambda one: -alone[one])[:_PAIRS] for some in (groups, quantities))
        pairs = [(group, quantity) for group in groups for quantity in quantities]
        if len(pairs) <= _PAIRS:
            return pairs
        return sorted(pairs, key=lambda pair: -(alone[pair[0]] + alone[pair[1]]))[:_PAIRS]

    def from_json(self, state: dict[str, Any], width: int) -> GroupColumns:
        """What `GroupColumns.to_json` described.

        Raises:
            ValueError: If it is something else.
        """
        return GroupColumns(tuple(_from_json(one, width) for one in state["statistics"]))


def places_of(column: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The place of each value in the ascending `values`, and `len(values)` for one that is not there, shape (n,)."""
    place = np.minimum(np.searchsorted(values, column), len(values) - 1)
    found: NDArray[np.int64] = np.where(values[place] == column, place, len(values))
    return found


def _statistics(
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
    if not there.all():  # the quantity is missing in all rows of a group
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
