"""Progress display of a fit: the summary, and one line with the best model so far and the remaining time."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from seasoned._util.progress_bar import ProgressBar
from seasoned.tabular.budget.fit_summary import line_of
from seasoned.trials import TrialState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from seasoned.study import Study
    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.budget.fit_summary import FitSummary
    from seasoned.tabular.metrics.metric import Measure
    from seasoned.trials import Trial

__all__ = ["FitProgress"]

logger = logging.getLogger("seasoned.tabular")


class FitProgress:
    """Callback of `Study.optimize` that updates the progress line of the fit.

    Args:
        metric: Metric of the scores.
        budget: Number of trials and time limit.
        shown: True shows the line everywhere, False shows no line, None shows it in terminals and notebooks only.
    """

    def __init__(self, metric: Measure, budget: Budget, *, shown: bool | None = None) -> None:
        self._metric = metric
        limited = budget.seconds if budget.seconds < 1e9 else None  # 1e9 stands for no limit
        left = None if limited is None else lambda: budget.remaining
        self._bar = ProgressBar(budget.trials, limited, shown=shown, left=left, activity="reading the table")
        self._finished = 0
        self._failed = 0
        self._best: float | None = None
        self._text = ""
        self._shown: set[str] = set()

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.__exit__(kind, error, at)

    def __call__(self, study: Study | None, trial: Trial) -> None:  # noqa: ARG002 - a callback's signature
        """Count a finished trial."""
        self.know(trial)

    def know(self, trial: Trial) -> None:
        """Count a finished trial, for example of a resumed run."""
        self._finished += 1
        self._failed += trial.state is TrialState.FAILED
        loss = trial.value if trial.state is TrialState.COMPLETE else None
        if loss is not None and (self._best is None or loss < self._best):
            self._best = loss
            (family,) = trial.config["model"]
            self._text = f"{self._metric.name} {self._metric.score(loss):.5g} ({family})"
        self._bar.update(self._finished, self._failed, self._text)

    def say(self, lines: Iterable[str]) -> None:
        """Print permanent lines before the progress line."""
        self._bar.display.say(lines)

    def show(self, summary: FitSummary) -> FitSummary:
        """Print and log the new lines of a fit's summary; return the summary."""
        self._add(summary.lines())
        return summary

    def _add(self, lines: Iterable[str]) -> None:
        new = [line for line in lines if line not in self._shown]
        self._shown.update(new)
        self.say(new)
        for line in new:
            logger.info("%s", line)

    def resume(self, trials: int) -> tuple[str, ...]:
        """Show and return a sentence about the finished trials of a resumed run; return () without such trials."""
        if not trials:
            return ()
        note = f"resumed: {trials:,} finished configuration(s) of an earlier call count"
        self._add([line_of("note", note)])
        return (note,)

    def begin(self, activity: str) -> None:
        """Show the current activity, such as "search"."""
        self._bar.display.begin(activity)
