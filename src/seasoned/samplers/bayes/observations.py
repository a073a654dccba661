"""Observations of a study for a model-based sampler: arrays folded from the study's events."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.surrogates.output_warping import finite
from seasoned.trials import Finished, Suggested, TrialState
from seasoned.trials.pareto import pareto_front

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.space import Space
    from seasoned.trials import Event

__all__ = ["Observations", "Pending"]

_HUGE: Final = 1e100  # absolute loss beyond which all losses are divided by the largest one
_MAX_RANGES: Final = 1e100  # largest distance of an objective from the front, in ranges of the front


class Pending(NamedTuple):
    """Running trial.

    Attributes:
        unit: Point of the trial, shape (d,).
        active: True for coordinates in use, shape (d,).
        tag: Tag of the trial.
    """

    unit: NDArray[np.float64]
    active: NDArray[np.bool_]
    tag: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Observations:
    """Finished trials in the order of their results, and running trials.

    Attributes:
        unit: Points, shape (n, d).
        active: True for coordinates in use, shape (n, d).
        values: Objectives, minimised, shape (n, k); NaN for a trial without values.
        constraints: Outcome constraints, satisfied if at most 0, shape (n, c); NaN if missing.
        pruned: True for pruned trials, shape (n,); a trial without values that was not pruned has failed.
        seconds: Seconds of each complete trial, shape (n,); NaN if unknown.
        tags: Tag of each trial.
        pending: Running trials by number.
        asked: Trial numbers asked so far.
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
        """Return empty observations."""
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
        """Return the observations with evaluations of another study added, for a single objective."""
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
        """True for trials without values, shape (n,)."""
        return np.asarray(np.isnan(self.values).any(axis=1))

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """True for trials that have values and satisfy all constraints, shape (n,)."""
        return ~self.failed & ~np.asarray((self.constraints > 0).any(axis=1))

    def ranks(self, losses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the rank of each trial, shape (n,), 0 for the best: by total violation of constraints, then by loss.

        Args:
            losses: Losses from `losses`, shape (n,); failed trials rank last.
        """
        violation = np.where(self.failed, np.inf, np.nansum(np.maximum(self.constraints, 0.0), axis=1))
        return np.argsort(np.lexsort((losses, violation))).astype(np.float64)

    def losses(self, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return one loss per trial, shape (n,), to be minimised, scaled so that differences are finite.

        A single objective is returned as is. Several objectives become their augmented Chebyshev value
        max_i w_i z_i + 0.05 sum_i w_i z_i (Knowles 2006, ParEGO, eq. 2). Here z_i is the objective scaled to [0, 1] by
        its range on the front, and logarithmically beyond the front. A linear scale would let one extreme trial make
        all others equal. A pruned trial gets the worst loss before it, so that later trials do not change its loss. A
        failed trial is NaN.

        Args:
            weights: One weight per objective with sum 1, shape (k,); required for several objectives.
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

    def tell(self, events: Sequence[Event], space: Space) -> Observations:
        """Return the observations with `events` folded in, in log order."""
        pending = dict(self.pending)
        asked: set[int] = set()
        rows: list[tuple[Pending, Finished]] = []
        for event in events:
            if isinstance(event, Suggested):
                unit, active = space.encode(event.config)
                pending[event.number] = Pending(unit, active, dict(event.tag or {}))
                asked.add(event.number)
            elif isinstance(event, Finished) and event.number in pending:
                ended = pending.pop(event.number)
                if event.state is not TrialState.RUNNING:  # RUNNING: the trial left without a result
                    rows.append((ended, event))
        known = self if not asked else replace(self, asked=self.asked | asked)
        return replace(_with_rows(known, rows), pending=pending)


def _row(given: Sequence[float] | None, width: int) -> NDArray[np.float64]:
    """Numbers as a row of shape (width,); missing and non-finite ones are NaN."""
    row = np.full(width, np.nan)
    if given is not None:
        row[: len(given)] = given
    row[~np.isfinite(row)] = np.nan
    return row


def _seconds(end: Finished) -> float:
    """Seconds of a complete trial; NaN for a stopped one, whose time covers only a part of a trial."""
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
    """Return values scaled by the range of `among`, logarithmically beyond its ends; by `finite` without a range."""
    low, high = float(among.min(initial=np.inf)), float(among.max(initial=-np.inf))
    with np.errstate(over="ignore"):
        if not 0.0 < high - low < np.inf:
            return finite(values)
        place = np.clip((values - low) / (high - low), -_MAX_RANGES, _MAX_RANGES)
    beyond = np.maximum(np.abs(place - 0.5) - 0.5, 0.0)
    found: NDArray[np.float64] = np.clip(place, 0.0, 1.0) + np.sign(place - 0.5) * np.log1p(beyond)
    return found
