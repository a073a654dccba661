"""The trial as its objective sees it while it runs: a budget, reports, a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidInput, Pruned, PruneReason
from seasoned.trials import Config
from seasoned.trials.notes import as_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["LiveTrial", "Ticket"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a trial is told when it starts; it is sent to a worker.

    Attributes:
        number: Its place in the study.
        budget: The step to reach; None where no rule of fidelity says how far a trial goes.
        step: The last step that it reported in an earlier run, or 0.
        folder: Where its checkpoint lies.
    """

    number: int
    budget: int | None
    step: int
    folder: str


class LiveTrial:
    """A running trial, the objective's second argument.

    Attributes:
        number: Its place in the study.
        config: What is tried.
        budget: The step to reach: train up to and including it, then return the value. None without a rule of fidelity.
        step: The last step reported by an earlier run of this trial (before a promotion or a kill); 0 at first.
        notes: What is kept of it beside its value; see `note`.

    Args:
        ticket: What is known at its start.
        config: What is tried.
        ask: Sends a message to the study's driver and waits for its answer; None where there is no rule of fidelity.

    Example:
        >>> said = []
        >>> trial = LiveTrial(Ticket(0, 9, 0, "none"), {"x": 1.0}, lambda message: said.append(message) or "go on")
        >>> trial.report(1, 0.5)
        >>> said
        [('report', 1, 0.5)]
    """

    def __init__(self, ticket: Ticket, config: Mapping[str, Any], ask: Callable[[Any], Any] | None) -> None:
        self.number = ticket.number
        self.config = config
        self.budget = ticket.budget
        self.step = ticket.step
        self.notes = Config()
        self._folder = Path(ticket.folder)
        self._ask = ask

    def note(self, **notes: Any) -> None:
        """Store notes on this trial beside its value, as `Trial.notes`: `trial.note(epochs=31, path="m/17.pkl")`.

        A later note of the same name replaces an earlier one. A trial that raises or is killed keeps none; one that
        pauses at a rung keeps those of its last run.

        Args:
            **notes: Numbers, text, or lists and dicts of these.

        Raises:
            InvalidInput: If a note is something else.
        """
        self.notes = Config({**self.notes, **as_notes(notes)})

    def report(self, step: int, value: float) -> None:
        """Say that the trial reached `step` with this value (in the study's direction; NaN if it diverged).

        Save the checkpoint first: this call may not return. A repeated report of a step is ignored.

        Raises:
            Pruned: If the rule stops or pauses the trial; do not catch it in the objective.
            InvalidInput: If the step is not a whole number of at least 0, the value not a number, or there is no rule.
        """
        if self._ask is None:
            raise InvalidInput(
                f"trial {self.number} called report(), but the study has no rule of fidelity; give Study(..., "
                "fidelity=ASHA()), or keep numbers by trial.note(...)."
            )
        if isinstance(step, bool) or not hasattr(step, "__index__") or step < 0:
            raise InvalidInput(f"trial {self.number} reported the step {step!r}; give a whole number of at least 0.")
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"trial {self.number} reported {value!r} at step {step}; give a number.") from error
        answer = self._ask(("report", step.__index__(), number))
        if answer != "go on":
            raise Pruned(f"{answer} at step {step.__index__()}", reason=PruneReason.FIDELITY)

    @property
    def checkpoint(self) -> Path:
        """A folder of this trial, made on first use and kept when it is promoted or its process is killed.

        It is removed when the trial is pruned or fails, and stays when it completes; for a study in memory, it is
        removed with the study, unless `Study(checkpoints=)` gives its place.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder
