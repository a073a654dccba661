"""Columns whose values are known in one group only, such as the name of the group: new groups have other values."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.schema.identifiers import is_named, names_persons
from seasoned.tabular.schema.schema import Schema

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["without_group_levels"]

logger = logging.getLogger("seasoned.tabular")

_SHARED: Final = 0.05  # smallest share of a column's cells whose value occurs in two groups or more
_REASON: Final = "Nearly all its values occur in one group each, so new groups have values that no model knows."


def without_group_levels(schema: Schema, canonical: pd.DataFrame, groups: NDArray[np.int64]) -> Schema:
    """Schema without the categories and the named identifiers that distinguish groups.

    A model learns the target of a group from such a column, and validation on other groups still knows how often each
    value occurs; a new group has neither. A column is left out if fewer than 5% of its cells have a value that occurs
    in two groups or more. If no other column is left, all stay.

    Args:
        schema: Schema of the table.
        canonical: The used columns, n rows, as read by the schema.
        groups: Group codes from 0, shape (n,).

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"town": ["a", "a", "b", "b", "c", "c"], "size": [1.0, 2.5, 3.0, 1.5, 2.0, 4.0]})
        >>> schema = Schema.infer(frame)
        >>> found = without_group_levels(schema, schema.apply(frame), np.array([0, 0, 1, 1, 2, 2]))
        >>> [column.name for column in found.used]
        ['size']
    """
    names = {
        column.name
        for column in schema.used
        if (column.kind == "category" or is_named(column.name) or names_persons(column.name))
        and _shared(canonical[column.name], groups) < _SHARED
    }
    if len(names) == len(schema.used):
        return schema
    for name in sorted(names):
        logger.info("the column %r is left out: %s", name, _REASON)
    return Schema(
        tuple(replace(column, reason=_REASON) if column.name in names else column for column in schema.columns)
    )


def _shared(values: pd.Series[Any], groups: NDArray[np.int64]) -> float:
    """Share of the present cells whose value occurs in two groups or more."""
    import pandas as pd

    levels, _ = pd.factorize(values)
    present = levels >= 0
    if not present.any():
        return 1.0
    levels, groups = levels[present], groups[present]
    width = int(groups.max()) + 1
    spread = np.bincount(np.unique(levels * width + groups) // width)  # number of groups of each level
    return float(np.mean(spread[levels] > 1))
