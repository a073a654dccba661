"""Choice of the simplest model among the statistically equal ones (`SearchSettings(prefer="simple")`).

One-standard-error rule (Breiman, Friedman, Olshen and Stone 1984, Classification and Regression Trees, section 3.4): a
model is equal to the ensemble if its loss on the validated rows is at most one standard error above that of the
ensemble. The standard error comes from a bootstrap over rows, or over groups. A test of the paired difference would be
too strict: the ensemble was selected on these rows, so its loss there is too small.

Candidates are the best trials of the families. A linear model is simpler than splines, splines are simpler than a tree,
and a tree is simpler than any other model. Of other models, the one that predicts faster is simpler.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from seasoned.tabular.ensemble.greedy_selection import resampled, selection_rows
from seasoned.tabular.metrics.vectorized import losses_of
from seasoned.tabular.models.registry import MODELS, is_readable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.trial.cross_validation import CrossValidation
    from seasoned.tabular.trial.trial_row import TrialRow

    Chosen = Sequence[tuple[TrialRow, float]]

__all__ = ["Simplest", "simplest_equal"]

_SAMPLES: Final = 100  # bootstrap samples of the rows
_NOT_COMPARED: Final = (
    'prefer="simple": single models were not compared with the ensemble; there was no time, or predictions are lost.'
)
_LEAST_SAMPLES: Final = 20  # smallest number of samples with a defined loss, for a standard error


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
    judge = _Judge(objective, lambda: time.monotonic() >= end)
    whole = _predicted(objective, chosen)
    error = None if whole is None else judge.standard_error(whole)
    if whole is None or error is None:
        return Simplest(chosen, (_NOT_COMPARED,))
    loss = judge.loss(whole)
    for row in sorted(first.values(), key=lambda row: _complexity(objective, row)):
        alone = _predicted(objective, [(row, 1.0)])
        if alone is not None and (its := judge.loss(alone)) <= loss + error:
            return Simplest([(row, 1.0)], (_sentence(objective, row, chosen, (its, loss, error)),))
    return Simplest(chosen, (f'prefer="simple": no single model is within a standard error of {_name(chosen)}.',))


class _Judge:
    """Losses on at most 10,000 of the validated rows, the same for every model.

    Args:
        objective: Cross-validation with the target, weights and groups of these rows.
        over: Function that returns True once the time is over.
    """

    def __init__(self, objective: CrossValidation, over: Callable[[], bool]) -> None:
        data, self._metric, self._over, self._seed = objective.data, objective.metric, over, objective.job.seed
        known = data.known_rows()
        weights = None if data.weights is None else data.weights[known]
        classes = self._metric.n_classes > 0 and self._metric.weighs
        self._rows, self._mass = selection_rows(data.target[known], self._seed, weights, classes=classes)
        self._y = data.target[known][self._rows]
        self._groups = None if data.together is None else data.together[known][self._rows]
        self._share = len(self._rows) / len(known)

    def loss(self, predicted: NDArray[np.float64]) -> float:
        """Loss of predictions for the validated rows, shape (n, classes) or (n,); infinite if undefined."""
        return self._losses(predicted[self._rows], np.arange(len(self._rows)))

    def standard_error(self, predicted: NDArray[np.float64]) -> float | None:
        """Bootstrap standard error of the loss on all validated rows; None if too few samples have a loss."""
        here, rng, every = predicted[self._rows], np.random.default_rng(self._seed), np.arange(len(self._rows))
        drawn = [self._losses(here, resampled(every, self._groups, rng)) for _ in range(_SAMPLES) if not self._over()]
        known = np.array(drawn)[np.isfinite(drawn)]
        return float(known.std(ddof=1)) * math.sqrt(self._share) if len(known) >= _LEAST_SAMPLES else None

    def _losses(self, here: NDArray[np.float64], part: NDArray[np.int64]) -> float:
        mass = None if self._mass is None else self._mass[part]
        return float(losses_of(here[None, part], self._y[part], self._metric, None, mass)[0])


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
    """Order of the candidates, the simplest first: readable families in the order of the registry, then by speed."""
    if is_readable(objective.fitter.model(row.model)):
        return False, list(MODELS).index(row.model) if row.model in MODELS else math.inf
    return True, objective.records.of(row.configuration).predict_ms


def _sentence(objective: CrossValidation, row: TrialRow, chosen: Chosen, losses: tuple[float, float, float]) -> str:
    """Sentence on the choice and its cost; `losses` has the loss of the trial, of the ensemble, and its error."""
    metric, (its, loss, error) = objective.metric, losses
    pace, whole = (
        sum(objective.records.of(one.configuration).predict_ms for one in rows)
        for rows in ([row], [one for one, _ in chosen])
    )
    return (
        f'prefer="simple": {row.model} (trial {row.number}) predicts alone; its {metric.name} in validation is '
        f"{metric.score(its):.4g}, that of {_name(chosen)} {metric.score(loss):.4g} with a standard error of "
        f"{error:.2g}; a row takes {pace:.2g} ms, not {whole:.2g}."
    )


def _name(chosen: Chosen) -> str:
    if len(chosen) == 1:
        return f"the best model, {chosen[0][0].model}"
    return f"the ensemble of {len(chosen)} models"
