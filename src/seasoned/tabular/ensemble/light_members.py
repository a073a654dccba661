"""Light ensemble members: with a holdout, members of small weight keep their trial's model and skip the refit.

With a holdout, a trial is one fit on four fifths of the rows, so the refits take as long as the trials did. A model of
small weight predicts nearly as well without the held-out fifth, and its trial has already fitted it. The lightest
members keep that model as long as this saves time. Parallel fits take as long as the longest fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.trial.cross_validation import CrossValidation
    from seasoned.tabular.trial.trial_row import TrialRow

__all__ = ["members_without_refit", "side_by_side_seconds"]

_MOST: Final = 0.3  # largest total weight of members that skip the refit, as a share
_WORTH: Final = 0.01  # smallest saving of a member that skips the refit, as a share of the time limit


def side_by_side_seconds(fits: Sequence[float], workers: int) -> float:
    """Seconds of fits that run in parallel on `workers` workers.

    Example:
        >>> side_by_side_seconds([4.0, 1.0, 1.0], 2), side_by_side_seconds([2.0, 2.0, 2.0], 2)
        (4.0, 3.0)
    """
    return max(max(fits, default=0.0), sum(fits) / workers)


def members_without_refit(
    objective: CrossValidation,
    chosen: Sequence[tuple[TrialRow, float]],
    fits: Sequence[float],
    budget: Budget,
) -> set[int]:
    """Positions of the members that skip the refit, because the models of their trials are stored.

    The set is empty unless the validation is a holdout.

    Args:
        objective: Cross-validation whose records name the stored models.
        chosen: Trials and weights, the heaviest first.
        fits: Seconds of each refit.
        budget: Time and number of workers. With a trial budget nothing may depend on time, so the set is empty.
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
        if objective.records.has_models(row.configuration):
            found.add(place)
    return found
