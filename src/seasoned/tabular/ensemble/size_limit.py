"""What further fits of the same models may cost at prediction: bytes on disk and time per row.

Five fits of each model make an ensemble five times as large and as slow, for some thousandths of its loss. So they are
added only as long as the whole stays small for its table, and quick; an ensemble that exceeds a limit with one fit of
each gets no more. The limits are meant to keep a bundle at a fifth of the bytes and a third of the time of AutoGluon's
best_quality. Whoever gives a fit more than a minute wants a better model, so the limits grow in proportion; in five
minutes AutoGluon's bundles grow by a factor of ten, and their prediction time by three (medians of twelve tables).
"""

from __future__ import annotations

import json
import logging
import math
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.models._common.base import predict
from seasoned.tabular.models._common.log_target import bare
from seasoned.tabular.models.registry import MODELS
from seasoned.tabular.trial.featured_model import Featured
from seasoned.tabular.trial.seed_average import fits_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seasoned.tabular.ensemble.fitted_model import Member
    from seasoned.tabular.models._common.base import Model
    from seasoned.tabular.trial.cross_validation import CrossValidation

__all__ = ["MINUTE", "Allowance", "further_rounds", "knows_paces"]

logger = logging.getLogger("seasoned.tabular")

_BYTES: Final = 4_000_000.0  # of all models in a bundle
_BYTES_A_ROW: Final = 300.0  # on top, for each row of the table
_MILLISECONDS: Final = 0.15  # for a row, all models together
_BATCH: Final = 1_000  # rows in the batch that is timed: the fixed cost of a call then counts little
_LONG: Final = 10_000  # rows of a table beyond which its models are too large to be compiled just to be timed
MINUTE: Final = 60.0
"""Seconds of the time limit up to which these hold."""
_MOST: Final = 10.0  # times these limits, at most


@dataclass(slots=True)
class Allowance:
    """What is left for further fits.

    Attributes:
        size: Bytes.
        pace: Milliseconds a row.
        each: Place of a model -> bytes and milliseconds a row that one more fit of it takes.

    Example:
        >>> allowance = Allowance(1_000, 0.05, {0: (400.0, 0.02), 1: (900.0, 0.01)})
        >>> [allowance.take(place) for place in (0, 1, 0, 0)]
        [True, False, True, False]
    """

    size: float
    pace: float
    each: Mapping[int, tuple[float, float]]

    @classmethod
    def of(cls, objective: CrossValidation, members: Mapping[int, Member], seconds: float, end: float) -> Allowance:
        """What is left beside the members as they are fitted now.

        Args:
            objective: Knows how long their trials took to predict.
            members: The models, by place.
            seconds: The time limit of the whole fit.
            end: When it is too late for further fits, on `time.monotonic`'s clock: large forests take seconds to
                measure, and if it is too late then, nothing is left.
        """
        fitter = objective.fitter  # a user's own family is not attached to the member yet
        each: dict[int, tuple[float, float]] = {}
        for place, member in members.items():
            if time.monotonic() >= end:
                return cls(0.0, 0.0, dict.fromkeys(members, (math.inf, math.inf)))
            family = fitter.model(member.name)
            each[place] = (_bytes(member, family), _pace(objective, member, family, end))
        fits = {place: len(fits_of(member.estimator)) for place, member in members.items()}  # several for fold models
        size, pace = (sum(fits[place] * one[part] for place, one in each.items()) for part in (0, 1))
        times = _times(seconds)
        most = _BYTES + _BYTES_A_ROW * len(objective.data.target)
        return cls(times * most - size, times * _MILLISECONDS - pace, each)

    def take(self, place: int) -> bool:
        """Whether one more fit of the model at this place is within what is left, which then shrinks by it."""
        size, pace = self.each[place]
        if size > self.size or pace > self.pace:
            return False
        self.size -= size
        self.pace -= pace
        return True


def further_rounds(paces: Sequence[float], seconds: float) -> float:
    """How often all members could be fitted again before predictions are too slow; by time alone, before any fit.

    Args:
        paces: Milliseconds that each member takes to predict a row.
        seconds: The time limit of the whole fit.

    Example:
        >>> further_rounds([0.04, 0.02], 60.0), further_rounds([0.04, 0.02], 120.0), further_rounds([0.2], 60.0)
        (1.5, 4.0, 0.0)
    """
    total = sum(paces)
    return round(max(_times(seconds) * _MILLISECONDS - total, 0.0) / total, 9) if total else math.inf


def knows_paces(objective: CrossValidation) -> bool:
    """Whether trials know the time per row; with fewer than a thousand rows it may be nearly all the cost of a call."""
    return max((len(valid) for _, valid in objective.data.folds), default=0) >= _BATCH


def _pace(objective: CrossValidation, member: Member, family: Model, end: float) -> float:
    """Milliseconds a row in a batch of a thousand; its trial's figure where that knows, or there is no time to measure.

    Members with engineered columns, or of a second layer, are not measured.
    """
    known = float(objective.records.of({"model": {member.name: member.config}}).predict_ms)
    fit = fits_of(member.estimator)[0]
    rows = len(objective.data.target)
    late = time.monotonic() + 2 * known * _BATCH / 1_000 >= end
    if knows_paces(objective) or isinstance(fit, Featured) or member.below or rows > _LONG or late:
        return known
    matrix = objective.data.matrix(family.diet)
    batch = matrix[np.arange(_BATCH) % len(matrix)]
    try:
        predict(fit, batch, objective.job.n_classes)  # the first call compiles trees
        start = time.perf_counter()
        predict(fit, batch, objective.job.n_classes)
    except Exception as error:  # noqa: BLE001 - whatever a user's own family does, the fit goes on
        logger.debug("how fast %s predicts a thousand rows is not known: %s", member.name, error)
        return known
    return min(known, 1_000 * (time.perf_counter() - start) / _BATCH)


def _times(seconds: float) -> float:
    """By how much the limits for a minute are multiplied."""
    return min(max(seconds / MINUTE, 1.0), _MOST)


def _bytes(member: Member, family: Model) -> float:
    """Bytes that a fit of the model takes in a bundle.

    0 for a user's own family that cannot be written, because no bundle holds it; infinite for a built-in one that is
    too large for a bundle, because it is too large for another fit, too.
    """
    fit: Any = fits_of(member.estimator)[0]
    made = json.dumps(fit.made.to_json()).encode() if isinstance(fit, Featured) else b""
    try:
        data = family.dump(bare(fit.estimator if isinstance(fit, Featured) else fit))
    except Exception as error:  # noqa: BLE001 - whatever a user's own family's `dump` does, the fit goes on
        logger.debug("how large %s is in a file is not known: %s", member.name, error)
        return math.inf if family.name in MODELS else 0.0
    return float(len(zlib.compress(made, 1)) + len(zlib.compress(data, 1)))
