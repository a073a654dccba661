"""Global regression model of a loss: Gaussian process with warped targets, refitted at fixed numbers of results.

All functions are pure functions of the first n results in log order, so that all drivers of the same log have the same
model. Between two refits, new results are added by rank-one updates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.surrogates.gp.hyperpriors import global_prior
from seasoned.surrogates.gp.kernel import Frame
from seasoned.surrogates.gp.marginal_likelihood import fit
from seasoned.surrogates.gp.prior_mean import ScaledPrior, fit_scaled_prior
from seasoned.surrogates.gp.process import (
    GaussianProcess,
    Sample,
    append,
    condition,
    leave_one_out,
    posterior,
    retarget,
)
from seasoned.surrogates.output_warping import WARPS, finite, signed, warped, with_failures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.surrogates.layout import Layout

__all__ = [
    "MOST_POINTS",
    "Regression",
    "choose_warp",
    "frame_of",
    "refit_point",
    "regress",
    "targets_of",
    "updated",
    "warp_point",
    "with_pending",
]

MOST_POINTS: Final = 220
"""Largest number of points in a model. Of more results, one half are the best, and one half the latest."""

SIGNED: Final = "signed"
"""Name of the warp of an outcome constraint, which maps 0 to 0."""

_BROKEN: Final = 1.0  # least constraint violation of a failed trial, in units of the typical distance from 0
_FITTED: Final = 100  # largest number of points for the fit of the hyperparameters
_VOTING: Final = 64  # largest number of points for the selection of the warp
_CHOICES: Final = (
    8,
    12,
    18,
    28,
    42,
    64,
    96,
    150,
    250,
    400,
    700,
    1200,
)  # numbers of results at which the warp is selected


@dataclass(frozen=True, slots=True)
class Regression:
    """Fitted regression model.

    Attributes:
        gp: Posterior of the warped loss, or of the residuals of the warped loss if `lean` is not None.
        rows: Indices of the results that are points of the model, shape (n,).
        warp: Name of the warp.
        count: Number of results at the last update.
        refit: Number of results at the last fit of the hyperparameters.
        lean: Prior mean from an external model; None if not used.
    """

    gp: GaussianProcess
    rows: NDArray[np.intp]
    warp: str
    count: int
    refit: int
    lean: ScaledPrior | None = None

    def targets(self) -> NDArray[np.float64]:
        """Warped losses of the points, shape (n,)."""
        sample = self.gp.sample
        return sample.targets if self.lean is None else sample.targets + self.lean.at(sample.features)


def refit_point(count: int) -> int:
    """Number of results at the last refit of a model for `count` results.

    Example:
        >>> [refit_point(n) for n in (7, 53, 207, 1001)]
        [7, 50, 200, 1000]
    """
    step = 1 if count <= 30 else 2 if count <= 50 else 5 if count <= 100 else 10 if count <= 200 else 20
    return count - count % step


def warp_point(count: int) -> int:
    """Number of results at the last selection of the warp, for `count` results; 0 before the first selection.

    Example:
        >>> [warp_point(n) for n in (7, 53, 207, 1001)]
        [0, 42, 150, 700]
    """
    return max((at for at in _CHOICES if at <= count), default=0)


def frame_of(layout: Layout) -> Frame:
    """Description of the features for a model of the whole cube."""
    numeric = len(layout.numeric)
    return Frame(layout.groups, numeric, np.full(numeric, 0.5), np.full(numeric, 0.5))


def targets_of(losses: NDArray[np.float64], warp: str) -> NDArray[np.float64]:
    """Warped losses, shape (n,); a failed trial (NaN) has the target of `with_failures`."""
    failed = np.isnan(losses)
    if warp == SIGNED:
        filled = with_failures(signed(losses[~failed]), failed)
        return np.where(failed, np.maximum(filled, _BROKEN), filled)  # a failure never satisfies a constraint
    return with_failures(warped(losses[~failed], warp), failed)


def subset(losses: NDArray[np.float64], most: int) -> NDArray[np.intp]:
    """Indices of the results for a model, in log order: all, or the best `most / 2` and the latest other results."""
    if len(losses) <= most:
        return np.arange(len(losses))
    order = np.argsort(np.where(np.isnan(losses), math.inf, losses), kind="stable")
    best = order[: most // 2]
    rest = np.setdiff1d(np.arange(len(losses)), best)
    return np.sort(np.concatenate([best, rest[len(best) - most :]]))


def choose_warp(features: NDArray[np.float64], losses: NDArray[np.float64], frame: Frame) -> str:
    """Select the warp with the largest leave-one-out likelihood of the better half of the results."""
    seen = ~np.isnan(losses)
    unit = finite(losses[seen])
    if len(unit) < 4 or unit.min() == unit.max():
        return "standard"
    better = unit <= np.median(unit)
    prior = global_prior(frame.lengths, trend=True)
    scores, theta = {}, None
    for name, warp in WARPS.items():
        targets, slopes = warp(unit)
        sample = Sample(features[seen], targets, np.zeros(len(unit)))
        theta = fit(sample, frame, prior, steps=15) if theta is None else fit(sample, frame, prior, [theta], steps=8)
        gp = condition(sample, frame, theta)
        mean, std = leave_one_out(gp)
        error = (targets - mean) / std
        scores[name] = float(np.mean((-0.5 * error * error - np.log(std) + slopes)[better]))
    return max(scores, key=lambda name: scores[name])


def regress(
    features: NDArray[np.float64],
    losses: NDArray[np.float64],
    frame: Frame,
    *,
    warp: str | None = None,
    expected: GaussianProcess | None = None,
    merit: NDArray[np.float64] | None = None,
) -> Regression:
    """Fit a model to results.

    Args:
        features: Features of the results, shape (n, p).
        losses: Losses to be minimised, NaN for a failed trial, shape (n,).
        frame: Description of the features.
        warp: Name of the warp; selected by leave-one-out likelihood if None.
        expected: Model of the prior mean (`prior_mean.py`); None for no prior mean.
        merit: Values that select the best results if there are too many for a model, shape (n,); the losses if None.
    """
    count = len(losses)
    chosen = warp_point(count)
    if warp is None:
        few = subset(losses[:chosen], _VOTING)
        warp = choose_warp(features[few], losses[few], frame) if chosen else "standard"
    merit = losses if merit is None else merit
    rows = subset(merit, MOST_POINTS)
    fitted = subset(merit[rows], _FITTED)
    prior = global_prior(frame.lengths, trend=True)

    def model(sample: Sample) -> GaussianProcess:
        few = Sample(sample.features[fitted], sample.targets[fitted], sample.weights[fitted])
        theta = fit(few, frame, prior, steps=25) if len(fitted) > 1 else prior.start
        return condition(sample, frame, theta)

    gp, lean = model(Sample(features[rows], targets_of(losses[rows], warp), np.zeros(len(rows)))), None
    if expected is not None:
        gp, lean = fit_scaled_prior(gp, expected, model)
    return Regression(gp, rows, warp, count, count, lean)


def updated(model: Regression, features: NDArray[np.float64], losses: NDArray[np.float64]) -> Regression:
    """Add the results after `model.count` to the model by rank-one updates, and warp all targets again."""
    if len(losses) == model.count:
        return model
    gp = model.gp
    for row in range(model.count, len(losses)):
        gp = append(gp, features[row], 0.0)
    rows = np.append(model.rows, np.arange(model.count, len(losses)))
    targets = targets_of(losses[rows], model.warp)
    if model.lean is not None:
        targets = targets - model.lean.at(gp.sample.features)
    return replace(model, gp=retarget(gp, targets), rows=rows, count=len(losses))


def with_pending(gp: GaussianProcess, features: Sequence[NDArray[np.float64]]) -> GaussianProcess:
    """Add pending points to a posterior, with the posterior mean as their target (kriging believer).

    Ginsbourger, Le Riche and Carraro (2010), Kriging is well-suited to parallelize optimization.

    Args:
        gp: Posterior so far.
        features: Pending points, each of shape (p,).
    """
    for point in features:
        gp = append(gp, point, float(posterior(gp, point[None]).mean[0]))
    return gp
