"""What a person sees while a fit runs: its first lines, the best model so far, trials that failed, the time left."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final, Self

from seasoned.progress import ProgressBar
from seasoned.tabular.fit_summary import line_of
from seasoned.trials import TrialState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from seasoned.study import Study
    from seasoned.tabular.budget import Budget
    from seasoned.tabular.fit_summary import FitSummary
    from seasoned.tabular.measure import Measure
    from seasoned.trials import Trial

__all__ = ["Watching"]

logger = logging.getLogger("seasoned.tabular")

_NAMED: Final = 3  # failures of a family that get a line each; the line of progress counts all of them
_LONGEST: Final = 160  # characters of a reason


class Watching:
    """A callback of `Study.optimize` that keeps one line about the fit up to date.

    Args:
        metric: The metric of the scores.
        budget: Trials to reach and time to use.
        shown: True for a line wherever this runs, False for none, None for terminals and notebooks only.
    """

    def __init__(self, metric: Measure, budget: Budget, *, shown: bool | None = None) -> None:
        self._metric = metric
        limited = budget.seconds if budget.seconds < 1e9 else None  # 1e9 stands for no limit
        left = None if limited is None else lambda: budget.remaining
        self._bar = ProgressBar(budget.trials, limited, shown=shown, left=left, activity="reading the table")
        self._finished = 0
        self._failures: Counter[str] = Counter()
        self._best: float | None = None
        self._text = ""
        self._shown: set[str] = set()

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.__exit__(kind, error, at)

    def __call__(self, study: Study | None, trial: Trial) -> None:  # noqa: ARG002 - a callback's signature
        """A trial has finished; one that failed gets a line."""
        self.know(trial)
        (family,) = trial.config["model"]
        if trial.state is TrialState.FAILED and self._failures[family] <= _NAMED:
            self.say([failure_line(trial, last=self._failures[family] == _NAMED)])

    def know(self, trial: Trial) -> None:
        """A finished trial counts; one of a run that is resumed has no other line."""
        (family,) = trial.config["model"]
        self._finished += 1
        self._failures[family] += trial.state is TrialState.FAILED
        loss = trial.value if trial.state is TrialState.COMPLETE else None
        if loss is not None and (self._best is None or loss < self._best):
            self._best = loss
            self._text = f"{self._metric.name} {self._metric.score(loss):.5g} ({family})"
        self._bar.update(self._finished, self._failures.total(), self._text)

    @property
    def is_shown(self) -> bool:
        """Whether somebody sees the lines."""
        return self._bar.display.is_shown

    def say(self, lines: Iterable[str]) -> None:
        """Lines that stay, above the one of the progress."""
        self._bar.display.say(lines)

    def show(self, summary: FitSummary) -> FitSummary:
        """Show the lines of a fit's summary that are new, here and in the log; returns the summary."""
        self._add(summary.lines())
        return summary

    def _add(self, lines: Iterable[str]) -> None:
        new = [line for line in lines if line not in self._shown]
        self._shown.update(new)
        self.say(new)
        for line in new:
            logger.info("%s", line)

    def resume(self, trials: int) -> tuple[str, ...]:
        """A sentence on a run that goes on, if any of its trials had finished; shown at once."""
        if not trials:
            return ()
        note = f"resumed: {trials:,} finished configuration(s) of an earlier call count"
        self._add([line_of("note", note)])
        return (note,)

    def begin(self, activity: str) -> None:
        """Name the present activity, such as "search"."""
        self._bar.display.begin(activity)


def failure_line(trial: Trial, *, last: bool = False) -> str:
    """One line about a failed trial.

    Args:
        trial: The trial.
        last: Whether later failures of the family get no line.

    Example:
        >>> from seasoned.trials import Trial
        >>> trial = Trial(3, {"model": {"mlp": {}}}, TrialState.FAILED, error="it  diverged at step 2")
        >>> failure_line(trial)
        'trial 3 (mlp) failed: it diverged at step 2'
    """
    (family,) = trial.config["model"]
    took = "" if trial.seconds is None else f" after {trial.seconds:.0f} s"
    reason = " ".join(str(trial.error or "no reason is known").split())
    reason = reason if len(reason) <= _LONGEST else f"{reason[: _LONGEST - 3]}..."
    more = f" (further failures of {family} are only counted)" if last else ""
    return f"trial {trial.number} ({family}) failed{took}: {reason}{more}"
