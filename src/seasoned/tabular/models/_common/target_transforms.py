"""Choices about a numeric target in a family's search space: its scale, and the mean or the median.

**Scale.** A skewed target may be fitted as its logarithm (`log_target.py`).

**Centre.** The median minimises the absolute error. Linear models, splines and networks fit a median as easily as a
mean. Boosters and forests fit a median from the signs of errors only, which is slower than a mean; the median is better
on noisy targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidInput
from seasoned.space import Categorical, Choice, Space

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["CENTRE", "SCALE", "TargetTransform"]


@dataclass(frozen=True, slots=True)
class TargetTransform:
    """Choice between two versions of the target.

    Attributes:
        name: Name of the parameter.
        usual: Default of most families.
        other: Alternative.
        better: Families with the default `other`.
        twins: Families with one initial configuration that is tried with both choices.

    Example:
        >>> SCALE.added("linear", Space()).default, CENTRE.added("splines", Space()).default
        ({'target_scale': 'plain'}, {'target_centre': 'median'})
        >>> SCALE.split({"penalty": 1.0, "target_scale": "log"})
        ({'penalty': 1.0}, True)
    """

    name: str
    usual: str
    other: str
    better: frozenset[str] = frozenset()
    twins: tuple[str, ...] = ()

    def added(self, family: str, space: Space) -> Space:
        """Add the choice to a family's space.

        Raises:
            InvalidInput: If a custom family has a parameter of this name.
        """
        if self.name in space.parameters:
            raise InvalidInput(
                f"the space of {family!r} has a parameter {self.name!r}, a name that the search uses itself; rename it."
            )
        usual = self.other if family in self.better else self.usual
        choice = Categorical((self.usual, self.other), default=usual)
        return Space({**space.parameters, self.name: choice}, forbidden=space.forbidden)

    def starts(self, starts: Iterable[Mapping[str, Any]], space: Space) -> list[dict[str, Any]]:
        """Initial configurations with their family's default choice, and one per twin family with the other choice.

        Args:
            starts: Configurations `{"model": {family: {...}}}` without this choice.
            space: Joint space of the families.
        """
        families = space.parameters["model"]
        assert isinstance(families, Choice), "the joint space has no other parameter"
        found: list[dict[str, Any]] = []
        twins: dict[str, dict[str, Any]] = {}
        for start in starts:
            ((name, settings),) = start["model"].items()
            if self.name not in families.options[name].parameters:
                found.append({"model": {name: dict(settings)}})
                continue
            learned = str(families.options[name].default[self.name])
            found.append({"model": {name: {**settings, self.name: learned}}})
            if name in self.twins and name not in twins:
                another = self.usual if learned == self.other else self.other
                twins[name] = {"model": {name: {**settings, self.name: another}}}
        return [*found, *twins.values()]

    def split(self, settings: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """Split a family's settings from the choice; the flag is True for `other`."""
        rest = {name: value for name, value in settings.items() if name != self.name}
        return rest, settings.get(self.name) == self.other


SCALE: Final = TargetTransform("target_scale", "plain", "log", twins=("lightgbm", "catboost"))
CENTRE: Final = TargetTransform(
    "target_centre",
    "mean",
    "median",
    better=frozenset({"splines", "mlp", "realmlp"}),
    twins=("linear", "lightgbm", "histogram", "catboost"),
)
