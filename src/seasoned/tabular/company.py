"""The race's second question: what a configuration adds to the models chosen so far, asked after each of its folds.

Alone a model may be worse than the best and still be worth its time, for an ensemble gains by models that err
elsewhere. How much worse it is tells little of that: on nine development tables the chosen ones lost up to 1.8 times
what the best had left to lose where they were of another kind (neighbours, splines, networks), and 1.1 times at most
where they were boosters. What tells it is the mean of both,

    (1 - w) (what the chosen models predict together) + w (what it predicts),    w = .05, .15, .4,

on the rows of its folds so far: if none of these loses less than the chosen models do by themselves, the other folds
are not worth their time. A model that is not clearly worse than the best goes on anyhow (`further_behind` in `bar.py`):
the mean of several models that are as good is better on other rows than these show, which the weights of the ensemble
count on, too (`shrinkage.py`).

Only searches by the clock ask, because which models are chosen at a moment depends on what has ended by then. Nobody is
asked on less than 200 rows, which are fitted soon; where folds share rows, for there the chosen ones are means over
several models; and while no model is as quick as `predict_limit` wants one.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.objective import CrossValidation

__all__ = ["ADDS_NOTHING", "adds_nothing", "can_tell", "keep_company"]

logger = logging.getLogger("seasoned.tabular")

ADDS_NOTHING: Final = "would add nothing to the models"
"""In the reason of a trial that was stopped so."""

_FEWEST: Final = 200  # rows that tell
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
        if found is None or len(found) != len(objective.data.known_rows()):
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
    losses = (objective.loss_on(rows, (1.0 - share) * company + share * own) for share in _SHARES)
    return not any(loss is not None and loss <= before for loss in losses)


def can_tell(objective: CrossValidation, rows: int) -> bool:
    """Whether so many rows tell what a trial adds.

    Args:
        objective: Whose trial it is.
        rows: Of its folds so far.
    """
    if objective.job.seconds is None or rows < _FEWEST:  # trials are counted, and the clock must not decide
        return False
    if objective.predict_limit is not None and not objective.records.has_quick:
        return False
    return sum(len(valid) for _, valid in objective.data.folds) <= len(objective.data.known_rows())
