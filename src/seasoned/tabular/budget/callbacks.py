"""Who is told of each trial while a fit runs: the log, and callbacks of the user's own."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.trials import TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from seasoned.study import Study
    from seasoned.tabular.metrics.metric import Measure
    from seasoned.trials import Trial

    Callback = Callable[[dict[str, Any]], object]

__all__ = ["Audience", "Telling"]

logger = logging.getLogger("seasoned.tabular")

_TOLD: Final = ("number", "model", "state", "seconds", "elapsed", "error", "config")


@dataclass(frozen=True, slots=True)
class Audience:
    """Who follows a fit.

    Attributes:
        progress: Whether to show a line on the terminal; None shows it only where a person watches.
        callbacks: Called with each trial that has ended.
    """

    progress: bool | None = None
    callbacks: tuple[Callback, ...] = ()

    @classmethod
    def of(cls, progress: bool | None, callbacks: Iterable[Callback] | None) -> Audience:
        """The audience that `fit` was given.

        Raises:
            InvalidInput: If a callback cannot be called.
        """
        found = (callbacks,) if callable(callbacks) else tuple(callbacks or ())
        if strange := [callback for callback in found if not callable(callback)]:
            raise InvalidInput(f"callbacks has {strange[0]!r}; give functions of one argument, the trial as a dict.")
        return cls(progress, found)


class Telling:
    """A callback of `Study.optimize` that tells of each trial in the metric's own sign.

    A callback that returns True ends the search; the best models so far are fitted as usual. One that raises is
    reported in the log and not called again: a tracker that is unreachable must not cost a night's search.

    Args:
        callbacks: The user's own.
        metric: What scores mean.
        row: A trial as plain data (`rows.row_of`).
        end: Ends the search.
    """

    logs_trials = True  # in the metric's direction, where the study has losses

    def __init__(
        self,
        callbacks: Iterable[Callback],
        metric: Measure,
        row: Callable[[Trial], dict[str, Any]],
        end: Callable[[], None],
    ) -> None:
        self._callbacks = list(callbacks)
        self._metric = metric
        self._row = row
        self._end = end
        self._best: tuple[float, str] | None = None  # loss and family

    def know(self, trial: Trial) -> None:
        """A trial of a run that is resumed: it counts, and nobody is told of it again."""
        if trial.state is TrialState.COMPLETE and trial.value is not None:
            (family,) = trial.config["model"]
            if self._best is None or trial.value < self._best[0]:
                self._best = trial.value, family

    def __call__(self, study: Study, trial: Trial) -> None:  # noqa: ARG002 - a callback's signature
        """A trial has finished."""
        self.know(trial)
        row = self._row(trial)
        level = logging.WARNING if trial.state is TrialState.FAILED else logging.INFO
        logger.log(level, "%s", self._sentence(row))
        told = {**{name: row[name] for name in _TOLD}, "score": self._score(row["loss"])}
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

    def _sentence(self, row: dict[str, Any]) -> str:
        """For readers of the log: family, score in its usual sign, seconds, and the best so far."""
        took = "" if row["seconds"] is None else f" after {row['seconds']:.1f} s"
        if row["state"] == "complete":
            said = f"trial {row['number']}: {row['model']}, {self._metric.name} {self._score(row['loss']):.5g}{took}"
        else:
            why = "" if row["error"] is None else f": {' '.join(row['error'].split())}"
            said = f"trial {row['number']}: {row['model']} {row['state']}{took}{why}"
        if self._best is None:
            return said
        return f"{said}; best {self._score(self._best[0]):.5g} ({self._best[1]})"
