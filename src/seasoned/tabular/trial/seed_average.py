"""Seed averaging: several fits of one configuration predict by their weighted mean."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.tabular.models._common.base import predict
from seasoned.tabular.trial.featured_model import Extending, Featured, predict_one

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Given
    from seasoned.tabular.features.pipeline import FeaturePipeline
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["Repeated", "fits_of", "makers_of", "predict_matrices", "shares_of", "with_shared_makers"]


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """Ensemble member with several fits.

    Attributes:
        fits: At least two estimators, `Featured` ones if they have features.
        shares: Weights of the fits; their sum is 1.
    """

    fits: tuple[Any, ...]
    shares: tuple[float, ...]


def fits_of(estimator: Any) -> tuple[Any, ...]:
    """Return the fits of a member: several of a `Repeated` one, otherwise one; each may be a `Featured` one.

    Example:
        >>> fits_of("a model"), fits_of(Repeated(("a model", "another"), (0.5, 0.5)))
        (('a model',), ('a model', 'another'))
    """
    return estimator.fits if isinstance(estimator, Repeated) else (estimator,)


def shares_of(estimator: Any) -> tuple[float, ...]:
    """Return the weights of the fits of a member.

    Example:
        >>> shares_of("a model"), shares_of(Repeated(("a model", "another"), (0.75, 0.25)))
        ((1.0,), (0.75, 0.25))
    """
    return estimator.shares if isinstance(estimator, Repeated) else (1.0,)


def with_shared_makers(fits: Sequence[Any]) -> tuple[Any, ...]:
    """Return the same fits, with one object for equal feature pipelines, so that their columns are computed once.

    Fits that differ only by their seeds have equal feature pipelines, because features do not depend on these seeds.
    """
    known: dict[str, FeaturePipeline] = {}
    return tuple(
        replace(fit, made=known.setdefault(json.dumps(fit.made.to_json()), fit.made))
        if isinstance(fit, Featured)
        else fit
        for fit in fits
    )


def makers_of(estimator: Any) -> list[FeaturePipeline]:
    """Return the feature pipelines of a member's fits; empty without features."""
    return [fit.made for fit in fits_of(estimator) if isinstance(fit, Featured)]


def predict_matrices(
    estimator: Any,
    matrices: Mapping[Diet, NDArray[np.float64]],
    diet: Diet,
    n_classes: int,
    given: Given | None = None,
) -> NDArray[np.float64]:
    """Return predictions as `predict_one`; for a `Repeated` member, the weighted mean over its fits."""
    if not isinstance(estimator, Repeated):
        return predict_one(estimator, matrices, diet, n_classes, given)
    rows = Extending(matrices[diet], diet, given)
    parts = [
        share * predict(*rows.eaten_by(fit), n_classes)
        for fit, share in zip(estimator.fits, estimator.shares, strict=True)
    ]
    total = parts[0]
    for part in parts[1:]:  # summed in order, so that a saved model predicts the same bits
        total = total + part
    return np.minimum(total, 1.0) if n_classes else total  # rounding may give more than 1
