"""Early model: the first complete configuration, fitted on all rows during the search, in a worker of its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Self

from seasoned.errors import SeasonedError, StorageError
from seasoned.execution._system.resources import cpu_count
from seasoned.execution.base import Ending, Limits
from seasoned.execution.workers.pool import release_workers
from seasoned.tabular.ensemble.fitted_model import Member
from seasoned.trials import Config, TrialState

if TYPE_CHECKING:
    from types import TracebackType

    from seasoned.execution.local import LocalExecutor
    from seasoned.study import Study
    from seasoned.tabular.budget.worker_pool import WorkerPool
    from seasoned.tabular.trial.cross_validation import CrossValidation
    from seasoned.trials import Trial

__all__ = ["EarlyModel"]

logger = logging.getLogger("seasoned.tabular")

_FAILED: Final = "the first model (%s) could not be fitted on all rows: %s"


class EarlyModel:
    """Callback of `Study.optimize` that fits the first complete trial on all rows in a separate worker.

    A model therefore exists early, whatever happens to the search. In a resumed run, the first complete trial of the
    study is used. The fit takes a share of the cores for a short time, and the search does not wait for the fit.

    Args:
        objective: Cross-validation that fits the configuration.
        pool: The workers.
    """

    def __init__(self, objective: CrossValidation, pool: WorkerPool) -> None:
        self._objective = objective
        self._pool = pool
        self._config: Config | None = None  # configuration of the trial that is fitted
        self._executor: LocalExecutor | None = None  # set while the fit runs
        self._member: Member | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def _close(self) -> None:
        """Close the executor: an idle worker goes back to the pool, a busy one ends."""
        if self._executor is not None:
            self._executor.close()
            self._executor = None

    def __call__(self, study: Any, trial: Trial) -> None:  # noqa: ARG002 - a callback's signature
        """Start the fit at the first complete trial; later, collect its result."""
        if self._config is not None:
            if self._executor is not None and self.member(0.0) is not None:
                release_workers()  # this one: the search has a worker for each core, and memory for no more
            return
        if trial.state is not TrialState.COMPLETE:
            return
        self._config = trial.config
        threads = max(1, cpu_count() // self._pool.budget.workers)  # as in the search
        self._executor = self._pool.executor(1, threads)
        limits = Limits(memory=self._pool.budget.trial_memory)
        try:
            self._executor.submit(self._objective.refit, dict(trial.config), limits=limits)
        except StorageError as error:  # full disk for temporary files: the search continues without this model
            logger.warning("the first model is not fitted while the search goes on: %s", error)
            self._close()

    def fit_here(self, study: Study, trial: Trial) -> None:
        """Fit a trial that is the best so far in this process, as a callback of trials that run in this process."""
        if trial.state is not TrialState.COMPLETE or study.best.number != trial.number:
            return
        ((name, settings),) = trial.config["model"].items()
        self._config = trial.config
        try:
            self._member = Member(name, dict(settings), self._objective.refit(dict(trial.config)))
        except (ArithmeticError, MemoryError, ValueError, SeasonedError) as error:
            logger.warning(_FAILED, name, error)

    @property
    def fitted(self) -> tuple[str, dict[str, Any]] | None:
        """Family and settings of the early model, ready or in progress; None before its start and after a failure."""
        if self._config is None or (self._executor is None and self._member is None):
            return None
        ((name, settings),) = self._config["model"].items()
        return name, dict(settings)

    def member(self, seconds: float) -> Member | None:
        """Wait at most `seconds` for the fitted model; None if no model is ready by then."""
        if self._executor is None or self._config is None:
            return self._member
        outcomes = self._executor.wait(max(seconds, 0.0))
        if not outcomes:
            return None
        self._close()
        (outcome,) = outcomes
        ((name, settings),) = self._config["model"].items()
        if outcome.ending is Ending.RETURNED:
            self._member = Member(name, dict(settings), outcome.value)
        else:
            logger.warning(_FAILED, name, outcome.reason)
        return self._member
