"""Presets: arguments of `AutoClassifier` and `AutoRegressor` for common needs, as plain dicts to unpack.

Example:
    >>> from seasoned import AutoClassifier, presets
    >>> AutoClassifier(**presets.fast).time_limit
    30.0
    >>> AutoClassifier("roc_auc", **{**presets.best, "time_limit": 7200}).search.layers
    2
"""

from __future__ import annotations

from typing import Any, Final

from seasoned.tabular import SearchSettings

__all__ = ["best", "fast", "good"]

fast: Final[dict[str, Any]] = {"time_limit": 30.0, "search": SearchSettings(ensemble=3)}
"""Half a minute, and at most three models that predict together: a first look, short prediction times."""

good: Final[dict[str, Any]] = {"time_limit": 300.0, "search": SearchSettings()}
"""The defaults: five minutes, up to ten models."""

best: Final[dict[str, Any]] = {"time_limit": 3600.0, "search": SearchSettings(ensemble=25, layers=2)}
"""An hour, up to 25 models, and a second layer of models if it helps on rows held out of both layers."""
