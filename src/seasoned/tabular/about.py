"""What a file says about an estimator: its class, its parameters as plain data, and which of them it cannot hold."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.tabular.metrics import to_plain

if TYPE_CHECKING:
    from seasoned.tabular.estimator import TabularEstimator

__all__ = ["about", "warn_of_unsaved"]

logger = logging.getLogger("seasoned.tabular")


def about(estimator: TabularEstimator) -> dict[str, Any]:
    """Class, parameters and the names of those that are missing, as plain data."""
    given = _parameters(estimator)
    parameters = {name: value for name, value in given.items() if _is_plain(value)}
    unsaved = sorted({*estimator.unsaved_, *(given.keys() - parameters.keys())})
    told = {"parameters": parameters, "unsaved": unsaved, "named": estimator.named_}
    return {"estimator": type(estimator).__name__, **told}


def warn_of_unsaved(estimator: TabularEstimator) -> None:
    """Say which parameters the file does not hold.

    A metric is warned of, for scores need it; of others it is noted, for predictions do without, and `fit` asks for
    them.
    """
    given = _parameters(estimator)
    lost = sorted(name for name, value in given.items() if name != "random_state" and not _is_plain(value))
    if lost:
        logger.log(
            logging.WARNING if "metric" in lost else logging.INFO,
            "the file does not hold %s, which is no plain data; predictions need none of it, and after load "
            "set_params(%s) gives it back for fit%s.",
            " and ".join(lost),
            ", ".join(f"{name}=..." for name in lost),
            ", score and leaderboard" if "metric" in lost else "",
        )


def _parameters(estimator: TabularEstimator) -> dict[str, Any]:
    """The parameters, as plain data where there is such a form of them."""
    given: dict[str, Any] = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in estimator.get_params(deep=False).items()
    }
    if (named := to_plain(estimator.metric)) is not None:  # a function stays one, and is told to be missing
        given["metric"] = named
    if estimator.search is not None and (plain := estimator.search.to_plain()) is not None:
        given["search"] = plain
    return given


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | dict)
