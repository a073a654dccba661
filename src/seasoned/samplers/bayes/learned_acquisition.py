"""Global step by log-EI, or by the learned acquisition once it has proved better in this search."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.samplers.bayes.acquisition_trial import AcquisitionTrial
from seasoned.samplers.bayes.steps import global_step
from seasoned.surrogates.acquisition.learned import LearnedAcquisition, Progress
from seasoned.surrogates.gp.hyperpriors import SIGNAL
from seasoned.surrogates.gp.process import posterior

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.samplers.bayes.steps import StepInputs
    from seasoned.surrogates.acquisition.learned import Correction
    from seasoned.surrogates.gp.regression import Regression

__all__ = ["learned_step"]

_USUAL: Final = "log_ei"


def learned_step(
    place: StepInputs, model: Regression, correction: Correction, done: int, budget: int
) -> tuple[NDArray[np.float64] | None, dict[str, Any]]:
    """Return the next point, shape (d,), and its tag.

    Args:
        place: Inputs of the step.
        model: Model of the loss.
        correction: Learned correction of log-EI.
        done: Number of earlier trials.
        budget: Total number of trials.
    """
    same = replace(place, rng=copy.deepcopy(place.rng))  # the same random candidates for both acquisitions
    usual = global_step(place, model, _USUAL)
    if usual is None:
        return None, {}
    prior_std = math.exp(0.5 * float(model.gp.theta[SIGNAL]))
    acquisition = LearnedAcquisition(correction, Progress(max(done, 1), budget), prior_std)
    learned = global_step(same, model, acquisition)
    note = {} if learned is None else AcquisitionTrial.note(usual, learned)
    if not note:
        return usual, {}
    trusted = AcquisitionTrial.of(place.seen.tags).trusted(
        lambda points: _expected(place, model, points), _spread(model)
    )
    return (learned, {**note, "by": "learned"}) if trusted else (usual, note)


def _expected(place: StepInputs, model: Regression, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Posterior mean at points of the cube, shape (m,)."""
    features = place.layout.features(*place.layout.snap(points))
    mean = posterior(model.gp, features).mean
    return mean if model.lean is None else mean + model.lean.at(features)


def _spread(model: Regression) -> float:
    return float(np.std(model.targets()))
