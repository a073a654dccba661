"""Stored form of a trial's configuration: versioned, so that it stays readable after changes of the search space.

A pipeline configuration is `{"model": {family: {hyperparameter: value, ..., "features": {...}}}}`: the family, its
hyperparameters, and an optional choice of feature steps. Folds and metric belong to the study. The text of a
configuration (`textual`) identifies it; the text contains floats exactly.

`VERSION` is the version of the meaning of configurations. It increases when the same settings lead to other fits of a
family, or when a setting is renamed; `CHANGED` then names the family. New settings alone need no new version: `current`
fills them with their defaults, which must reproduce the earlier fits.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidConfig, InvalidInput
from seasoned.space import Choice
from seasoned.tabular.features.pipeline import FEATURES, complete_steps
from seasoned.tabular.models._common.target_transforms import CENTRE, SCALE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seasoned.space import Space

__all__ = ["CHANGED", "KIND", "VERSION", "current", "filled", "outdated", "textual"]

KIND: Final = "pipeline"
"""Kind of this form of configuration in an experience store."""
VERSION: Final = 2
CHANGED: Final[Mapping[int, frozenset[str]]] = MappingProxyType({2: frozenset({"histogram"})})
"""Version -> families whose fits changed with that version; older experience of these families is not used.

2: Histogram boosting keeps the rounds up to the best fold loss. Version 1 kept some later rounds as well.

Two changes have no version of their own. For rmsle, models learn log(1 + y); for mape, rows have the weight 1 / y. No
experience of these metrics was shipped before. Trees learn numbers in units of their spread, so that LightGBM's
`lambda_l1` has these units; the other results differ by rounding only.
"""
_UNSAID: Final[Mapping[str, Any]] = MappingProxyType({FEATURES: {"none": {}}, SCALE.name: SCALE.usual})
"""Setting -> default value that `textual` omits."""
_USUAL: Final[Mapping[str, Any]] = MappingProxyType({**_UNSAID, CENTRE.name: CENTRE.usual})
"""Setting -> value in the fits of a space without this setting."""


def textual(config: Mapping[str, Any]) -> str:
    """Return a configuration as JSON text, identical for equal configurations.

    Example:
        >>> textual({"model": {"linear": {"penalty": 0.1, "features": {"none": {}}}}})
        '{"model":{"linear":{"penalty":0.1}}}'
    """
    ((family, settings),) = config["model"].items()
    kept = {name: value for name, value in settings.items() if not (name in _UNSAID and value == _UNSAID[name])}
    return json.dumps({"model": {family: kept}}, sort_keys=True, separators=(",", ":"), default=dict)


def outdated(family: str, version: int) -> bool:
    """Return True if the family's fits have changed since a version, or the version is newer than this program.

    Example:
        >>> outdated("histogram", 1), outdated("histogram", VERSION), outdated("linear", 1)
        (True, False, False)
    """
    return version > VERSION or any(family in changed for since, changed in CHANGED.items() if version < since)


def current(config: Mapping[str, Any], version: int, space: Space) -> dict[str, Any] | None:
    """Return a stored configuration as a point of the present joint space; None if it is not valid there.

    Args:
        config: The stored configuration.
        version: The `VERSION` at the time of storage.
        space: Joint space of the available families (`models.registry.joint_space`).

    Example:
        >>> from seasoned.space import Choice, Float, Space
        >>> space = Space(model=Choice(linear=Space(penalty=Float(0.1, 10), slope=Float(0, 1, default=0.5))))
        >>> current({"model": {"linear": {"penalty": 1.0}}}, 1, space)
        {'model': {'linear': {'penalty': 1.0, 'slope': 0.5}}}
        >>> current({"model": {"linear": {"penalty": 99.0}}}, 1, space) is None
        True
    """
    families = space.parameters["model"]
    assert isinstance(families, Choice), "the joint space has no other parameter"
    try:
        ((family, settings),) = config["model"].items()
        inner = families.options.get(family)
        if inner is None or outdated(family, version):
            return None
        steps = inner.parameters.get(FEATURES)
        if isinstance(steps, Choice) and FEATURES in settings:
            settings = {**settings, FEATURES: complete_steps(settings[FEATURES], steps)}
        return {"model": {family: inner.check(filled(settings, inner))}}
    except (InvalidConfig, InvalidInput, KeyError, ValueError, TypeError, AttributeError):  # an untrusted file
        return None


def filled(settings: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Return settings of a family with the space's defaults for missing ones, without defaults that the space lacks.

    Args:
        settings: Settings of the family, optionally with scale and centre of its target and with features.
        space: Present space of the family. For example, features "none" is omitted if the space offers no features.
    """
    found = {**space.default, **settings}
    unsaid = {name for name in set(_USUAL) - set(space.parameters) if name in found and found[name] == _USUAL[name]}
    return {name: value for name, value in found.items() if name not in unsaid}
