"""Steps of Bayesian optimisation: global steps over the cube, and local steps inside the trust region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from seasoned.surrogates.acquisition.functions import thompson
from seasoned.surrogates.acquisition.maximize import Box, Effort, candidates, maximize
from seasoned.surrogates.acquisition.weighted_sum import AcquisitionSum, AcquisitionTerm
from seasoned.surrogates.gp.process import append, covariance, posterior
from seasoned.surrogates.gp.regression import with_pending
from seasoned.surrogates.gp.trust_region_model import neighbourhood, newton_step, reaches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from seasoned.samplers.bayes.observations import Observations, Pending
    from seasoned.surrogates.cost import Cost
    from seasoned.surrogates.gp.prior_mean import ScaledPrior
    from seasoned.surrogates.gp.process import GaussianProcess
    from seasoned.surrogates.gp.regression import Regression
    from seasoned.surrogates.layout import Layout

__all__ = ["LocalStep", "StepInputs", "global_step", "local_step"]

_CENTERS: Final = 5  # number of best points around which a global step draws candidates
_MOST_RUNNING: Final = 64  # largest number of running trials in the model; each costs time quadratic in the results
_KAPPA: Final = 1.8  # factor of the standard deviation in the upper confidence bound (Vizier's default)
_WIDE: Final = Effort(sobol=384, gaussian=192, starts=5, iterations=20)
_NARROW: Final = Effort(sobol=128, gaussian=64, starts=3, iterations=30)


@dataclass(frozen=True, slots=True)
class StepInputs:
    """Inputs of a step.

    Attributes:
        layout: Layout of the coordinates.
        seen: Finished trials.
        pending: Running trials.
        losses: Loss of each finished trial, shape (n,); NaN if failed.
        rng: Source of randomness.
        refused: Returns True for a point, shape (d,), that was tried or is forbidden.
        constraints: One model per outcome constraint, satisfied if at most 0.
        allowed: Returns True for a point, shape (d,), that is not forbidden; None without forbidden combinations.
    """

    layout: Layout
    seen: Observations
    pending: Sequence[Pending]
    losses: NDArray[np.float64]
    rng: np.random.Generator
    refused: Callable[[NDArray[np.float64]], bool]
    constraints: tuple[Regression, ...] = ()
    allowed: Callable[[NDArray[np.float64]], bool] | None = None

    def running(self) -> list[NDArray[np.float64]]:
        """Return the features of the running trials, at most the last 64; many trials may wait at a rung."""
        some = self.pending[-_MOST_RUNNING:]
        return [self.layout.features(trial.unit[None], trial.active[None])[0] for trial in some]

    def best_points(self, count: int) -> NDArray[np.float64]:
        """Return the best points, shape (k, d): feasible ones first, then by violation of the constraints."""
        return self.seen.unit[np.argsort(self.seen.ranks(self.losses))[:count]]

    def feasibility_terms(self) -> tuple[AcquisitionTerm, ...]:
        """Return the log-probability that each constraint is satisfied, as parts of the acquisition.

        Without a feasible trial, these parts alone guide a step, so they include the running trials.
        """
        if self.seen.feasible.any():
            return tuple(AcquisitionTerm(model.gp, "log_pi", 0.0) for model in self.constraints)
        return tuple(AcquisitionTerm(_doubting(model, self.running()), "log_pi", 0.0) for model in self.constraints)


def _doubting(model: Regression, running: Sequence[NDArray[np.float64]]) -> GaussianProcess:
    """Return a constraint's model in which running trials violate it by at least the smallest violation so far.

    This is a constant liar. The posterior mean of a running trial may satisfy the constraint and would attract the next
    trials to the same point.
    """
    gp, told = model.gp, model.targets()
    least = float(told[told > 0.0].min(initial=np.inf))
    for point in running:
        expected = float(posterior(gp, point[None]).mean[0])
        gp = append(gp, point, max(least, expected) if np.isfinite(least) else expected)
    return gp


def global_step(
    place: StepInputs, model: Regression, acquisition: str, cost: Cost | None = None
) -> NDArray[np.float64] | None:
    """Return the point of the cube with the largest acquisition, shape (d,); None if all candidates are refused.

    Args:
        place: Inputs of the step.
        model: Model of the loss.
        acquisition: Name of the acquisition. With a cost, its logarithm must exist.
        cost: Model of the seconds by which the acquisition is divided, or None.
    """
    layout = place.layout
    gp = with_pending(model.gp, place.running())
    steps = np.ones(len(layout.columns))
    steps[layout.numeric] = np.exp(gp.theta[: len(layout.numeric)])
    box = Box(layout.low, layout.high, place.best_points(_CENTERS), np.clip(steps, 0.05, 5.0))
    if acquisition == "thompson":
        return _thompson(place, gp, box, model.lean)
    parts: tuple[AcquisitionTerm | Cost, ...] = (*place.feasibility_terms(), *([] if cost is None else [cost]))
    if parts and acquisition in {"ei", "pi"}:
        acquisition = f"log_{acquisition}"  # the sum of log parts is the log of their product
    feasible = place.seen.feasible[model.rows]
    if feasible.any() or not place.constraints:
        best = float(model.targets()[feasible].min(initial=np.inf)) if feasible.any() else 0.0
        parts = (AcquisitionTerm(gp, acquisition, _KAPPA if acquisition == "ucb" else best, lean=model.lean), *parts)
    return maximize(AcquisitionSum(parts), layout, box, place.rng, place.refused, _WIDE, allowed=place.allowed)


def _thompson(place: StepInputs, gp: GaussianProcess, box: Box, lean: ScaledPrior | None) -> NDArray[np.float64] | None:
    """Best candidate by one function drawn from the posterior, shape (d,)."""
    unit, active = place.layout.snap(candidates(place.layout, box, place.rng, Effort(sobol=192, gaussian=128)))
    features = place.layout.features(unit, active)
    mean = posterior(gp, features).mean + (0.0 if lean is None else lean.at(features))
    drawn = thompson(mean, covariance(gp, features), place.rng)
    for part in place.feasibility_terms():
        drawn = np.where(part.value(features) < np.log(0.5), drawn - 10.0 * (1.0 + np.ptp(drawn)), drawn)
    return next((unit[index] for index in np.argsort(-drawn, kind="stable") if not place.refused(unit[index])), None)


class LocalStep(NamedTuple):
    """Local step inside the trust region.

    Attributes:
        unit: The point to try, shape (d,).
        theta: Hyperparameters of the local model, the start of the next fit; None for a quadratic step.
    """

    unit: NDArray[np.float64]
    theta: NDArray[np.float64] | None


def local_step(
    place: StepInputs, radius: float, since: int, start: NDArray[np.float64] | None, *, quadratic: bool
) -> LocalStep | None:
    """Return the minimum of a quadratic, else the point of largest log-EI in the trust region; None if all are refused.

    Args:
        place: Inputs of the step, with at least one feasible trial.
        radius: Half the width of the trust region.
        since: Index of the first result that may be the region's centre.
        start: Hyperparameters of the last local model, or None.
        quadratic: True to try a quadratic first.
    """
    layout, seen = place.layout, place.seen
    merit = np.where(seen.feasible & (np.arange(len(seen)) >= since), place.losses, np.inf)
    about = (layout, seen.unit, seen.active, place.losses, int(np.argmin(merit)), radius)
    if quadratic and not place.constraints:
        found = newton_step(*about)
        if found is not None and not place.refused(found):
            return LocalStep(found, None)
    hood = neighbourhood(*about, start=start)
    gp = with_pending(hood.gp, [(point - hood.origin) / hood.unit for point in place.running()])
    reach = reaches(layout, radius)
    low, high = (np.clip(end, layout.low, layout.high) for end in (hood.best - reach, hood.best + reach))
    box = Box(low, high, hood.best[None], reach, switch=0.2)
    score = AcquisitionSum((AcquisitionTerm(gp, "log_ei", 0.0, hood.origin, hood.unit), *place.feasibility_terms()))
    found = maximize(score, layout, box, place.rng, place.refused, _NARROW, allowed=place.allowed)
    return None if found is None else LocalStep(found, hood.gp.theta)
