"""What a model-based sampler remembers of a study: arrays, a fold of its events."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.surrogates.output_warping import finite
from seasoned.trials import Asked, Finished, TrialState
from seasoned.trials.pareto import pareto_front

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.space import Space
    from seasoned.trials import Event

__all__ = ["Observations", "Pending"]

_HUGE: Final = 1e100
_FAR: Final = 1e100  # how far from the front, in its ranges, an objective is clipped


class Pending(NamedTuple):
    """A trial that runs.

    Attributes:
        unit: Its point, shape (d,).
        active: Which coordinates are in use, shape (d,).
        tag: What the sampler noted with it.
    """

    unit: NDArray[np.float64]
    active: NDArray[np.bool_]
    tag: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Observations:
    """Finished trials in the order of their results, and those that run.

    Attributes:
        unit: Points, shape (n, d).
        active: Coordinates in use, shape (n, d).
        values: Objectives, minimised; NaN where there are none, shape (n, k).
        constraints: Outcome constraints, kept where at most 0; NaN where there are none, shape (n, c).
        pruned: Which were pruned, shape (n,); a trial without values that was not pruned has failed.
        seconds: What each complete one took; NaN where that is not known, shape (n,).
        tags: What the sampler noted with each.
        pending: Running trials by number.
        asked: Numbers asked so far.
    """

    unit: NDArray[np.float64]
    active: NDArray[np.bool_]
    values: NDArray[np.float64]
    constraints: NDArray[np.float64]
    pruned: NDArray[np.bool_]
    seconds: NDArray[np.float64]
    tags: tuple[dict[str, Any], ...] = ()
    pending: dict[int, Pending] = field(default_factory=dict)
    asked: frozenset[int] = frozenset()

    @staticmethod
    def none(dimension: int, objectives: int) -> Observations:
        """Before the first event."""
        return Observations(
            unit=np.zeros((0, dimension)),
            active=np.zeros((0, dimension), dtype=np.bool_),
            values=np.zeros((0, objectives)),
            constraints=np.zeros((0, 0)),
            pruned=np.zeros(0, dtype=np.bool_),
            seconds=np.zeros(0),
        )

    def __len__(self) -> int:
        """Number of finished trials."""
        return len(self.unit)

    def with_elsewhere(
        self, unit: NDArray[np.float64], active: NDArray[np.bool_], losses: NDArray[np.float64]
    ) -> Observations:
        """With evaluations that were made elsewhere, of a single objective."""
        return replace(
            self,
            unit=np.concatenate([self.unit, unit]),
            active=np.concatenate([self.active, active]),
            values=np.concatenate([self.values, losses[:, None]]),
            constraints=np.concatenate([self.constraints, np.full((len(unit), self.constraints.shape[1]), np.nan)]),
            pruned=np.append(self.pruned, np.zeros(len(unit), dtype=np.bool_)),
            seconds=np.append(self.seconds, np.full(len(unit), np.nan)),
            tags=self.tags + ({},) * len(unit),
        )

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Which trials have no values, shape (n,)."""
        return np.asarray(np.isnan(self.values).any(axis=1))

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """Which trials have values and keep all constraints, shape (n,)."""
        return ~self.failed & ~np.asarray((self.constraints > 0).any(axis=1))

    def ranks(self, losses: NDArray[np.float64]) -> NDArray[np.float64]:
        """The place of each trial, 0 for the best: by its total violation of the constraints, then by its loss.

        Args:
            losses: As `losses` gives them, shape (n,); failed trials come last.
        """
        violation = np.where(self.failed, np.inf, np.nansum(np.maximum(self.constraints, 0.0), axis=1))
        return np.argsort(np.lexsort((losses, violation))).astype(np.float64)

    def losses(self, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """One number per trial, to be minimised, small enough for differences to be finite; shape (n,).

        A single objective stays as it is. Several become their augmented Chebyshev value
        max_i w_i z_i + 0.05 sum_i w_i z_i, where z_i is the objective scaled to [0, 1] (Knowles 2006, ParEGO, eq. 2):
        by its range on the front, and logarithmically beyond it, because otherwise one trial of a hundred thousand
        seconds would make all others equally quick.
        A pruned trial counts as the worst complete one before it, so that what it counts as does not depend on later
        trials; a failed one is NaN.

        Args:
            weights: One per objective, of sum 1, shape (k,); needed if there are several.
        """
        losses = self.values[:, 0]
        if weights is not None:
            scaled = np.full(self.values.shape, np.nan)
            known = ~self.failed
            front = pareto_front(self.values[self.feasible if self.feasible.any() else known])
            for j, column in enumerate(self.values.T):
                among = column[self.feasible if self.feasible.any() else known][front]
                scaled[known, j] = _by_range(column[known], among)
            losses = (scaled * weights).max(axis=1) + 0.05 * (scaled @ weights)
        largest = float(np.nanmax(np.abs(losses), initial=0.0))
        losses = losses / largest if largest > _HUGE else losses
        if self.pruned.any():
            losses = np.where(self.pruned & np.isnan(losses), np.fmax.accumulate(losses), losses)
        return losses

    def told(self, events: Sequence[Event], space: Space) -> Observations:
        """With more events folded in, in log order."""
        pending = dict(self.pending)
        asked: set[int] = set()
        rows: list[tuple[Pending, Finished]] = []
        for event in events:
            if isinstance(event, Asked):
                unit, active = space.encode(event.config)
                pending[event.number] = Pending(unit, active, dict(event.tag or {}))
                asked.add(event.number)
            elif isinstance(event, Finished) and event.number in pending:
                ended = pending.pop(event.number)
                if event.state is not TrialState.RUNNING:  # "running": it has left without a result
                    rows.append((ended, event))
        known = self if not asked else replace(self, asked=self.asked | asked)
        return replace(_with_rows(known, rows), pending=pending)


def _row(given: Sequence[float] | None, width: int) -> NDArray[np.float64]:
    """The given numbers, NaN for all that are missing or not finite."""
    row = np.full(width, np.nan)
    if given is not None:
        row[: len(given)] = given
    row[~np.isfinite(row)] = np.nan
    return row


def _seconds(end: Finished) -> float:
    """What a complete trial took; NaN for one that was stopped earlier, which does not tell what a whole one takes."""
    return np.nan if end.state is not TrialState.COMPLETE or end.seconds is None else end.seconds


def _with_rows(seen: Observations, rows: Sequence[tuple[Pending, Finished]]) -> Observations:
    if not rows:
        return seen
    objectives = seen.values.shape[1]
    values = [_row(end.values if end.state is TrialState.COMPLETE else None, objectives) for _, end in rows]
    width = max([seen.constraints.shape[1], *(len(end.constraints) for _, end in rows)])
    constraints = [_row(end.constraints or None, width) for _, end in rows]
    old = np.full((len(seen), width), np.nan)
    old[:, : seen.constraints.shape[1]] = seen.constraints
    return replace(
        seen,
        unit=np.concatenate([seen.unit, [trial.unit for trial, _ in rows]]),
        active=np.concatenate([seen.active, [trial.active for trial, _ in rows]]),
        values=np.concatenate([seen.values, values]),
        constraints=np.concatenate([old, np.reshape(constraints, (len(rows), width))]),
        pruned=np.append(seen.pruned, [end.state is TrialState.PRUNED for _, end in rows]),
        seconds=np.append(seen.seconds, [_seconds(end) for _, end in rows]),
        tags=seen.tags + tuple(trial.tag for trial, _ in rows),
    )


def _by_range(values: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values scaled by the range of `among`, logarithmically beyond its ends; by their own range if it has none."""
    low, high = float(among.min(initial=np.inf)), float(among.max(initial=-np.inf))
    with np.errstate(over="ignore"):
        if not 0.0 < high - low < np.inf:
            return finite(values)
        place = np.clip((values - low) / (high - low), -_FAR, _FAR)
    beyond = np.maximum(np.abs(place - 0.5) - 0.5, 0.0)
    found: NDArray[np.float64] = np.clip(place, 0.0, 1.0) + np.sign(place - 0.5) * np.log1p(beyond)
    return found
