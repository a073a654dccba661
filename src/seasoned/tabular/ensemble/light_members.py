"""Which of the models that predict together are fitted on all rows, where one part of the rows is held out.

There a trial is one fit, on four fifths of the rows, and the last fits take as long as the trials did: of a minute on
36,000 rows half was kept for five models, two of which had a weight of .05. A model of little weight predicts nearly as
well without the held-out fifth, and its trial has fitted it already. So the lightest members keep that model, as long
as this saves time: fits side by side take as long as the longest of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.trial.cross_validation import CrossValidation

__all__ = ["light", "side_by_side_seconds"]

_MOST: Final = 0.3  # of the weight that models of trials may have together
_WORTH: Final = 0.01  # of the time limit: what each must save


def side_by_side_seconds(fits: Sequence[float], workers: int) -> float:
    """Seconds that some fits take, with so many workers side by side.

    Example:
        >>> side_by_side_seconds([4.0, 1.0, 1.0], 2), side_by_side_seconds([2.0, 2.0, 2.0], 2)
        (4.0, 3.0)
    """
    return max(max(fits, default=0.0), sum(fits) / workers)


def light(
    objective: CrossValidation,
    chosen: Sequence[tuple[Mapping[str, Any], float]],
    fits: Sequence[float],
    budget: Budget,
) -> set[int]:
    """Places of the members that need no fit on all rows, because the models of their trials are kept.

    Args:
        objective: What fits them.
        chosen: Trials and weights, the heaviest first.
        fits: Seconds that each takes on all rows.
        budget: The time, and the fits side by side; where `trials` is given nothing may depend on time.
    """
    found: set[int] = set()
    if budget.trials is not None or objective.folds > 1:
        return found
    total = sum(weight for _, weight in chosen)
    for place in reversed(range(1, len(chosen))):
        row, weight = chosen[place]
        left = [took for other, took in enumerate(fits) if other not in found]
        without = [took for other, took in enumerate(fits) if other not in {*found, place}]
        won = side_by_side_seconds(left, budget.workers) - side_by_side_seconds(without, budget.workers)
        so_far = sum(chosen[other][1] for other in found)
        if won < _WORTH * budget.seconds or so_far + weight > _MOST * total:
            continue
        if objective.records.has_models({"model": {row["model"]: row["config"]}}):
            found.add(place)
    return found
