"""The race's second question: what a configuration adds to the models chosen so far, asked after each of its folds.

Alone a model may be worse than the best and still be worth its time, for an ensemble gains by models that err
elsewhere; and one that is hardly worse may err where the others do. How much worse it is tells little of that: on nine
development tables the chosen ones had up to 1.8 times what the best had left to lose where they were of another kind
(neighbours, splines, networks), and 1.1 times at most where they were boosters, while forests at 1.1 times were never
chosen. What tells it is the mean of both,

    (1 - w) (what the chosen models predict together) + w (what it predicts),    w = .05, .15, .4,

on the rows of its folds so far: if none of these loses less than the chosen models do by themselves, the other folds
are not worth their time. A model that is nearly as good as the best goes on anyhow (`bar.py`).

Only searches by the clock ask, because which models are chosen at a moment depends on what has ended by then.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.objective import CrossValidation

__all__ = ["adds_nothing", "keep_company"]

logger = logging.getLogger("seasoned.tabular")

_SHARES: Final = (0.05, 0.15, 0.4)


def keep_company(objective: CrossValidation, chosen: Sequence[tuple[Mapping[str, Any], float]]) -> None:
    """Leave what the chosen models predict together where trials in all workers find it.

    Args:
        objective: Whose trials they are.
        chosen: Their rows as plain data, and their weights, which sum to 1.
    """
    if objective.folds == 1:
        return  # nobody has another fold
    mean: NDArray[np.float64] | None = None
    for row, weight in chosen:
        found = objective.records.out_of_fold({"model": {row["model"]: row["config"]}})
        if found is None:
            return
        part = weight * np.asarray(found, dtype=np.float64)
        mean = part if mean is None else mean + part
    if mean is None or not np.isfinite(mean).all():
        return
    try:
        objective.records.set_company(mean)
    except OSError as error:  # what is there goes on holding
        logger.info("what the chosen models predict together could not be written: %s", error)


def adds_nothing(
    objective: CrossValidation, rows: NDArray[np.int64], company: NDArray[np.float64], own: NDArray[np.float64]
) -> bool:
    """Whether a model makes the chosen ones no better on some rows, whatever its weight.

    Args:
        objective: Knows the metric and the rows.
        rows: Of the table, shape (n,).
        company: What the chosen models predict for them together, shape (n,) or (n, classes).
        own: What the model predicts, of the same shape.
    """
    before = objective.loss_on(rows, company)
    if before is None:
        return False
    losses = [objective.loss_on(rows, (1.0 - share) * company + share * own) for share in _SHARES]
    return min(math.inf if loss is None else loss for loss in losses) > before
