"""Choice of the simplest model among the statistically equal ones (`SearchSettings(prefer="simple")`).

A model is equal to the ensemble if the bootstrap interval of the difference of their losses on the validated rows
contains 0 or lies below 0. Candidates are the best trials of the families. A formula or a single tree is simpler than
any other model; of two such models, the one that predicts faster is simpler.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from seasoned.tabular.ensemble.greedy_selection import resampled, selection_rows
from seasoned.tabular.metrics.vectorized import losses_of
from seasoned.tabular.models.registry import is_readable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.trial.cross_validation import CrossValidation
    from seasoned.tabular.trial.trial_row import TrialRow

    Chosen = Sequence[tuple[TrialRow, float]]

__all__ = ["Band", "Simplest", "loss_difference", "simplest_equal"]

_SAMPLES: Final = 200  # bootstrap samples of the rows
_LEAST_SAMPLES: Final = 20  # smallest number of samples with a defined loss, for an interval
_INTERVAL: Final = (0.025, 0.975)


class Band(NamedTuple):
    """Bootstrap interval of a difference of losses, 95%: `low` and `high`. Losses are those on all rows."""

    loss: float
    other: float
    low: float
    high: float

    @property
    def is_equal(self) -> bool:
        """True if the model is not clearly worse than the other."""
        return self.low <= 0.0


class Simplest(NamedTuple):
    """Members with their weights, and the decision as a sentence; `notes` is empty without a decision."""

    chosen: Chosen
    notes: tuple[str, ...] = ()


def simplest_equal(objective: CrossValidation, best: Sequence[TrialRow], chosen: Chosen, seconds: float) -> Simplest:
    """Return the simplest trial that is equal to the ensemble; the ensemble itself if no trial is.

    Args:
        objective: Cross-validation whose records contain the trials' predictions.
        best: Complete trials, the best first.
        chosen: The ensemble: trials and weights.
        seconds: Time limit of the comparisons.
    """
    first: dict[str, TrialRow] = {}
    for row in best:
        first.setdefault(row.model, row)
    if not chosen:
        return Simplest(chosen)
    end = time.monotonic() + seconds
    whole = _predicted(objective, chosen)
    for row in sorted(first.values(), key=lambda row: _complexity(objective, row)):
        alone = None if whole is None or time.monotonic() >= end else _predicted(objective, [(row, 1.0)])
        if whole is None or alone is None:
            continue
        band = loss_difference(alone, whole, objective, lambda: time.monotonic() >= end)
        if band is not None and band.is_equal:
            return Simplest([(row, 1.0)], (_sentence(objective, row, chosen, band),))
    return Simplest(chosen, (f'prefer="simple": no single model is equal to {_name(chosen)} within chance.',))


def loss_difference(
    alone: NDArray[np.float64],
    whole: NDArray[np.float64],
    objective: CrossValidation,
    over: Callable[[], bool] = lambda: False,
) -> Band | None:
    """Band of the loss of one set of predictions minus that of another; None if too few losses are defined.

    Args:
        alone: Predictions for the validated rows, shape (n, classes) or (n,).
        whole: Predictions of the other model.
        objective: Cross-validation with the target, weights and groups of these rows.
        over: Function that returns True once the time is over.
    """
    data, metric = objective.data, objective.metric
    known = data.known_rows()
    weights = None if data.weights is None else data.weights[known]
    y, groups = data.target[known], None if data.together is None else data.together[known]
    rows, mass = selection_rows(y, objective.job.seed, weights, classes=metric.n_classes > 0 and metric.weighs)
    stack = np.stack([alone[rows], whole[rows]])

    def losses(part: NDArray[np.int64]) -> NDArray[np.float64]:
        return losses_of(stack[:, part], y[rows[part]], metric, over, None if mass is None else mass[part])

    every, rng = np.arange(len(rows)), np.random.default_rng(objective.job.seed)
    together = None if groups is None else groups[rows]
    found = losses(every)
    drawn = [losses(resampled(every, together, rng)) for _ in range(_SAMPLES) if not over()]
    differences = np.array([one - other for one, other in drawn])
    differences = differences[np.isfinite(differences)]
    if len(differences) < _LEAST_SAMPLES or not np.isfinite(found).all():
        return None
    low, high = np.quantile(differences, _INTERVAL)
    return Band(float(found[0]), float(found[1]), float(low), float(high))


def _predicted(objective: CrossValidation, chosen: Chosen) -> NDArray[np.float64] | None:
    """Weighted mean of the trials' out-of-fold predictions; None if those of a trial are lost."""
    total: NDArray[np.float64] | None = None
    for row, weight in chosen:
        found = objective.records.out_of_fold(row.configuration)
        if found is None or len(found) != len(objective.data.known_rows()):
            return None
        part = weight * np.asarray(found, dtype=np.float64)
        total = part if total is None else total + part
    return total


def _complexity(objective: CrossValidation, row: TrialRow) -> tuple[bool, float]:
    """Order of the candidates, the simplest first."""
    return not is_readable(objective.fitter.model(row.model)), objective.records.of(row.configuration).predict_ms


def _sentence(objective: CrossValidation, row: TrialRow, chosen: Chosen, band: Band) -> str:
    metric = objective.metric
    score, other = metric.score(band.loss), metric.score(band.other)
    pace, whole = (
        sum(objective.records.of(one.configuration).predict_ms for one in rows)
        for rows in ([row], [one for one, _ in chosen])
    )
    return (
        f'prefer="simple": {row.model} (trial {row.number}) predicts alone; its {metric.name} in validation is '
        f"{score:.4g}, that of {_name(chosen)} {other:.4g} (loss {band.loss - band.other:+.2g}, 95% interval "
        f"{band.low:+.2g} to {band.high:+.2g}); a row takes {pace:.2g} ms, not {whole:.2g}."
    )


def _name(chosen: Chosen) -> str:
    if len(chosen) == 1:
        return f"the best model, {chosen[0][0].model}"
    return f"the ensemble of {len(chosen)} models"
