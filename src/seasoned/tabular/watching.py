"""What a person sees while a fit runs: the best model so far, its family and score, and the time left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from seasoned.progress import ProgressBar
from seasoned.trials import TrialState

if TYPE_CHECKING:
    from types import TracebackType

    from seasoned.study import Study
    from seasoned.tabular.budget import Budget
    from seasoned.tabular.measure import Measure
    from seasoned.trials import Trial

__all__ = ["Watching"]


class Watching:
    """A callback of `Study.optimize` that keeps one line on the terminal up to date; silent without a person.

    Args:
        metric: What scores mean.
        budget: Trials to reach and time to use.
        shown: Whether to show it; None shows it on a terminal and in a notebook only.
    """

    def __init__(self, metric: Measure, budget: Budget, *, shown: bool | None = None) -> None:
        self._metric = metric
        limited = budget.seconds if budget.seconds < 1e9 else None  # 1e9 stands for no limit
        self._bar = ProgressBar(budget.trials, limited, shown=shown, left=lambda: budget.remaining)
        self._finished = 0
        self._failed = 0
        self._best: float | None = None
        self._text = ""

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.__exit__(kind, error, at)

    def __call__(self, study: Study | None, trial: Trial) -> None:  # noqa: ARG002 - a callback's signature
        """A trial has finished."""
        self._finished += 1
        self._failed += trial.state is TrialState.FAILED
        loss = trial.value if trial.state is TrialState.COMPLETE else None
        if loss is not None and (self._best is None or loss < self._best):
            self._best = loss
            (family,) = trial.config["model"]
            self._text = f"{self._metric.name} {self._metric.score(loss):.5g} ({family})"
        self._bar.update(self._finished, self._failed, self._text)
