"""What a file says about an estimator: its class, its parameters as plain data, and which of them it cannot hold."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.setting import PLACES
from seasoned.storage.url import hidden
from seasoned.tabular.metrics.registry import to_plain

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["about", "refuse_incomplete", "warn_of_unsaved", "without_addresses"]

logger = logging.getLogger("seasoned.tabular")


def about(estimator: Any) -> dict[str, Any]:
    """Class, parameters, names of those that no file can hold, and the training file's signs, as plain data."""
    given = _parameters(estimator)
    parameters = {name: value for name, value in given.items() if _can_be_told(name, value)}
    unsaved = sorted({*estimator.unsaved_, *(given.keys() - parameters.keys())})
    told = {
        "parameters": parameters,
        "unsaved": unsaved,
        "decimal": estimator.decimal_,
        "encoding": estimator.encoding_,
    }
    return {"estimator": type(estimator).__name__, **told}


def without_addresses(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters from a file without an address of experience, which only the user may name."""
    return {name: value for name, value in parameters.items() if name != "experience" or value in PLACES}


def refuse_incomplete(estimator: BaseEstimator) -> None:
    """Refuse to fit while parameters that the file could not hold are missing: the fit would differ from the saved one.

    Raises:
        InvalidInput: If a splitter, a learner or a function is missing since the model was loaded.
    """
    unsaved = getattr(estimator, "unsaved_", ())
    usual = type(estimator)().get_params(deep=False)
    lost = [name for name in unsaved if name != "random_state" and _is_usual(getattr(estimator, name), usual[name])]
    if lost:
        raise InvalidInput(
            f"the file of this model could not hold {' and '.join(lost)}, and without it a new fit would differ from "
            f"the saved one; set_params({lost[0]}=...) first, or make a new {type(estimator).__name__}."
        )


def warn_of_unsaved(estimator: BaseEstimator) -> None:
    """Log which parameters the file does not hold.

    A metric is logged as a warning, because scores need it; others as information, because predictions do without them,
    and `fit` asks for them.
    """
    given = _parameters(estimator)
    lost = sorted(name for name, value in given.items() if name != "random_state" and not _can_be_told(name, value))
    if lost:
        logger.log(
            logging.WARNING if "metric" in lost else logging.INFO,
            "the file does not hold %s (not plain data, or an address); predictions do not need it, and "
            "after load set_params(%s) restores it for fit%s.",
            " and ".join(lost),
            ", ".join(f"{name}=..." for name in lost),
            ", score and leaderboard" if "metric" in lost else "",
        )


def _is_usual(value: Any, usual: Any) -> bool:
    return value is usual or (isinstance(value, str) and value == usual)


def _parameters(estimator: BaseEstimator) -> dict[str, Any]:
    """The parameters, as plain data where they have such a form."""
    given: dict[str, Any] = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in estimator.get_params(deep=False).items()
    }
    if (named := to_plain(given.get("metric"))) is not None:  # a function stays a function, and is reported as missing
        given["metric"] = named
    search = given.get("search")
    if search is not None and (plain := search.to_plain()) is not None:
        given["search"] = plain
    return given


def _can_be_told(name: str, value: Any) -> bool:
    """Plain data that may stand in a file: no server address with a password, and no address of experience at all.

    A file must not decide where a later `fit` writes or connects.
    """
    if name == "experience":
        return value in PLACES
    if isinstance(value, str) and "://" in value:
        return hidden(value) == value
    return value is None or isinstance(value, bool | int | float | str | dict)
