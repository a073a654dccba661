"""What a person sees while a study runs: trials done, the best value, the time left. Silent without a person."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from rich.progress import Progress

__all__ = ["ProgressBar"]


class ProgressBar:
    """A line on the terminal or in the notebook, for as long as the block runs.

    Args:
        trials: Finished trials to reach, if limited.
        time_limit: Seconds to run, if limited.
        shown: Whether to show it; None shows it on a terminal and in a notebook only.
    """

    def __init__(self, trials: int | None, time_limit: float | None, *, shown: bool | None = None) -> None:
        self._trials = trials
        self._time_limit = time_limit
        self._shown = shown
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        from rich.console import Console

        console = Console(stderr=True)
        if self._shown is False or (self._shown is None and not (console.is_terminal or console.is_jupyter)):
            return self
        self._bar = _make(console)
        total = self._trials if self._trials is not None else self._time_limit
        self._task = self._bar.add_task("search", total=total, done="no trial yet", best="")
        self._began = time.monotonic()
        self._bar.start()
        return self

    def update(self, finished: int, failed: int, best: float | None) -> None:
        """Show the study's present state."""
        if self._bar is None:
            return
        elapsed = time.monotonic() - self._began
        done = f"{finished} trials" if self._trials is None else f"{finished}/{self._trials} trials"
        self._bar.update(
            self._task,
            completed=finished if self._trials is not None else elapsed,
            done=done + (f", {failed} failed" if failed else ""),
            best="" if best is None else f"best {best:.6g}",
        )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()


def _make(console: Any) -> Progress:  # a rich console; rich is imported only when a study runs
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[done]}"),
        TextColumn("[bold]{task.fields[best]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        refresh_per_second=4,
        transient=True,
    )
