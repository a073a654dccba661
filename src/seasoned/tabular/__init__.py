"""Tabular AutoML: a table in, a tuned and saved model out.

Importing this package loads nothing heavy. A public name loads its module at its first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seasoned._util.lazy_imports import lazy_names

if TYPE_CHECKING:
    from seasoned.tabular.classifier import AutoClassifier
    from seasoned.tabular.few_shot.estimators import FewShotClassifier, FewShotRegressor
    from seasoned.tabular.input.target import infer_task
    from seasoned.tabular.loader import load
    from seasoned.tabular.metrics.registry import Metric
    from seasoned.tabular.models.custom import CustomModel
    from seasoned.tabular.regressor import AutoRegressor
    from seasoned.tabular.search.settings import SearchSettings

__all__ = [
    "AutoClassifier",
    "AutoRegressor",
    "CustomModel",
    "FewShotClassifier",
    "FewShotRegressor",
    "Metric",
    "SearchSettings",
    "infer_task",
    "load",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "AutoClassifier": "seasoned.tabular.classifier",
        "AutoRegressor": "seasoned.tabular.regressor",
        "CustomModel": "seasoned.tabular.models.custom",
        **dict.fromkeys(("FewShotClassifier", "FewShotRegressor"), "seasoned.tabular.few_shot.estimators"),
        "Metric": "seasoned.tabular.metrics.registry",
        "SearchSettings": "seasoned.tabular.search.settings",
        "infer_task": "seasoned.tabular.input.target",
        "load": "seasoned.tabular.loader",
    },
)
