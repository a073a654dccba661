"""Metadata of an estimator in a bundle: class, parameters as plain data, and the names of unsaved parameters."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.setting import PLACES
from seasoned.storage.url import mask_password
from seasoned.tabular.metrics.registry import to_plain

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["describe_estimator", "refuse_incomplete", "warn_of_unsaved", "without_addresses"]

logger = logging.getLogger("seasoned.tabular")


def describe_estimator(estimator: Any) -> dict[str, Any]:
    """Metadata of an estimator as plain data: class, parameters, unsaved parameters, and training file format."""
    given = _parameters(estimator)
    parameters = {name: value for name, value in given.items() if _is_storable(name, value)}
    unsaved = sorted({*estimator.unsaved_, *(given.keys() - parameters.keys())})
    told = {
        "parameters": parameters,
        "unsaved": unsaved,
        "decimal": estimator.decimal_,
        "encoding": estimator.encoding_,
    }
    return {"estimator": type(estimator).__name__, **told}


def without_addresses(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters from a file, without the address of an experience store. Only the user may name a store."""
    return {name: value for name, value in parameters.items() if name != "experience" or value in PLACES}


def refuse_incomplete(estimator: BaseEstimator) -> None:
    """Refuse to fit while parameters that the file could not hold are missing: the fit would differ from the saved one.

    Raises:
        InvalidInput: If a splitter, a model or a function has not been set again since the model was loaded.
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
    """Log the names of the parameters that the file does not hold.

    A missing metric is a warning, because scores need it. Other parameters are logged as information: predictions do
    not need them, and `fit` refuses to run without them.
    """
    given = _parameters(estimator)
    lost = sorted(name for name, value in given.items() if name != "random_state" and not _is_storable(name, value))
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
    """Parameters of the estimator, converted to plain data where possible."""
    given: dict[str, Any] = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in estimator.get_params(deep=False).items()
    }
    if (named := to_plain(given.get("metric"))) is not None:  # a function stays, and is reported as unsaved
        given["metric"] = named
    search = given.get("search")
    if search is not None and (plain := search.to_plain()) is not None:
        given["search"] = plain
    return given


def _is_storable(name: str, value: Any) -> bool:
    """True if a value is plain data that may be stored in a file.

    A URL with a password is refused, and so is every address of an experience store. A file must not decide where a
    later `fit` writes or connects.
    """
    if name == "experience":
        return value in PLACES
    if isinstance(value, str) and "://" in value:
        return mask_password(value) == value
    return value is None or isinstance(value, bool | int | float | str | dict)
