"""First answer: while the workers import their packages, the driver runs the first quick trials of a small table.

A worker needs seconds for its imports, in which the driver would only wait. So the first complete model of a small
table exists about when the search starts otherwise.
"""

from __future__ import annotations

from itertools import takewhile
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from seasoned._util.blas_threads import one_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from seasoned.study import Study
    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.budget.warm_workers import WarmWorkers
    from seasoned.tabular.trial.cross_validation import CrossValidation
    from seasoned.trials import Trial

__all__ = ["first_trials"]

# family -> cells of the largest input matrix on which its default takes about a second
_QUICK: Final = MappingProxyType({"linear": 60_000, "incontext": 5_000})
_MOST_CLASSES: Final = 10


def first_trials(
    study: Study,
    objective: CrossValidation,
    planned: Sequence[Mapping[str, Any]],
    budget: Budget,
    warm: WarmWorkers,
    *,
    callbacks: Sequence[Callable[[Study, Trial], None]],
    stop: Callable[[], bool],
) -> None:
    """Run the leading planned trials of quick families in this process, until the workers are ready.

    Nothing happens for a larger table, in a resumed run, and if the workers are warm already. A trial is the same here
    as in a worker: one thread of BLAS, and the seed of the job.

    Args:
        study: The search.
        objective: Cross-validation of a configuration.
        planned: First configurations of the search.
        budget: Time and number of trials.
        warm: The workers.
        callbacks: Callbacks for each trial.
        stop: Returns True if the search must end.
    """
    names = (name for start in planned for name in start["model"])
    quick = sum(1 for _ in takewhile(lambda name: _is_quick(objective, name), names))
    most = quick if budget.trials is None else min(quick, budget.trials)
    if not most or study.trials:
        return

    def over() -> bool:
        return stop() or not warm.loading()

    if over():
        return
    with one_thread("blas"):
        study.optimize(
            objective, trials=most, time_limit=budget.remaining, callbacks=callbacks, progress=False, stop=over
        )


def _is_quick(objective: CrossValidation, name: str) -> bool:
    if name not in _QUICK or objective.levels or objective.job.n_classes > _MOST_CLASSES:
        return False
    return objective.data.matrix(objective.fitter.model(name).diet).size <= _QUICK[name]
