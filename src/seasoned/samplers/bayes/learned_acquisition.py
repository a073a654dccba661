"""A step over the whole space by log-EI, or by the learned acquisition where it has proved itself in this search."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.samplers.bayes.acquisition_trial import Proof
from seasoned.samplers.bayes.steps import global_step
from seasoned.surrogates.acquisition.learned import LearnedAcquisition, Progress
from seasoned.surrogates.gp.hyperpriors import SIGNAL
from seasoned.surrogates.gp.process import posterior

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.samplers.bayes.steps import Place
    from seasoned.surrogates.acquisition.learned import Correction
    from seasoned.surrogates.gp.regression import Regression

__all__ = ["learned_step"]

_USUAL: Final = "log_ei"


def learned_step(
    place: Place, model: Regression, correction: Correction, done: int, budget: int
) -> tuple[NDArray[np.float64] | None, dict[str, Any]]:
    """The next point, and what to note with it.

    Args:
        place: What the step starts from.
        model: The model of the loss.
        correction: The learned correction of log-EI.
        done: Trials before this one.
        budget: Trials in all.
    """
    same = replace(place, rng=copy.deepcopy(place.rng))  # both look at the same candidates
    usual = global_step(place, model, _USUAL)
    if usual is None:
        return None, {}
    prior_std = math.exp(0.5 * float(model.gp.theta[SIGNAL]))
    acquisition = LearnedAcquisition(correction, Progress(max(done, 1), budget), prior_std)
    learned = global_step(same, model, acquisition)
    note = {} if learned is None else Proof.note(usual, learned)
    if not note:
        return usual, {}
    trusted = Proof.of(place.seen.tags).trusted(lambda points: _expected(place, model, points), _spread(model))
    return (learned, {**note, "by": "learned"}) if trusted else (usual, note)


def _expected(place: Place, model: Regression, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The model's mean at points of the cube, shape (m,)."""
    features = place.layout.features(*place.layout.snap(points))
    mean = posterior(model.gp, features).mean
    return mean if model.lean is None else mean + model.lean.at(features)


def _spread(model: Regression) -> float:
    return float(np.std(model.targets()))
