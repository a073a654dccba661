"""Load saved models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidInput, SeasonedError
from seasoned.tabular.bundle import archive
from seasoned.tabular.bundle.parameters import without_addresses
from seasoned.tabular.classifier import AutoClassifier
from seasoned.tabular.few_shot.archive import is_few_shot, rebuild
from seasoned.tabular.few_shot.estimators import FewShotClassifier, FewShotRegressor
from seasoned.tabular.metrics.registry import from_plain
from seasoned.tabular.regressor import AutoRegressor
from seasoned.tabular.search.settings import SearchSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from seasoned.tabular.ensemble.fitted_model import Fitted

__all__ = ["load"]

_KINDS = {kind.__name__: kind for kind in (AutoClassifier, AutoRegressor)}
_FEW_SHOT = {kind.__name__: kind for kind in (FewShotClassifier, FewShotRegressor)}


def load(
    path: str | Path, *, key: bytes | str | None = None
) -> AutoClassifier | AutoRegressor | FewShotClassifier | FewShotRegressor:
    """Load the estimator that `save` wrote. Predictions are the same, bit for bit, and no code in the file can run.

    If a package that decides predictions has another minor version than at `save`, up to 20 stored rows are predicted
    again. The model is loaded only if these predictions agree. An address of an experience store in the file is
    ignored: only `set_params(experience=...)` decides where a later `fit` reads and writes.

    Args:
        path: The file.
        key: The key of `save`; None without a key.

    Raises:
        InvalidInput: If the file is missing, no bundle, truncated, changed, of a newer format, signed with another key,
            or has other predictions under the installed package versions.
        MissingExtra: If a model needs a package that is not installed.

    Example:
        >>> load("churn.seasoned").predict(new_customers)  # doctest: +SKIP
    """
    fitted, rows, about, members = archive.read(Path(path), key)
    name = str(about["estimator"])
    if name not in {**_KINDS, **_FEW_SHOT} or is_few_shot(members) != (name in _FEW_SHOT):
        raise InvalidInput(f"the bundle holds a {about['estimator']!r}, unknown to this version; upgrade seasoned.")
    if name.endswith("Regressor") != (fitted.task == "regression"):
        raise InvalidInput(f"the bundle holds a {name} for a {fitted.task} target; get another copy.")
    try:
        if name in _FEW_SHOT:
            return _few_shot(fitted, rows, about, members, Path(path).name)
        parameters = without_addresses(about["parameters"])
        about["unsaved"] += sorted(about["parameters"].keys() - parameters.keys())
        estimator = _KINDS[name](**_parameters(parameters))
    except TypeError as error:
        raise InvalidInput(
            f"the bundle's parameters are unknown to this version ({error}); upgrade seasoned."
        ) from None
    except SeasonedError:
        raise
    except Exception as error:  # malformed parameters can raise any error
        raise InvalidInput(f"the bundle's parameters are damaged ({error!r}); get another copy.") from error
    estimator.restore(fitted, rows, named=about["named"])
    estimator.unsaved_, estimator.decimal_ = tuple(about["unsaved"]), about["decimal"]
    estimator.encoding_ = about["encoding"]
    return estimator


def _parameters(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of the estimator, from plain data."""
    search = stored.get("search")
    return {
        **stored,
        "metric": from_plain(stored.get("metric")),
        "search": None if search is None else SearchSettings.from_plain(search),
    }


def _few_shot(
    fitted: Fitted, rows: pd.DataFrame | None, about: dict[str, Any], members: Mapping[str, bytes], name: str
) -> FewShotClassifier | FewShotRegressor:
    target_name = about["parameters"].pop("target_name", None)
    estimator = _FEW_SHOT[str(about["estimator"])](**about["parameters"])
    estimator.target_name_ = None if target_name is None else str(target_name)
    estimator.restore(*rebuild(fitted, members, name), rows)
    estimator.unsaved_, estimator.decimal_ = tuple(about["unsaved"]), about["decimal"]
    estimator.encoding_ = about["encoding"]
    return estimator
