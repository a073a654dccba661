"""Global steps by an in-context network: log-EI from predicted quantiles, without fitting a model.

1. The context is the finished trials: coordinates with gaps where inactive, losses on the half-rank scale.
2. Candidates are a Sobol sequence and points near the best trials; then points near the best candidates.
3. The candidate with the largest log-EI that was not tried is the next trial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.incontext.network import Network
from seasoned.incontext.trials import TrialsModel
from seasoned.surrogates.acquisition.maximize import Box, Effort, candidates
from seasoned.surrogates.output_warping import signed, warped, with_failures

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from seasoned.incontext.trials import ContextReader
    from seasoned.samplers.bayes.steps import StepInputs
    from seasoned.surrogates.layout import Layout, RoundedPoints

__all__ = ["incontext_step", "network_of"]

_MOST_TRIALS: Final = 512  # largest context: the best half of these, and others evenly spread over the ranks
_MOST_RUNNING: Final = 64  # largest number of running trials in the context
_CENTERS: Final = 5  # number of best points around which candidates are drawn
_WIDE: Final = Effort(sobol=192, gaussian=96)
_NARROW: Final = Effort(sobol=0, gaussian=96)


def network_of(surrogate: str, network: ContextReader | str | os.PathLike[str] | None) -> ContextReader | None:
    """Return the network of a surrogate, read from its file if a path is given; None for "gp".

    Raises:
        InvalidInput: If the surrogate is unknown, or if surrogate and network do not belong together.
    """
    if surrogate not in {"gp", "incontext"}:
        raise InvalidInput(f"the surrogate {surrogate!r} is unknown; give 'gp' or 'incontext'.")
    if surrogate == "gp" and network is not None:
        raise InvalidInput("a network is given, but the surrogate 'gp' uses none; give surrogate='incontext' too.")
    if surrogate == "incontext" and network is None:
        raise InvalidInput(
            "surrogate='incontext' needs a network and no weights ship yet; train one with tools/train_incontext and "
            "give its file as network=."
        )
    return network if network is None or hasattr(network, "fit_context") else Network.load(network)


def incontext_step(place: StepInputs, network: ContextReader) -> NDArray[np.float64] | None:
    """Return the point of the cube with the largest log-EI, shape (d,); None if all candidates are refused.

    With outcome constraints, log-EI of the feasible trials plus the log-probability of each constraint counts.

    Args:
        place: Inputs of the step.
        network: In-context network.
    """
    layout = place.layout
    score = _Score(place, network)
    box = Box(layout.low, layout.high, place.best_points(_CENTERS), np.ones(len(layout.columns)))
    wide = _scored(place, score, box, _WIDE)
    if wide is None:
        return None
    unit, values = wide
    best = unit[np.argsort(-values, kind="stable")[:_CENTERS]]
    narrow = _scored(place, score, Box(layout.low, layout.high, best, box.steps), _NARROW)
    if narrow is not None:
        unit, values = np.concatenate([unit, narrow[0]]), np.concatenate([values, narrow[1]])
    return next((unit[index] for index in np.argsort(-values, kind="stable") if not place.refused(unit[index])), None)


class _Score:
    """Score of candidates: log-EI plus log-probabilities of the constraints."""

    def __init__(self, place: StepInputs, network: ContextReader) -> None:
        seen, layout = place.seen, place.layout
        X = _rows(seen.unit, seen.active)
        categorical = np.array([column.nominal for column in layout.columns])
        running = place.pending[-_MOST_RUNNING:]
        pending = np.array([_rows(trial.unit, trial.active) for trial in running]).reshape(len(running), X.shape[1])
        targets = _targets(place.losses)
        kept = _context_rows(targets)

        def model(rows: NDArray[np.intp], y: NDArray[np.float64]) -> TrialsModel:
            return TrialsModel(network, X[rows], y[rows], categorical).with_pending(pending)

        self._constraints = []
        for column in seen.constraints.T:
            known = kept[~np.isnan(column[kept])]
            told = ~np.isnan(column)
            values = np.full(len(column), np.nan)
            values[told] = signed(column[told])
            if len(known):
                self._constraints.append(model(known, values))
        feasible = seen.feasible
        self._best = float(targets[feasible].min(initial=np.inf)) if feasible.any() else None
        self._loss = model(kept, targets) if feasible.any() or not self._constraints else None

    def __call__(self, points: RoundedPoints) -> NDArray[np.float64]:
        """Return the score of snapped points, shape (m,)."""
        X = _rows(*points)
        total = np.zeros(len(X))
        for constraint in self._constraints:
            total += constraint.predict(X).log_probability_below(0.0)
        if self._loss is not None:
            best = float(self._loss.y.min()) if self._best is None else self._best
            total += self._loss.log_expected_improvement(X, best)
        return total
