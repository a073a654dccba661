"""The form in which a trial's configuration is stored: versioned, so that it outlives the space it came from.

A pipeline configuration is `{"model": {family: {hyperparameter: value, ..., "features": {...}}}}`: the family, its
settings, and the choice of feature steps where there is one. How it was validated (folds, metric) belongs to the study.
Configurations are told apart by their text (`textual`), in which floats survive exactly.

`VERSION` counts the meanings that configurations have had. It goes up when a family's fits come to mean something else
under the same settings, or a setting is renamed; `CHANGED` then names the family. A space that only grew needs no new
version: `current` fills the new settings with their defaults, which must be what was done before.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidConfig, InvalidInput
from seasoned.space import Choice
from seasoned.tabular.features.pipeline import FEATURES
from seasoned.tabular.models._common.target_transforms import CENTRE, SCALE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seasoned.space import Space

__all__ = ["CHANGED", "KIND", "VERSION", "current", "filled", "outdated", "textual"]

KIND: Final = "pipeline"
"""What experience of this form is called in a store."""
VERSION: Final = 2
CHANGED: Final[Mapping[int, frozenset[str]]] = MappingProxyType({2: frozenset({"histogram"})})
"""Version -> families whose fits mean something else from it on, so that older experience of them does not count.

2: histogram boosting keeps the rounds up to its best fold loss; before, it kept some after that, too.
Not counted: models now learn log(1 + y) for rmsle, and rows are weighted by the inverse of y for mape, so older
experience of these two metrics is of other fits; none was shipped. Trees now learn numbers in units of their spread, so
LightGBM's `lambda_l1` is in these units, and what else they learn is the same but for rounding.
"""
_UNSAID: Final[Mapping[str, Any]] = MappingProxyType({FEATURES: {"none": {}}, SCALE.name: SCALE.usual})
"""Settings that `textual` leaves out."""
_USUAL: Final[Mapping[str, Any]] = MappingProxyType({**_UNSAID, CENTRE.name: CENTRE.usual})
"""What fits use where a space has no such settings."""


def textual(config: Mapping[str, Any]) -> str:
    """The configuration as JSON that is the same for the same configuration.

    Example:
        >>> textual({"model": {"linear": {"penalty": 0.1, "features": {"none": {}}}}})
        '{"model":{"linear":{"penalty":0.1}}}'
    """
    ((family, settings),) = config["model"].items()
    kept = {name: value for name, value in settings.items() if not (name in _UNSAID and value == _UNSAID[name])}
    return json.dumps({"model": {family: kept}}, sort_keys=True, separators=(",", ":"), default=dict)


def outdated(family: str, version: int) -> bool:
    """Whether fits of the family have come to mean something else since that version, or may have by a later one.

    Example:
        >>> outdated("histogram", 1), outdated("histogram", VERSION), outdated("linear", 1)
        (True, False, False)
    """
    return version > VERSION or any(family in changed for since, changed in CHANGED.items() if version < since)


def current(config: Mapping[str, Any], version: int, space: Space) -> dict[str, Any] | None:
    """A stored configuration as the present joint space has it; None where it is not valid there.

    Args:
        config: As it was stored.
        version: The `VERSION` under which it was stored.
        space: The joint space of the families that may be tried (`registry.joint_space`).

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
        return {"model": {family: inner.check(filled(settings, inner))}}
    except (InvalidConfig, InvalidInput, KeyError, ValueError, TypeError, AttributeError):  # a stranger's file
        return None


def filled(settings: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Settings of a family with the space's defaults for those left out, and without those that need not be stated.

    Args:
        settings: Some of the family's, and perhaps those of its target's scale and centre and of its features.
        space: The family's, as it may be tried now: where it offers no features, for example, "none" is not stated.
    """
    found = {**space.default, **settings}
    unsaid = {name for name in set(_USUAL) - set(space.parameters) if name in found and found[name] == _USUAL[name]}
    return {name: value for name, value in found.items() if name not in unsaid}
