"""Workers that load what fits need while the driver is busy with something else.

A fresh worker takes a second or two to import what a model needs. Reading the table, its column plan and its
meta-features take about as long, on one core. So the workers are started first, and the search finds them warm. At the
end of the search its workers are busy, and are killed; others get warm for the last fits while members are chosen.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Final

from seasoned.errors import StorageError
from seasoned.execution.base import Ending
from seasoned.execution.local import LocalExecutor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.models._common.base import Model

__all__ = ["Warming"]

logger = logging.getLogger("seasoned.tabular")

_NEEDED: Final = ("seasoned.tabular.trial.cross_validation", "sklearn.linear_model", "sklearn.metrics")
_PACKAGES: Final = {"lightgbm": "lightgbm"}  # of families that are among the first; the others load theirs in turn
_SHARE: Final = 0.5  # of the time left to wait at most; a new worker would have to load the same, unless this one hangs
_GLANCE: Final = 0.2  # seconds between two looks at whether to stop


class Warming:
    """As many workers as the search will have, each told to load what fits need.

    Args:
        budget: How many workers there are, and trials.
        models: The families that take part.
        most: Most workers; by default as many as there are trials.
    """

    def __init__(self, budget: Budget, models: Sequence[Model], most: int | None = None) -> None:
        self._budget = budget
        workers = min(budget.workers, most or budget.trials or budget.workers)
        packages = [_PACKAGES[model.name] for model in models if model.name in _PACKAGES]
        self._executor: LocalExecutor | None = LocalExecutor(budget.workers)  # of the kind that the search has
        self._waiting: set[int] = set()
        self._seconds = 0.0
        try:
            self._waiting.update(self._executor.submit(_load, (*_NEEDED, *packages)) for _ in range(workers))
        except StorageError as error:  # the next executor's owner will say so, and may do without
            logger.debug("workers are not warmed up: %s", error)
            self.close()

    def ready(self, share: float = _SHARE) -> float:
        """Wait for the workers and leave them to the next executor; returns the slowest one's seconds, 0 if none was.

        Waits for at most a share of the time that is left, and not once somebody asked to stop; workers that are not
        ready by then end. At the second call nothing is left to wait for.
        """
        least = (1.0 - share) * self._budget.remaining
        while self._executor is not None and self._waiting:
            for outcome in self._executor.wait(_GLANCE):
                self._waiting.discard(outcome.task)
                if outcome.ending is Ending.RETURNED:
                    self._seconds = max(self._seconds, outcome.seconds)
            if self._budget.remaining < least or self._budget.stop():
                break
        self.close()
        return self._seconds

    def close(self) -> None:
        """Leave idle workers to the next executor, and end the others."""
        if self._executor is not None:
            self._executor.close()
            self._executor = None


def _load(names: Sequence[str]) -> None:
    for name in names:
        importlib.import_module(name)
