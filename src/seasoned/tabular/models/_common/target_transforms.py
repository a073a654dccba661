"""What a model learns of a numeric target, as choices in its family's space: the scale, and the mean or the median.

**Scale.** A skewed target may also be learned as its logarithm (`logarithm.py`).

**Centre.** Where absolute errors count, the median errs least. Boosters and forests learn it from the signs of errors,
which is slower than learning the mean from their size: on three of four development tables most of their means err less
(by up to 11 %), on the one with the most noise all their medians do (by a quarter to 41 %). Linear models, splines and
networks learn medians as easily as means: 2 to 48 % less absolute error on all four.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidInput
from seasoned.space import Categorical, Choice, Space

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["CENTRE", "SCALE", "Aim"]


@dataclass(frozen=True, slots=True)
class Aim:
    """A choice between two things to learn.

    Attributes:
        name: Name of the parameter.
        usual: What families learn by default.
        other: What they may learn instead.
        better: Families whose default is `other`.
        twins: Families of which one first configuration is tried with both choices.

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
        """The family's space with the choice.

        Raises:
            InvalidInput: If a family of the user's own has a parameter of this name.
        """
        if self.name in space.parameters:
            raise InvalidInput(
                f"the space of {family!r} has a parameter {self.name!r}, a name that the search uses itself; rename it."
            )
        usual = self.other if family in self.better else self.usual
        choice = Categorical((self.usual, self.other), default=usual)
        return Space({**space.parameters, self.name: choice}, forbidden=space.forbidden)

    def starts(self, starts: Iterable[Mapping[str, Any]], space: Space) -> list[dict[str, Any]]:
        """The configurations tried first, each with its family's default, then one of each twin with the other choice.

        Args:
            starts: Configurations `{"model": {family: {...}}}` without this choice.
            space: The joint space.
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
        """A family's settings without the choice, and whether that is `other`."""
        rest = {name: value for name, value in settings.items() if name != self.name}
        return rest, settings.get(self.name) == self.other


SCALE: Final = Aim("target_scale", "plain", "log", twins=("lightgbm", "catboost"))
CENTRE: Final = Aim(
    "target_centre",
    "mean",
    "median",
    better=frozenset({"splines", "mlp", "realmlp"}),
    twins=("linear", "lightgbm", "histogram", "catboost"),
)
