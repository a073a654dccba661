"""Global steps by an in-context network: log-EI from predicted quantiles, without fitting a model.

1. The context is the finished trials: coordinates with gaps where inactive, losses on the half-rank scale.
2. Candidates are a Sobol sequence and points near the best trials; then, in a few rounds, points near the best
   candidates. A network has no gradient here.
3. The candidate with the largest log-EI that was not tried is the next trial.

Relative values of a warm start are not used; its configurations and its other values are.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.incontext.trials import TrialsModel, reader_of
from seasoned.surrogates.acquisition.maximize import Box, Effort, candidates
from seasoned.surrogates.output_warping import signed, warped, with_failures

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from seasoned.incontext.trials import ContextReader
    from seasoned.samplers.bayes.steps import StepInputs

    Term = Callable[[NDArray[np.float64]], NDArray[np.float64]]

__all__ = ["incontext_step", "network_of"]

_MOST_TRIALS: Final = 512  # largest context: the best half of these, and others evenly spread over the ranks
_MOST_RUNNING: Final = 64  # largest number of running trials in the context
_CENTERS: Final = 5  # number of best points around which candidates are drawn
_WIDE: Final = Effort(sobol=96, gaussian=48)
_ROUNDS: Final = 4  # rounds of candidates near the best candidates
_NARROW: Final = Effort(sobol=0, gaussian=24)


def network_of(surrogate: str, network: ContextReader | str | os.PathLike[str] | None) -> ContextReader | None:
    """Return the network of a surrogate, read from its file if a path is given; None for "gp".

    Raises:
        InvalidInput: If the surrogate is unknown, or if surrogate and network do not belong together.
    """
    if surrogate not in {"gp", "incontext"}:
        raise InvalidInput(f"the surrogate {surrogate!r} is unknown; give 'gp' or 'incontext'.")
    if surrogate == "gp" and network is not None:
        raise InvalidInput("a network is given, but the surrogate 'gp' uses none; give surrogate='incontext' too.")
    return None if surrogate == "gp" else reader_of(network)


def incontext_step(place: StepInputs, network: ContextReader) -> NDArray[np.float64] | None:
    """Return the point of the cube with the largest score, shape (d,); None if all candidates are refused.

    The score is log-EI on the best feasible trial plus the log-probability of each outcome constraint. Without a
    feasible trial, the constraints alone count.

    Args:
        place: Inputs of the step, with at least one successful trial.
        network: In-context network.
    """
    layout = place.layout
    terms = _terms(place, network)
    box = Box(layout.low, layout.high, place.best_points(_CENTERS), np.ones(len(layout.columns)))
    unit, scores = _scored(place, terms, box, _WIDE)
    for _ in range(_ROUNDS if len(unit) else 0):
        best = unit[np.argsort(-scores, kind="stable")[:_CENTERS]]
        nearby, more = _scored(place, terms, replace(box, centers=best), _NARROW)
        unit, first = np.unique(np.concatenate([unit, nearby]), axis=0, return_index=True)
        scores = np.append(scores, more)[first]
    return next((unit[index] for index in np.argsort(-scores, kind="stable") if not place.refused(unit[index])), None)


def _scored(
    place: StepInputs, terms: Sequence[Term], box: Box, effort: Effort
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return allowed candidates, shape (m, d), and their scores, shape (m,)."""
    unit, active = place.layout.snap(candidates(place.layout, box, place.rng, effort))
    if place.allowed is not None:
        free = np.array([place.allowed(point) for point in unit], dtype=np.bool_)
        unit, active = unit[free], active[free]
    if not len(unit):
        return unit, np.zeros(0)
    return unit, np.sum([term(_rows(unit, active)) for term in terms], axis=0)


def _terms(place: StepInputs, network: ContextReader) -> list[Term]:
    """Return the terms of the score, functions of network rows."""
    seen, targets = place.seen, _targets(place.losses)
    X = _rows(seen.unit, seen.active)
    categorical = np.array([column.nominal for column in place.layout.columns])
    running = place.pending[-_MOST_RUNNING:]
    pending = np.array([_rows(trial.unit, trial.active) for trial in running])

    def model(y: NDArray[np.float64], known: NDArray[np.bool_]) -> TrialsModel:
        rows = _context_rows(targets, known)
        return TrialsModel(network, X[rows], y[rows], categorical).with_pending(pending)

    terms: list[Term] = []
    if seen.feasible.any():
        best = float(targets[seen.feasible].min())
        terms.append(partial(model(targets, np.ones(len(seen), dtype=np.bool_)).log_expected_improvement, best=best))
    for column in seen.constraints.T:
        known = ~np.isnan(column)
        values = np.zeros(len(column))
        values[known] = signed(column[known])
        terms.append(partial(model(values, known).log_probability_below, limit=0.0))
    return terms


def _rows(unit: NDArray[np.float64], active: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return points as rows of the network: a gap where a coordinate is inactive."""
    return np.where(active, unit, np.nan)


def _targets(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the losses on the half-rank scale, shape (n,); failed trials are worse than all others."""
    failed = np.isnan(losses)
    return with_failures(warped(losses[~failed], "rank"), failed)


def _context_rows(targets: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the rows of the context: all known ones; of too many, the best half, and others evenly by rank."""
    order = np.flatnonzero(known)[np.argsort(targets[known], kind="stable")]
    if len(order) <= _MOST_TRIALS:
        return order
    half = _MOST_TRIALS // 2
    return np.append(order[:half], order[half + (len(order) - half) * np.arange(half) // half])
