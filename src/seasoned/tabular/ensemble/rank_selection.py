"""Selection of ensemble members for the AUC, which counts the order of probabilities only.

Out-of-fold predictions of a few thousand rows determine the AUC of an average poorly, and greedy selection overfits it.
The log loss of the same predictions is a smoother measure of the same models. The weights are the mean of those by AUC
and of those by log loss, of which the heaviest are kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from seasoned.tabular.ensemble.greedy_selection import select

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from seasoned.tabular.ensemble.greedy_selection import Paces
    from seasoned.tabular.metrics.metric import Measure

__all__ = ["select_members"]

_AUC: Final = "roc_auc"


def select_members(
    predictions: Sequence[NDArray[np.floating]],
    y: NDArray[np.generic],
    metric: Measure,
    *,
    most: int,
    paces: Paces | None = None,
    **options: Any,
) -> dict[int, float]:
    """Weights of the selected models by position, of sum 1: for the AUC as above, else those of `select`.

    Arguments as of `select`.
    """
    weights = select(predictions, y, metric, most=most, paces=paces, **options)
    if metric.scorer != _AUC or metric.n_classes != 2 or most == 1:
        return weights
    smooth = replace(metric, name="log_loss", scorer="neg_log_loss", greater_is_better=False)
    other = select(predictions, y, smooth, most=most, paces=paces, **options)
    mean = {place: (weights.get(place, 0.0) + other.get(place, 0.0)) / 2 for place in {*weights, *other}}
    return heaviest(mean, most, paces)


def heaviest(weights: dict[int, float], most: int, paces: Paces | None) -> dict[int, float]:
    """Heaviest weights within the limits of `select`, rescaled to sum 1; of equal weights the earlier model's.

    Example:
        >>> heaviest({0: 0.5, 1: 1.5, 2: 0.5}, 2, None)
        {1: 0.75, 0: 0.25}
    """
    kept: dict[int, float] = {}
    left = float("inf") if paces is None else paces[1]
    for place in sorted(weights, key=lambda place: (-weights[place], place)):
        pace = 0.0 if paces is None else float(paces[0][place])
        if len(kept) < most and pace <= left + 1e-12:
            kept[place] = weights[place]
            left -= pace
    total = sum(kept.values())
    return {place: weight / total for place, weight in kept.items()}
