"""Size and latency budget for further fits of the ensemble members.

Five fits of each model make an ensemble five times as large and as slow, for a small gain. Further fits are added only
while the ensemble stays small for its table, and fast. An ensemble that exceeds a limit with one fit of each member
gets no further fits. The limits aim at a fifth of the size and a third of the latency of AutoGluon's best_quality.
Above a minute they grow in proportion to the time limit: a longer fit is to give a better model.
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

__all__ = ["MINUTE", "SizeBudget", "further_rounds", "knows_paces"]

logger = logging.getLogger("seasoned.tabular")

_BYTES: Final = 4_000_000.0  # largest size of all models in a bundle, in bytes, before the addition per row
_BYTES_A_ROW: Final = 300.0  # addition to this size per row of the table, in bytes
_MILLISECONDS: Final = 0.15  # largest latency of the ensemble, in milliseconds per row
_BATCH: Final = 1_000  # rows of the timed batch, so many that the fixed cost of a call counts little
_LONG: Final = 10_000  # largest number of table rows for a timing; models of longer tables take too long to compile
MINUTE: Final = 60.0
"""Time limit in seconds up to which the limits are not scaled."""
_MOST: Final = 10.0  # largest factor on the limits


@dataclass(slots=True)
class SizeBudget:
    """Remaining size and latency for further fits.

    Attributes:
        size: Remaining bytes.
        pace: Remaining milliseconds per row.
        each: Position of a model -> bytes and milliseconds per row of one more fit.

    Example:
        >>> allowance = SizeBudget(1_000, 0.05, {0: (400.0, 0.02), 1: (900.0, 0.01)})
        >>> [allowance.take(place) for place in (0, 1, 0, 0)]
        [True, False, True, False]
    """

    size: float
    pace: float
    each: Mapping[int, tuple[float, float]]

    @classmethod
    def of(cls, objective: CrossValidation, members: Mapping[int, Member], seconds: float, end: float) -> SizeBudget:
        """Remaining size and latency after the members as fitted now.

        Args:
            objective: Cross-validation whose records contain the trials' latencies.
            members: The members by position.
            seconds: The time limit of the whole fit.
            end: Deadline for further fits, on `time.monotonic`'s clock. Large forests take seconds to measure; past the
                deadline nothing remains.
        """
        fitter = objective.fitter  # holds the user's own families, which members lack until later
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
        """Reserve one more fit of the model at a position. Return False, with no change, if it exceeds the budget."""
        size, pace = self.each[place]
        if size > self.size or pace > self.pace:
            return False
        self.size -= size
        self.pace -= pace
        return True


def further_rounds(paces: Sequence[float], seconds: float) -> float:
    """Number of further fits of all members within the latency limit, a float, computed before any fit.

    Args:
        paces: Latency of each member in milliseconds per row.
        seconds: The time limit of the whole fit.

    Example:
        >>> further_rounds([0.04, 0.02], 60.0), further_rounds([0.04, 0.02], 120.0), further_rounds([0.2], 60.0)
        (1.5, 4.0, 0.0)
    """
    total = sum(paces)
    return round(max(_times(seconds) * _MILLISECONDS - total, 0.0) / total, 9) if total else math.inf


def knows_paces(objective: CrossValidation) -> bool:
    """True if the trials' latencies are usable. Below 1,000 rows, the fixed cost of a call can dominate."""
    return max((len(valid) for _, valid in objective.data.folds), default=0) >= _BATCH


def _pace(objective: CrossValidation, member: Member, family: Model, end: float) -> float:
    """Latency of a member in milliseconds per row, measured in a batch of 1,000 rows.

    The trial's latency is returned instead if it is reliable, no time is left, or the table is long. Members with
    engineered columns and members of the second layer are not measured.
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
    """Factor on the limits for one minute."""
    return min(max(seconds / MINUTE, 1.0), _MOST)


def _bytes(member: Member, family: Model) -> float:
    """Compressed bytes of one fit of the member in a bundle.

    0 for a user's own family that cannot be stored, because no bundle holds it. Infinite for a built-in family whose
    model is too large for a bundle, so that it gets no further fit.
    """
    fit: Any = fits_of(member.estimator)[0]
    made = json.dumps(fit.made.to_json()).encode() if isinstance(fit, Featured) else b""
    try:
        data = family.dump(bare(fit.estimator if isinstance(fit, Featured) else fit))
    except Exception as error:  # noqa: BLE001 - whatever a user's own family's `dump` does, the fit goes on
        logger.debug("how large %s is in a file is not known: %s", member.name, error)
        return math.inf if family.name in MODELS else 0.0
    return float(len(zlib.compress(made, 1)) + len(zlib.compress(data, 1)))
