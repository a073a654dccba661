"""Progress display of a meta-training."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from seasoned.metagrad.training.loop import Entry

__all__ = ["Progress"]


class Progress:
    """Shows a training on the terminal or in a notebook, or calls a function with every entry.

    Args:
        steps: Total number of meta-steps.
        shown: True, False, None (on a terminal or in a notebook only), or a function of (entry, steps).
    """

    def __init__(self, steps: int, shown: bool | Callable[[Entry, int], None] | None) -> None:
        self._steps = steps
        self._call = shown if callable(shown) else None
        self._bar: Any = None
        if self._call is None and shown is not False:
            self._bar = _bar(steps, forced=shown is True)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def update(self, entry: Entry) -> None:
        """Show an entry."""
        if self._call is not None:
            self._call(entry, self._steps)
        if self._bar is not None:
            found = f"loss {entry.loss:.4g}" + (
                "" if np.isnan(entry.validation) else f", validation {entry.validation:.4g}"
            )
            self._bar.update(self._bar.task_ids[0], completed=entry.step, found=found)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


class StatusLine:
    """Line of text that is updated in place: the progress display in notebooks without widgets."""

    task_ids = (0,)

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._shown: Any = None

    def start(self) -> None:
        show = importlib.import_module("IPython.display").display
        self._shown = show({"text/plain": "meta-training: compiling"}, raw=True, display_id=True)

    def update(self, _: int, *, completed: int, found: str) -> None:
        text = f"meta-training: {completed} of {self._steps} steps, {found}"
        self._shown.update({"text/plain": text}, raw=True)

    def stop(self) -> None:
        """Leave the line visible."""


def _bar(steps: int, *, forced: bool) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not (forced or console.is_terminal or console.is_jupyter):
        return None
    if console.is_jupyter and importlib.util.find_spec("ipywidgets") is None:  # rich needs it in notebooks
        return StatusLine(steps)
    columns = (
        TextColumn("meta-training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[found]}"),
        TimeRemainingColumn(),
    )
    bar = Bar(*columns, console=console, transient=True)
    bar.add_task("meta-training", total=steps, found="compiling")
    return bar
