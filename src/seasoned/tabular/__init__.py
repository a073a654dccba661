"""The main job: a table in, a tuned, saved model out.

Nothing heavy is loaded here; a public name loads its module when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seasoned.tabular.bundle import load
    from seasoned.tabular.estimator import AutoClassifier, AutoRegressor
    from seasoned.tabular.settings import SearchSettings

__all__ = ["AutoClassifier", "AutoRegressor", "SearchSettings", "load"]

_HOMES = {
    "AutoClassifier": "seasoned.tabular.estimator",
    "AutoRegressor": "seasoned.tabular.estimator",
    "SearchSettings": "seasoned.tabular.settings",
    "load": "seasoned.tabular.bundle",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
