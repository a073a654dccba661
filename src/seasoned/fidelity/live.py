"""The trial as its objective sees it while it runs: a budget, reports, a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidInput, Pruned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["LiveTrial", "Ticket"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a running trial is told at its start; it travels to a worker.

    Attributes:
        number: Its place in the study.
        budget: The step to reach.
        step: The last step that it reported in an earlier run, or 0.
        folder: Where its checkpoint lies.
    """

    number: int
    budget: int
    step: int
    folder: str


class LiveTrial:
    """A running trial, the objective's second argument.

    Attributes:
        number: Its place in the study.
        config: What is tried.
        budget: The step to reach: train up to and including it, then return the value.
        step: The last step reported by an earlier run of this trial (before a promotion or a kill); 0 at first.

    Args:
        ticket: What is known at its start.
        config: What is tried.
        ask: Sends a message to the study's driver and waits for its answer.

    Example:
        >>> said = []
        >>> trial = LiveTrial(Ticket(0, 9, 0, "none"), {"x": 1.0}, lambda message: said.append(message) or "go on")
        >>> trial.report(1, 0.5)
        >>> said
        [('report', 1, 0.5)]
    """

    def __init__(self, ticket: Ticket, config: Mapping[str, Any], ask: Callable[[Any], Any]) -> None:
        self.number = ticket.number
        self.config = config
        self.budget = ticket.budget
        self.step = ticket.step
        self._folder = Path(ticket.folder)
        self._ask = ask

    def report(self, step: int, value: float) -> None:
        """Say that the trial reached `step` with this value (in the study's direction; NaN if it diverged).

        Save the checkpoint first: this call may not return. A step that was reported before tells nothing new.

        Raises:
            Pruned: If the rule says that the trial shall not go on now; let it leave the objective.
            InvalidInput: If the step is not a whole number of at least 0, or the value no number.
        """
        if isinstance(step, bool) or not hasattr(step, "__index__") or step < 0:
            raise InvalidInput(f"trial {self.number} reported the step {step!r}; give a whole number of at least 0.")
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"trial {self.number} reported {value!r} at step {step}; give a number.") from error
        answer = self._ask(("report", step.__index__(), number))
        if answer != "go on":
            raise Pruned(f"{answer} at step {step.__index__()}")

    @property
    def checkpoint(self) -> Path:
        """A folder of this trial, made on first use and kept when it is promoted or its process is killed.

        It is removed when the trial is pruned or fails, and stays when it completes.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder
