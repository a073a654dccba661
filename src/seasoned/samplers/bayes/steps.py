"""Where Bayesian optimisation goes next: a step over the whole cube, or one inside the trust region about the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from seasoned.surrogates.acquisition.functions import thompson
from seasoned.surrogates.acquisition.maximize import Box, Effort, candidates, maximize
from seasoned.surrogates.acquisition.weighted_sum import Part, Total
from seasoned.surrogates.gp.process import append, covariance, posterior
from seasoned.surrogates.gp.regression import with_pending
from seasoned.surrogates.gp.trust_region_model import neighbourhood, newton_step, reaches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from seasoned.samplers.bayes.observations import Observations, Pending
    from seasoned.surrogates.acquisition.functions import Value
    from seasoned.surrogates.cost import Cost
    from seasoned.surrogates.gp.prior_mean import Lean
    from seasoned.surrogates.gp.process import GaussianProcess
    from seasoned.surrogates.gp.regression import Regression
    from seasoned.surrogates.layout import Layout

    Acquisition = Callable[..., Value]

__all__ = ["LocalStep", "Place", "global_step", "local_step"]

_CENTERS: Final = 5
_MOST_RUNNING: Final = 64  # running trials that the model is told of: each costs time quadratic in the results
_KAPPA: Final = 1.8  # of the upper confidence bound, as in Vizier's default
_WIDE: Final = Effort(sobol=384, gaussian=192, starts=5, iterations=20)
_NARROW: Final = Effort(sobol=128, gaussian=64, starts=3, iterations=30)


@dataclass(frozen=True, slots=True)
class Place:
    """What a step starts from.

    Attributes:
        layout: What the coordinates mean.
        seen: Finished trials.
        pending: Trials that run.
        losses: One number per finished trial, to be minimised; NaN where it failed.
        rng: Source of randomness.
        refused: Whether a point must not be returned, because it was tried or is forbidden.
        constraints: A model per outcome constraint, kept where it is at most 0.
        allowed: Whether a point stands for no forbidden combination; None where nothing is forbidden.
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
        """Features of the running trials; only of the latest if there are very many, as when they wait at a rung."""
        some = self.pending[-_MOST_RUNNING:]
        return [self.layout.features(trial.unit[None], trial.active[None])[0] for trial in some]

    def best_points(self, count: int) -> NDArray[np.float64]:
        """The best points, those that keep the constraints first, then those that break them least; shape (k, d)."""
        return self.seen.unit[np.argsort(self.seen.ranks(self.losses))[:count]]

    def kept(self) -> tuple[Part, ...]:
        """The log-probability that each constraint is kept.

        While no trial keeps all of them, this alone guides a step, so it has to take running trials into account.
        """
        if self.seen.feasible.any():
            return tuple(Part(model.gp, "log_pi", 0.0) for model in self.constraints)
        return tuple(Part(_doubting(model, self.running()), "log_pi", 0.0) for model in self.constraints)


def _doubting(model: Regression, running: Sequence[NDArray[np.float64]]) -> GaussianProcess:
    """A constraint's model in which running trials break it at least by the least violation so far (a constant liar).

    Their expected value, which may keep the constraint, would attract the next trials to the same place.
    """
    gp, told = model.gp, model.targets()
    least = float(told[told > 0.0].min(initial=np.inf))
    for point in running:
        expected = float(posterior(gp, point[None]).mean[0])
        gp = append(gp, point, max(least, expected) if np.isfinite(least) else expected)
    return gp


def global_step(
    place: Place, model: Regression, acquisition: str | Acquisition, cost: Cost | None = None
) -> NDArray[np.float64] | None:
    """The point of the whole cube with the largest acquisition; None if all candidates are refused.

    Args:
        place: What the step starts from.
        model: The model of the loss.
        acquisition: What is maximised: a name, or a function of mean, standard deviation and the best so far; with a
            cost, one that has a logarithm.
        cost: What the acquisition is divided by, if given.
    """
    layout = place.layout
    gp = with_pending(model.gp, place.running())
    steps = np.ones(len(layout.columns))
    steps[layout.numeric] = np.exp(gp.theta[: len(layout.numeric)])
    box = Box(layout.low, layout.high, place.best_points(_CENTERS), np.clip(steps, 0.05, 5.0))
    if acquisition == "thompson":
        return _thompson(place, gp, box, model.lean)
    parts: tuple[Part | Cost, ...] = (*place.kept(), *([] if cost is None else [cost]))
    if parts and isinstance(acquisition, str) and acquisition in {"ei", "pi"}:
        acquisition = f"log_{acquisition}"  # so that the sum with the other parts is the logarithm of the product
    feasible = place.seen.feasible[model.rows]
    if feasible.any() or not place.constraints:
        best = float(model.targets()[feasible].min(initial=np.inf)) if feasible.any() else 0.0
        parts = (Part(gp, acquisition, _KAPPA if acquisition == "ucb" else best, lean=model.lean), *parts)
    return maximize(Total(parts), layout, box, place.rng, place.refused, _WIDE, allowed=place.allowed)


def _thompson(place: Place, gp: GaussianProcess, box: Box, lean: Lean | None) -> NDArray[np.float64] | None:
    """The best candidate by one function drawn from the posterior."""
    unit, active = place.layout.snap(candidates(place.layout, box, place.rng, Effort(sobol=192, gaussian=128)))
    features = place.layout.features(unit, active)
    mean = posterior(gp, features).mean + (0.0 if lean is None else lean.at(features))
    drawn = thompson(mean, covariance(gp, features), place.rng)
    for part in place.kept():
        drawn = np.where(part.value(features) < np.log(0.5), drawn - 10.0 * (1.0 + np.ptp(drawn)), drawn)
    return next((unit[index] for index in np.argsort(-drawn, kind="stable") if not place.refused(unit[index])), None)


class LocalStep(NamedTuple):
    """A step inside the trust region.

    Attributes:
        unit: The point to try, shape (d,).
        theta: Hyperparameters of the local model, from which the next one starts; None for a quadratic's step.
    """

    unit: NDArray[np.float64]
    theta: NDArray[np.float64] | None


def local_step(
    place: Place, radius: float, since: int, start: NDArray[np.float64] | None, *, quadratic: bool
) -> LocalStep | None:
    """The lowest point of a quadratic, else the largest log EI in the trust region; None if all is refused.

    Args:
        place: What the step starts from; it must hold a feasible trial.
        radius: Half the width of the region.
        since: Index of the first result that may be its centre.
        start: Hyperparameters of the last local model, if there was one.
        quadratic: Whether a quadratic may be tried.
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
    score = Total((Part(gp, "log_ei", 0.0, hood.origin, hood.unit), *place.kept()))
    found = maximize(score, layout, box, place.rng, place.refused, _NARROW, allowed=place.allowed)
    return None if found is None else LocalStep(found, hood.gp.theta)
