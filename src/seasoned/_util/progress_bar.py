"""Progress display of long work: one line on a terminal, in a notebook or in a log file."""

from __future__ import annotations

import importlib
import importlib.util
import math
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    from rich.progress import Progress

__all__ = ["Display", "ProgressBar"]

_EVERY: Final = 10.0  # seconds between two lines without a terminal
_SECOND: Final = 1.0


class Display:
    """Progress line: a bar on a terminal, a text in a notebook, one line every ten seconds elsewhere.

    Args:
        activity: A few words for the work.
        total: Amount of work, in the unit of `update`; None for an unknown amount.
        shown: False shows nothing, True shows the line everywhere, None shows it on terminals and in notebooks only.
        left: Function that returns the remaining seconds; None without a limit.
        every: Seconds between two lines without a terminal.
    """

    def __init__(
        self,
        activity: str,
        total: float | None = None,
        *,
        shown: bool | None = None,
        left: Callable[[], float] | None = None,
        every: float = _EVERY,
    ) -> None:
        self._activity = activity
        self._total = total
        self._shown = shown
        self._left = left
        self._every = every
        self._text = self._best = ""
        self._bar: Progress | None = None
        self._line: Any = None  # the display of a notebook that has no widgets
        self._stream: Any = None  # output of plain lines
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        from rich.console import Console

        console = Console(stderr=True)
        watched = console.is_terminal or console.is_jupyter
        if self._shown is False or (self._shown is None and not watched):
            return self
        self._began = time.monotonic()
        self._stream = sys.stdout if console.is_jupyter else sys.stderr
        if not watched:
            self._thread = threading.Thread(target=self._repeat, name="progress", daemon=True)
            self._thread.start()
        elif console.is_jupyter and importlib.util.find_spec("ipywidgets") is None:  # rich needs it in a notebook
            show = importlib.import_module("IPython.display").display
            self._line = show({"text/plain": self._sentence()}, raw=True, display_id=True)
        else:
            self._bar = _make(console, self._left)
            self._task = self._bar.add_task(self._activity, total=self._total, done=self._text, best="")
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._thread is not None:
            self._thread.join(_SECOND)
        self._stream = None

    def update(self, completed: float | None = None, text: str | None = None, best: str | None = None) -> None:
        """Show the present state: the amount done, a text for it, and the best result so far."""
        self._text = self._text if text is None else text
        self._best = self._best if best is None else best
        if self._bar is not None:
            self._bar.update(self._task, completed=completed, done=self._text, best=self._best)
        if self._line is not None:
            self._line.update({"text/plain": self._sentence()}, raw=True)

    def begin(self, activity: str, total: float | None = None) -> None:
        """Start another activity on the same line, with a new total if one is passed."""
        self._activity = activity
        self._total = self._total if total is None else total
        if self._bar is not None:
            self._bar.update(self._task, description=activity, total=self._total)
        self.update()

    def say(self, lines: Iterable[str]) -> None:
        """Print lines that stay visible above the progress line; nothing is printed while the display is hidden."""
        for line in lines:
            if self._bar is not None and not self._bar.console.is_jupyter:
                self._bar.console.print(line, markup=False, highlight=False, emoji=False)
            else:
                self._write(line)

    @property
    def elapsed(self) -> float:
        """Seconds since the block began."""
        return time.monotonic() - self._began

    def _sentence(self) -> str:
        """Return the state as one plain line."""
        limit = None if self._left is None else self.elapsed + self._left()
        clock = f"{self.elapsed:.0f} s" if limit is None else f"{self.elapsed:.0f} of {limit:.0f} s"
        return f"{clock}: {', '.join(filter(None, (self._activity, self._text, self._best)))}"

    def _repeat(self) -> None:
        while not self._over.wait(self._every):
            self._write(self._sentence())

    def _write(self, line: str) -> None:
        stream = self._stream
        if stream is None:
            return
        try:
            print(line, file=stream, flush=True)
        except (OSError, ValueError):  # the output was closed; the work continues without it
            self._stream = None


class ProgressBar:
    """Progress display of a running study: finished trials, best value, remaining time.

    Args:
        trials: Target number of finished trials; None without a limit.
        time_limit: Time limit in seconds; None without a limit.
        shown: Same as for `Display`.
        left: Function that returns the remaining seconds; by default computed from the time limit.
        activity: A few words for the work.
    """

    def __init__(
        self,
        trials: int | None,
        time_limit: float | None,
        *,
        shown: bool | None = None,
        left: Callable[[], float] | None = None,
        activity: str = "search",
    ) -> None:
        self._trials = trials
        limit = None if time_limit is None or math.isinf(time_limit) else time_limit
        self._limit = limit
        clock = None if limit is None else left or self._seconds_left
        self.display = Display(activity, limit if trials is None else trials, shown=shown, left=clock)
        self.display.update(text="no trial yet")

    def _seconds_left(self) -> float:
        return (self._limit or 0.0) - self.display.elapsed

    def __enter__(self) -> Self:
        self.display.__enter__()
        return self

    def update(self, finished: int, failed: int, best: float | str | None) -> None:
        """Show the current state of the study; `best` is a value, or a text that is shown as it is."""
        done = f"{finished} trials" if self._trials is None else f"{finished}/{self._trials} trials"
        done += f", {failed} failed" if failed else ""
        shown = "" if best in {None, ""} else f"best {best}" if isinstance(best, str) else f"best {best:.6g}"
        self.display.update(finished if self._trials is not None else self.display.elapsed, done, shown)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.display.__exit__(kind, error, at)


def _is_terminal(stream: Any) -> bool:
    """Return True for a terminal; False for a closed stream, and for a substitute without `isatty`."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def _make(console: Any, left: Callable[[], float] | None) -> Progress:  # `console`: of rich, imported on first use
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.text import Text

    class Left(ProgressColumn):
        """Column with the remaining time of the limit, independent of the speed of trials."""

        def render(self, task: object) -> Text:  # noqa: ARG002 - the column's signature
            minutes, seconds = divmod(max(0, round(left() if left else 0)), 60)
            return Text(f"{minutes}:{seconds:02d}", style="progress.remaining")

    own = console.is_jupyter or _is_terminal(sys.stdout)  # a redirected stdout is not captured
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
