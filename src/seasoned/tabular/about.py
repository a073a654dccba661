"""What a file says about an estimator: its class, its parameters as plain data, and which of them it cannot hold."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.storage.addresses import hidden
from seasoned.tabular.metrics import to_plain

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from seasoned.tabular.estimator import TabularEstimator

__all__ = ["about", "refuse_incomplete", "warn_of_unsaved"]

logger = logging.getLogger("seasoned.tabular")


def about(estimator: Any) -> dict[str, Any]:
    """Class, parameters, the names of those that are missing, and the decimal sign of its file, as plain data."""
    given = _parameters(estimator)
    parameters = {name: value for name, value in given.items() if _can_be_told(value)}
    unsaved = sorted({*estimator.unsaved_, *(given.keys() - parameters.keys())})
    told = {"parameters": parameters, "unsaved": unsaved, "decimal": estimator.decimal_}
    return {"estimator": type(estimator).__name__, **told}


def refuse_incomplete(estimator: BaseEstimator) -> None:
    """Refuse to fit without what a file could not hold: that would be another fit than the one that was saved.

    Raises:
        InvalidInput: If a splitter, a learner or a function is missing since the model was loaded.
    """
    unsaved = getattr(estimator, "unsaved_", ())
    usual = type(estimator)().get_params(deep=False)
    lost = [name for name in unsaved if name != "random_state" and _is_usual(getattr(estimator, name), usual[name])]
    if lost:
        raise InvalidInput(
            f"the file of this model could not hold {' and '.join(lost)}, and without it fit would do something else; "
            f"set_params({lost[0]}=...) first, or make a new {type(estimator).__name__}."
        )


def warn_of_unsaved(estimator: TabularEstimator) -> None:
    """Say which parameters the file does not hold.

    A metric is warned of, for scores need it; of others it is noted, for predictions do without, and `fit` asks for
    them.
    """
    given = _parameters(estimator)
    lost = sorted(name for name, value in given.items() if name != "random_state" and not _can_be_told(value))
    if lost:
        logger.log(
            logging.WARNING if "metric" in lost else logging.INFO,
            "the file does not hold %s, which is no plain data or holds a password; predictions need none of it, and "
            "after load set_params(%s) gives it back for fit%s.",
            " and ".join(lost),
            ", ".join(f"{name}=..." for name in lost),
            ", score and leaderboard" if "metric" in lost else "",
        )


def _is_usual(value: Any, usual: Any) -> bool:
    return value is usual or (isinstance(value, str) and value == usual)


def _parameters(estimator: BaseEstimator) -> dict[str, Any]:
    """The parameters, as plain data where there is such a form of them."""
    given: dict[str, Any] = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in estimator.get_params(deep=False).items()
    }
    if (named := to_plain(given.get("metric"))) is not None:  # a function stays one, and is told to be missing
        given["metric"] = named
    search = given.get("search")
    if search is not None and (plain := search.to_plain()) is not None:
        given["search"] = plain
    return given


def _can_be_told(value: Any) -> bool:
    """Whether it is plain data, and no address of a server with a password, for who gets the file could read it."""
    if isinstance(value, str) and "://" in value:
        return hidden(value) == value
    return value is None or isinstance(value, bool | int | float | str | dict)
