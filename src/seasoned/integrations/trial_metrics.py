"""Numbers of a trial, as tools that track experiments log them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seasoned.trials import Trial

__all__ = ["metrics_of"]


def metrics_of(trial: Trial) -> list[tuple[str, float, int]]:
    """Name, value and step of each number of a trial: its values, seconds and finite reports.

    Example:
        >>> from seasoned.trials import Config, Trial
        >>> metrics_of(Trial(3, Config(), values=(0.5,), seconds=2.0, reports=((1, 0.9),)))
        [('value', 0.5, 0), ('seconds', 2.0, 0), ('report', 0.9, 1)]
    """
    values = trial.values or ()
    names = ["value"] if len(values) == 1 else [f"value_{place}" for place in range(len(values))]
    found = [(name, value, 0) for name, value in zip(names, values, strict=True)]
    if trial.seconds is not None:
        found.append(("seconds", trial.seconds, 0))
    return found + [("report", value, step) for step, value in trial.reports if math.isfinite(value)]
