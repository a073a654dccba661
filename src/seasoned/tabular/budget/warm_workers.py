"""Warm start of workers: they import the packages of the models while the driver prepares the data.

The imports of a new worker take about as long as the preparation of the table in the driver. Workers are therefore
started first, and are warm when the search starts. The workers of the search are killed at its end, because they are
busy. New workers warm up for the last fits while the ensemble members are selected.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Final

from seasoned.errors import StorageError
from seasoned.execution.base import Ending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.execution.local import LocalExecutor
    from seasoned.tabular.budget.worker_pool import WorkerPool
    from seasoned.tabular.models._common.base import Model

__all__ = ["WarmWorkers"]

logger = logging.getLogger("seasoned.tabular")

_NEEDED: Final = ("seasoned.tabular.trial.cross_validation", "sklearn.linear_model", "sklearn.metrics")
_PACKAGES: Final = {"lightgbm": "lightgbm"}  # family -> package to import first; later families import at their trials
_MAX_WAIT_SHARE: Final = (
    0.5  # longest wait, as a share of the remaining time; a new worker would have to import the same
)
_GLANCE: Final = 0.2  # seconds between two checks for a stop request


class WarmWorkers:
    """Workers that import the packages of the models before a search or a refit starts.

    Args:
        pool: The workers.
        models: Model families of the search.
        most: Largest number of workers; by default the number of trials.
    """

    def __init__(self, pool: WorkerPool, models: Sequence[Model], most: int | None = None) -> None:
        self._budget = budget = pool.budget
        workers = min(budget.workers, most or budget.trials or budget.workers)
        packages = [_PACKAGES[model.name] for model in models if model.name in _PACKAGES]
        self._executor: LocalExecutor | None = pool.executor()  # the next executor has as many workers
        self._waiting: set[int] = set()
        self._seconds = 0.0
        try:
            self._waiting.update(self._executor.submit(_load, (*_NEEDED, *packages)) for _ in range(workers))
        except StorageError as error:  # the owner of the next executor reports the error, or works without workers
            logger.debug("workers are not warmed up: %s", error)
            self.close()

    def ready(self, share: float = _MAX_WAIT_SHARE) -> float:
        """Wait for the workers and leave them to the next executor; return the seconds of the slowest, 0 for none.

        The wait ends after a share of the remaining time, or at a stop request; unfinished workers are then ended. A
        second call returns at once.
        """
        least = (1.0 - share) * self._budget.remaining
        while self.loading(_GLANCE):
            if self._budget.remaining < least or self._budget.stop():
                break
        self.close()
        return self._seconds

    def loading(self, seconds: float = 0.0) -> bool:
        """Wait at most `seconds` for the next worker; True while some worker still imports packages."""
        if self._executor is not None and self._waiting:
            for outcome in self._executor.wait(seconds):
                self._waiting.discard(outcome.task)
                if outcome.ending is Ending.RETURNED:
                    self._seconds = max(self._seconds, outcome.seconds)
        return self._executor is not None and bool(self._waiting)

    def close(self) -> None:
        """Leave idle workers to the next executor and end the others."""
        if self._executor is not None:
            self._executor.close()
            self._executor = None


def _load(names: Sequence[str]) -> None:
    for name in names:
        importlib.import_module(name)
