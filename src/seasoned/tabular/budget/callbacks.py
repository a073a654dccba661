"""Callbacks of a fit: after each trial, a line in the log and calls of the user's callbacks."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.trials import TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from seasoned.study import Study
    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.trial.trial_row import TrialRow
    from seasoned.trials import Trial

    Callback = Callable[[dict[str, Any]], object]

__all__ = ["CallbackRunner", "ElapsedTimes", "FitCallbacks"]


@dataclass(frozen=True, slots=True)
class ElapsedTimes:
    """Callback of `Study.optimize` that records the end time of each trial.

    Attributes:
        start: Start of the fit, in seconds on the clock of `time.monotonic`.
        elapsed: Trial number -> seconds from the start of the fit to the end of the trial. Trials of an earlier, killed
            run are absent.
    """

    start: float
    elapsed: dict[int, float] = field(default_factory=dict)

    def __call__(self, study: Any, trial: Trial) -> None:  # noqa: ARG002 - the callback's signature
        """Record the end of a trial."""
        self.elapsed[trial.number] = round(time.monotonic() - self.start, 3)


logger = logging.getLogger("seasoned.tabular")

_TOLD: Final = ("number", "model", "state", "seconds", "elapsed", "error", "config")


@dataclass(frozen=True, slots=True)
class FitCallbacks:
    """Observers of a fit.

    Attributes:
        progress: True shows a progress line, False shows none; None shows the line in terminals and notebooks only.
        callbacks: Functions that are called with each finished trial.
    """

    progress: bool | None = None
    callbacks: tuple[Callback, ...] = ()

    @classmethod
    def of(cls, progress: bool | None, callbacks: Iterable[Callback] | None) -> FitCallbacks:
        """Return the observers for the arguments of `fit`.

        Raises:
            InvalidInput: If a callback is not callable.
        """
        found = (callbacks,) if callable(callbacks) else tuple(callbacks or ())
        if strange := [callback for callback in found if not callable(callback)]:
            raise InvalidInput(f"callbacks has {strange[0]!r}; give functions of one argument, the trial as a dict.")
        return cls(progress, found)


class CallbackRunner:
    """Callback of `Study.optimize`: it logs each trial and calls the user's callbacks.

    Scores have the sign of the metric. A user's callback that returns True ends the search; the best models so far are
    fitted as usual. A callback that raises is logged and not called again, because an unreachable tracker must not cost
    a whole search.

    Args:
        callbacks: The user's callbacks.
        metric: Metric of the scores.
        row: Conversion of a trial to its row, with the results of its folds.
        end: Function that ends the search.
    """

    logs_trials = True  # the study then logs no trials: its losses lack the sign of the metric

    def __init__(
        self,
        callbacks: Iterable[Callback],
        metric: Measure,
        row: Callable[[Trial], TrialRow],
        end: Callable[[], None],
    ) -> None:
        self._callbacks = list(callbacks)
        self._metric = metric
        self._row = row
        self._end = end
        self._best: tuple[float, str] | None = None  # loss and family

    def know(self, trial: Trial) -> None:
        """Update the best score with a finished trial, for example of a resumed run; nothing is logged or called."""
        if trial.state is TrialState.COMPLETE and trial.value is not None:
            (family,) = trial.config["model"]
            if self._best is None or trial.value < self._best[0]:
                self._best = trial.value, family

    def __call__(self, study: Study, trial: Trial) -> None:  # noqa: ARG002 - a callback's signature
        """Log a finished trial and call the user's callbacks."""
        self.know(trial)
        row = self._row(trial)
        level = logging.WARNING if trial.state is TrialState.FAILED else logging.INFO
        logger.log(level, "%s", self._sentence(row))
        told = {**{name: getattr(row, name) for name in _TOLD}, "score": self._score(row.loss)}
        told["best"] = None if self._best is None else self._score(self._best[0])
        for callback in tuple(self._callbacks):
            try:
                answer = callback(dict(told))
                over = isinstance(answer, bool | np.bool_) and bool(answer)
            except Exception as error:  # noqa: BLE001 - a stranger's code, which is told of and called no more
                text = "the callback %r failed at trial %d (%s: %s) and will not be called again; the fit goes on."
                logger.warning(text, callback, trial.number, type(error).__name__, error)
                self._callbacks.remove(callback)
                continue
            if over:
                logger.info("the search ends after trial %d, as a callback asks for.", trial.number)
                self._end()

    def _score(self, loss: float | None) -> float | None:
        return None if loss is None else self._metric.score(loss)

    def _sentence(self, row: TrialRow) -> str:
        """Return the log line: family, score in the sign of the metric, seconds, best score so far."""
        took = "" if row.seconds is None else f" after {row.seconds:.1f} s"
        if row.is_complete:
            said = f"trial {row.number}: {row.model}, {self._metric.name} {self._score(row.loss):.5g}{took}"
        else:
            why = "" if row.error is None else f": {' '.join(row.error.split())}"
            said = f"trial {row.number}: {row.model} {row.state}{took}{why}"
        if self._best is None:
            return said
        return f"{said}; best {self._score(self._best[0]):.5g} ({self._best[1]})"
