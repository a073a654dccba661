"""Multi-fidelity sampler: one model per number of training rows, for trials that are scored on row samples first."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from seasoned.errors import PruneReason
from seasoned.fidelity.sampler_per_rung import Views, ask_all
from seasoned.samplers.base import Sampler, Suggestion
from seasoned.trials import Finished, Reported, Suggested, TrialState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seasoned.trials import Event, StudySpec

__all__ = ["ByLevel"]


@dataclass(frozen=True, slots=True)
class ByLevel(Sampler[Views]):
    """Sampler that models one level: losses and seconds of different numbers of rows are never mixed.

    As in `fidelity/sampler_per_rung.py` for training steps, but each level is a separate fit. A level gets the share of
    the trial's seconds that its rows have in all fitted rows. It gets no seconds if the trial was stopped among its
    folds. The shares are known only at the end of the trial, so the trial counts as running until then.

    Attributes:
        sampler: Sampler that suggests configurations.
        rows: Training rows of each level, ascending; the last belongs to a complete trial.
        fits: Number of fits on all rows in a complete trial: its folds.

    Example:
        >>> from seasoned.samplers import Random
        >>> ByLevel(Random(), (1_000, 3_000, 9_000), 3).shares(2)
        (0.25, 0.75, 0.0)
    """

    sampler: Sampler[Any]
    rows: tuple[int, ...]
    fits: int = 1

    def init(self, spec: StudySpec) -> Views:
        """Initial state of the sampler for each level."""
        return Views.first(self.sampler, spec, len(self.rows))

    def ask(self, state: Views, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], Views]:
        """Suggestions of the sampler in the state of the chosen level."""
        return state.ask(self.sampler, numbers)

    def tell(self, state: Views, events: Sequence[Event]) -> Views:
        """Update each level with its events."""
        heard: list[list[Event]] = [[] for _ in self.rows]
        results, reports = list(state.results), dict(state.reached)
        for event in events:
            if isinstance(event, Suggested):
                reports[event.number] = {}
                ask_all(heard, event)
            elif isinstance(event, Reported) and event.number in reports:
                reports[event.number] = {event.step: event.value, **reports[event.number]}
            elif isinstance(event, Finished) and event.number in reports:
                ends = self._ends(event, reports.pop(event.number))
                for level, end in enumerate(ends):
                    heard[level].append(end)
                    results[level] += end.state is TrialState.COMPLETE
        return state.tell(self.sampler, heard, results, reports)

    def _ends(self, event: Finished, reports: Mapping[int, float]) -> list[Finished]:
        """End of a trial as one event per level."""
        stopped = event.state is TrialState.PRUNED
        reached = sum(rows in reports for rows in self.rows[:-1]) if stopped else len(self.rows)
        among_folds = stopped and reached == len(self.rows) - 1 and event.prune_reason is not PruneReason.FIDELITY
        found = []
        for rows, share in zip(self.rows, self.shares(reached), strict=True):
            seconds = None if event.seconds is None or among_folds else share * event.seconds
            if rows == self.rows[-1] or event.state is TrialState.FAILED or not share:
                found.append(replace(event, seconds=seconds))
            elif math.isfinite(reports.get(rows, math.nan)):
                found.append(Finished(event.number, TrialState.COMPLETE, (reports[rows],), seconds))
            else:
                found.append(Finished(event.number, TrialState.FAILED, None, seconds, "its loss is not known there"))
        return found

    def shares(self, reached: int) -> tuple[float, ...]:
        """Share of a trial's seconds per level, for a trial that reached `reached` levels."""
        spent = [rows if level < reached else 0 for level, rows in enumerate(self.rows)]
        spent[-1] *= self.fits
        total = sum(spent)
        return tuple(rows / total if total else 0.0 for rows in spent)

    def capacity(self, state: Views) -> int | None:
        """The sampler's capacity."""
        return self.sampler.capacity(state.states[0])
