"""Running trial, as passed to the objective: budget, reports, notes and checkpoint folder."""

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
    """Start data of a trial, sent to a worker.

    Attributes:
        number: Number of the trial in the study.
        budget: The step to reach; None without a fidelity rule.
        step: The last step that the trial reported in an earlier run, or 0.
        folder: Folder of the trial's checkpoint.
    """

    number: int
    budget: int | None
    step: int
    folder: str


class LiveTrial:
    """Running trial: the objective's second argument.

    Attributes:
        number: Number of the trial in the study.
        config: The configuration.
        budget: The step to reach. The objective trains up to and including this step, then returns the value. None
            without a fidelity rule.
        step: The last step reported by an earlier run of this trial, before a promotion or a kill; 0 in a first run.
        notes: Notes stored with the trial; see `note`.

    Args:
        ticket: Start data of the trial.
        config: The configuration.
        ask: Sends a message to the study's driver and returns the answer; None without a fidelity rule.

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
        """Store notes with this trial, as `Trial.notes`: `trial.note(epochs=31, path="m/17.pkl")`.

        A later note of the same name replaces an earlier one. The notes of a trial that raises or is killed are lost. A
        trial that pauses at a rung has the notes of its last run.

        Args:
            **notes: Numbers, text, or lists and dicts of numbers and text.

        Raises:
            InvalidInput: If a note has another type.
        """
        self.notes = Config({**self.notes, **as_notes(notes)})

    def report(self, step: int, value: float) -> None:
        """Report the value at `step`, in the study's direction; NaN if training diverged.

        Save the checkpoint before this call: the call may not return. A repeated report of a step is ignored.

        Raises:
            Pruned: If the rule stops or pauses the trial. The objective must not catch it.
            InvalidInput: If the step is not an integer of at least 0, the value is not a number, or the study has no
                fidelity rule.
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
        """Checkpoint folder of this trial, created on first use.

        The folder stays when the trial is promoted, completes, or its process is killed. It is removed when the trial
        is pruned or fails. For a study in memory it is removed with the study, unless `Study(checkpoints=)` is set.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder
