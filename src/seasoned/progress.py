"""Progress of a running study: trials done, the best value, the time left. Silent outside terminals and notebooks."""

from __future__ import annotations

import importlib
import importlib.util
import math
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
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
        left: Gives the seconds left; by default what is left of the time limit.
    """

    def __init__(
        self,
        trials: int | None,
        time_limit: float | None,
        *,
        shown: bool | None = None,
        left: Callable[[], float] | None = None,
    ) -> None:
        self._trials = trials
        self._left = left
        self._time_limit = None if time_limit is None or math.isinf(time_limit) else time_limit
        self._shown = shown
        self._bar: Progress | None = None
        self._line: Any = None  # the display of a notebook that has no widgets
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        from rich.console import Console

        console = Console(stderr=True)
        if self._shown is False or (self._shown is None and not (console.is_terminal or console.is_jupyter)):
            return self
        self._began = time.monotonic()
        if console.is_jupyter and importlib.util.find_spec("ipywidgets") is None:  # without which rich shows nothing
            show = importlib.import_module("IPython.display").display
            self._line = show({"text/plain": "search: no trial yet"}, raw=True, display_id=True)
            return self
        self._bar = _make(console, None if self._time_limit is None else self._seconds_left)
        total = self._trials if self._trials is not None else self._time_limit
        self._task = self._bar.add_task("search", total=total, done="no trial yet", best="")
        self._bar.start()
        return self

    def _seconds_left(self) -> float:
        if self._left is not None:
            return self._left()
        return (self._time_limit or 0.0) - (time.monotonic() - self._began)

    def update(self, finished: int, failed: int, best: float | str | None) -> None:
        """Show the study's present state; the best as a value, or as text of its own."""
        elapsed = time.monotonic() - self._began
        done = f"{finished} trials" if self._trials is None else f"{finished}/{self._trials} trials"
        done += f", {failed} failed" if failed else ""
        shown = "" if best in {None, ""} else f"best {best}" if isinstance(best, str) else f"best {best:.6g}"
        if self._line is not None:
            text = f"search: {done}{shown and ', '}{shown}, {elapsed:.0f} s"
            self._line.update({"text/plain": text}, raw=True)
        if self._bar is not None:
            completed = finished if self._trials is not None else elapsed
            self._bar.update(self._task, completed=completed, done=done, best=shown)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()


def _is_terminal(stream: Any) -> bool:
    """Whether it is one; false for a closed stream, and for a substitute that has no `isatty`."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def _make(console: Any, left: Callable[[], float] | None) -> Progress:  # a rich console; rich is imported when needed
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.text import Text

    class Left(ProgressColumn):
        """The time left of a limit, which does not depend on how fast trials are."""

        def render(self, task: object) -> Text:  # noqa: ARG002 - the column's signature
            minutes, seconds = divmod(max(0, round(left() if left else 0)), 60)
            return Text(f"{minutes}:{seconds:02d}", style="progress.remaining")

    own = console.is_jupyter or _is_terminal(sys.stdout)  # else prints are left alone
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[done]}"),
        TextColumn("[bold]{task.fields[best]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn() if left is None else Left(),
        console=console,
        redirect_stdout=own,
        refresh_per_second=4,
        transient=True,
    )
