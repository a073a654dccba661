"""Out-of-fold predictions of the ensemble, combined from the stored predictions of the members' trials."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.tabular.postprocessing.out_of_fold import OutOfFold
from seasoned.tabular.trial.results import as_kept
from seasoned.tabular.validation.rare_classes import mass_of, with_rare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.ensemble.fitted_model import Member
    from seasoned.tabular.postprocessing.postprocessor import Postprocessor
    from seasoned.tabular.trial.cross_validation import CrossValidation

    Array = NDArray[np.float64]

__all__ = ["out_of_fold", "pool_out_of_fold"]

MAX_ROWS: Final = 50_000  # largest number of rows; more rows change no decision
_CELLS: Final = 20_000_000  # largest number of predicted values; very many classes reduce the rows
MIN_ROWS: Final = 2_000  # smallest number of rows, whatever the number of values
MAX_MEMBER_VALUES: Final = 20_000_000  # largest number of values of all members in memory at once
MAX_USER_VALUES: Final = 10_000_000  # largest number of values of all rows that the user receives
_PARTS: Final = 5  # largest number of parts for cross-fitting
_FOLDS: Final = 3  # smallest number of folds that serve as parts; with two, each would be learned from half of the rows


def pool_out_of_fold(objective: CrossValidation, members: Sequence[Member], *, each: bool = False) -> OutOfFold | None:
    """Combine the members' out-of-fold predictions; None if one member has none.

    Args:
        objective: Cross-validation whose records contain the trials' predictions.
        members: The ensemble members.
        each: Whether to include the predictions of each member in addition to their mean.
    """
    rng = np.random.default_rng(objective.job.seed)
    most = min(MAX_ROWS, max(_CELLS // max(objective.metric.n_classes, 1), MIN_ROWS))
    known = objective.data.known_rows()
    places, mass = np.sort(rng.permutation(len(known))[:most]), None
    if objective.metric.n_classes and len(places) < len(known):
        places, mass = _with_rare(places, objective.data.target[known].astype(np.intp))
    chosen = known[places]
    mean: Array | None = None
    kept: list[NDArray[np.floating]] = []
    some = (
        each
        and len(members) > 1
        and len(members) * len(places) * max(objective.metric.n_classes, 1) <= MAX_MEMBER_VALUES
    )
    for member in members:
        found = objective.records.out_of_fold({"model": {member.name: member.config}})
        if found is None or len(found) != len(known):
            return None
        here = np.asarray(found[places])
        kept += [as_kept(here)] if some else []
        part = member.weight * here.astype(np.float64)
        mean = part if mean is None else mean + part
    if mean is None or not np.isfinite(mean).all():
        return None
    if mean.ndim == 2:
        mean = mean / mean.sum(axis=1, keepdims=True)  # stored as float32, so that sums are 1 only up to rounding
    weights = objective.data.weights
    weights = None if weights is None else weights[chosen]
    together = objective.data.together
    groups = None if together is None else np.unique(together[chosen], return_inverse=True)[1]
    parts = cross_fit_parts(objective.data.fold_of_rows()[chosen], groups, rng)
    whole = OutOfFold(
        chosen,
        objective.data.target[chosen],
        mean,
        mass if weights is None else weights if mass is None else weights * mass,
        parts,
        groups=groups,
        drawn=weights is None and mass is not None,
    )
    if not some:
        return whole
    return replace(whole, each=np.stack(kept, axis=1), shares=np.array([member.weight for member in members]))


def out_of_fold(
    objective: CrossValidation, members: Sequence[Member], finish: Postprocessor
) -> NDArray[np.floating] | None:
    """Ensemble predictions for each validated row, by models that were not fitted on it.

    Args:
        objective: Cross-validation whose records contain the trials' predictions.
        members: The ensemble members. With two layers only the first is used: its models have not seen the targets of
            these rows.
        finish: Postprocessing of the members' predictions.

    Returns:
        For all rows, shape (n, classes) or (n,), NaN for rows that no fold validates. None if the array is too large or
            the predictions of a trial are lost.
    """
    known, classes = objective.data.known_rows(), objective.metric.n_classes
    rows, first = len(objective.data.target), [member for member in members if not member.base_configurations]
    told = [objective.records.out_of_fold({"model": {member.name: member.config}}) for member in first]
    there = [one for one in told if one is not None and len(one) == len(known)]
    if rows * max(classes, 1) > MAX_USER_VALUES or not first or len(there) < len(first):
        return None
    total = sum(member.weight for member in first)
    shares = [member.weight / total for member in first]
    finish = finish if len(first) == len(members) else replace(finish, blend=None)
    found: NDArray[np.floating] = np.full((rows, classes) if classes else rows, np.nan)
    found = as_kept(found)
    step = max(MAX_MEMBER_VALUES // (max(classes, 1) * len(first)), 1)
    for start in range(0, len(known), step):  # only a part of each file at a time
        each = [one[start : start + step].astype(np.float64) for one in there]
        found[known[start : start + step]] = finish.together(each, shares)
    return found


def _with_rare(drawn: NDArray[np.intp], truth: NDArray[np.intp]) -> tuple[NDArray[np.intp], Array | None]:
    """Row sample that contains every class, ascending, and its row weights. Weights are None if no row was added."""
    places = np.sort(with_rare(drawn, truth))
    if len(places) == len(drawn):
        return places, None
    return places, mass_of(places, truth)


def cross_fit_parts(
    folds: NDArray[np.int64], groups: NDArray[np.int64] | None, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Parts for cross-fitting: the folds, merged into at most five parts, shape (n,).

    With fewer than three folds, five random parts of rows or groups are used.
    """
    known, place = np.unique(folds, return_inverse=True)
    if len(known) >= _FOLDS:
        return place % _PARTS
    if groups is not None and groups.max() > 0:
        return np.asarray((rng.permutation(groups.max() + 1) % _PARTS)[groups])
    return rng.permutation(len(folds)) % _PARTS
