"""Callback that ends a search once its expected improvement is below the noise of the objective."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.samplers.bayes.layout import layout_of
from seasoned.surrogates.acquisition.functions import expected_improvement
from seasoned.surrogates.gp.hyperpriors import NOISE
from seasoned.surrogates.gp.process import posterior
from seasoned.surrogates.gp.regression import frame_of, regress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.study.study import Study
    from seasoned.trials import Trial

__all__ = ["Terminator"]

_EVERYWHERE: Final = 2_000  # random candidates in the whole space
_NEARBY: Final = 100  # candidates around each of the best points
_BEST: Final = 10  # best points that have candidates around them


@dataclass(frozen=True, slots=True)
class Terminator:
    """End the search once no configuration promises more than the noise: `study.optimize(..., callbacks=[...])`.

    A Gaussian process is fitted to the complete feasible trials. Let m and s be its mean and standard deviation, and m*
    the smallest mean at a trial. The call of `optimize` ends if the largest expected improvement over candidates,
    `max E[max(m* - f, 0)]` for f ~ N(m, s^2), is below the noise. Candidates are 2,000 random configurations, and
    further ones around the ten best trials.

    Attributes:
        noise: Standard deviation of the objective for the same configuration, in its unit, such as the standard error
            of a cross-validated score. None for the estimate of the Gaussian process.
        least: Number of complete trials before the first check.
        every: Number of finished trials from one check to the next.

    Raises:
        InvalidInput: If a setting is out of range; at the first trial, if the study has several objectives.

    Source: after Makarova et al. (2022), Automatic termination for hyperparameter optimization, which compares a bound
    of the regret instead of the expected improvement.

    Example:
        >>> from seasoned import Float, Space, Study
        >>> from seasoned.study import Terminator
        >>> study = Study(Space(x=Float(-1, 1)), seed=0)
        >>> study.optimize(lambda config: config["x"] ** 2, trials=200, callbacks=[Terminator(noise=0.01)])
        >>> len(study.trials) < 50
        True
    """

    noise: float | None = None
    least: int = 20
    every: int = 5

    def __post_init__(self) -> None:
        if self.noise is not None and not 0 <= self.noise < math.inf:
            raise InvalidInput(f"noise is {self.noise}; give a number of at least 0, or None for an estimate.")
        if self.least < 4 or self.every < 1:
            raise InvalidInput(f"least is {self.least} and every {self.every}; give at least 4 and 1.")

    def __call__(self, study: Study, trial: Trial) -> None:  # noqa: ARG002 - callbacks get the trial
        """Check the study, and stop it if its expected improvement is below the noise."""
        if len(study.directions) > 1:
            raise InvalidInput("a Terminator is for one objective; leave it out of a study of several.")
        feasible = [one for one in study.trials if one.feasible and study.space.contains(one.config)]
        if len(feasible) < self.least or sum(one.values is not None for one in study.trials) % self.every:
            return
        sign = 1.0 if study.directions[0] == "minimize" else -1.0
        losses = sign * np.array([one.value for one in feasible], dtype=np.float64)
        unit = np.array([study.space.encode(one.config).unit for one in feasible], dtype=np.float64)
        promised, noise = _promise(study, unit, losses)
        if promised < (noise if self.noise is None else self.noise):
            study.stop()


def _promise(study: Study, unit: NDArray[np.float64], losses: NDArray[np.float64]) -> tuple[float, float]:
    """Largest expected improvement, and standard deviation of the noise, in the unit of the losses.

    Args:
        study: The study.
        unit: Points of the trials, shape (n, d).
        losses: Values of the trials, to be minimised, shape (n,).
    """
    scale = float(losses.std())
    if scale == 0:
        return 0.0, 0.0
    layout = layout_of(study.space)
    rng = np.random.default_rng(len(losses))
    best = unit[np.argsort(losses)[:_BEST]].repeat(_NEARBY, axis=0)
    moves = rng.normal(size=best.shape) * 10.0 ** rng.uniform(-3, -0.5, (len(best), 1))
    candidates = np.concatenate([rng.random((_EVERYWHERE, unit.shape[1])), np.clip(best + moves, 0.0, 1.0)])
    features = layout.features(*layout.snap(unit.copy()))
    gp = regress(features, (losses - losses.mean()) / scale, frame_of(layout), warp="standard").gp
    lowest = float(posterior(gp, features).mean.min())
    found = posterior(gp, layout.features(*layout.snap(candidates)))
    promised = float(expected_improvement(found.mean, np.maximum(found.std, 1e-12), lowest).value.max())
    return scale * promised, scale * math.exp(0.5 * float(gp.theta[NOISE]))
