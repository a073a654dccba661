"""Hyperparameters as the user wants them: other ranges, fixed values, configurations to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from seasoned.errors import InvalidConfig, InvalidInput, InvalidSpace
from seasoned.parameters import Categorical, Float, Int
from seasoned.space import Choice, Space
from seasoned.tabular.models.registry import MODELS
from seasoned.tabular.pipeline import filled, textual

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from seasoned.tabular.models.base import Model
    from seasoned.tabular.target import Task

__all__ = ["Bounded", "bounded", "declared", "own_starts", "with_starts"]


@dataclass(frozen=True, slots=True)
class Bounded:
    """A family with some hyperparameters as they were given; in all else it is the family itself.

    Attributes:
        model: The family.
        given: Name -> parameter or value, or a Space of them.
    """

    model: Model
    given: Mapping[str, Any] | Space

    def __getattr__(self, name: str) -> Any:
        """What the family says of itself."""
        if name.startswith("__") or name in {"model", "given"}:  # while it is unpickled it has neither
            raise AttributeError(name)
        return getattr(self.model, name)

    def space(self, task: Task) -> Space:
        """The family's space with these parameters in the place of its own.

        A range begins from the family's default where that lies inside, unless it says another one.

        Raises:
            InvalidInput: If there is no such hyperparameter, or it is of another kind.
        """
        usual = self.model.space(task)
        given, clauses = (
            (self.given.parameters, self.given.forbidden) if isinstance(self.given, Space) else (self.given, ())
        )
        named = {name: self._parameter(usual, name, value) for name, value in given.items()}
        try:
            return Space({**usual.parameters, **named}, forbidden=[*usual.forbidden, *clauses])
        except InvalidSpace as error:
            raise InvalidInput(f"spaces[{self.model.name!r}]: {error}") from None

    def _parameter(self, usual: Space, name: str, value: Any) -> Float | Int | Categorical:
        where = f"spaces[{self.model.name!r}][{name!r}]"
        known = usual.parameters.get(name)
        if known is None or isinstance(known, Choice):
            names = ", ".join(usual.parameters) or "none"
            raise InvalidInput(f"{where}: {self.model.name} has no such hyperparameter; those that it has: {names}.")
        try:
            if isinstance(value, Float | Int | Categorical):
                return _begun(_alike(known, value, where), known)
            return Categorical((_typed(known, value, where),))
        except InvalidSpace as error:
            raise InvalidInput(str(error)) from None


def bounded(models: Sequence[Model], spaces: Mapping[str, Any] | None, task: Task) -> tuple[Model, ...]:
    """The families, those that are named with the hyperparameters given.

    Args:
        models: The families that take part.
        spaces: Family -> what its hyperparameters may be (`SearchSettings.spaces`).
        task: What they are for.

    Raises:
        InvalidInput: If a family is none of these, or the user's own, which has its space, or a parameter is no good.
    """
    given, names = dict(spaces or {}), [model.name for model in models]
    for name in given:
        if name not in names:
            raise InvalidInput(f"spaces names {name!r}, which takes no part; families that do: {', '.join(names)}.")
        if name not in MODELS:
            raise InvalidInput(f"spaces names {name!r}, a model of your own; its space is an argument of CustomModel.")
    found = {name: Bounded(MODELS[name], inside) for name, inside in given.items()}
    for one in found.values():
        one.space(task)  # refuses what is no good
    return tuple(cast("Model", found.get(model.name, model)) for model in models)


def _typed(known: Float | Int | Categorical, value: Any, where: str) -> Any:
    """A value as the family takes it; numbers may lie outside of the usual range."""
    if isinstance(known, Categorical):
        return known.clean(value, where)
    number = Float(-1e300, 1e300).clean(value, where)  # finite, and no text
    if isinstance(known, Float):
        return number
    if number != int(number):
        raise InvalidSpace(f"{where} is {value!r}; it is a whole number.")
    return int(number)


def _alike(known: Float | Int | Categorical, given: Float | Int | Categorical, where: str) -> Float | Int | Categorical:
    """What was given, its values as the family takes them."""
    if isinstance(given, Categorical):
        choices = tuple(_typed(known, choice, where) for choice in given.choices)
        return Categorical(choices, given.ordered, _typed(known, given.default, where))
    if isinstance(known, Categorical):
        values = ", ".join(map(repr, known.choices))
        raise InvalidSpace(f"{where} is {given!r}; give one of {values}, or a Categorical of some of them.")
    if isinstance(known, Int) and isinstance(given, Float):
        raise InvalidSpace(f"{where} is {given!r}, but takes whole numbers; give an Int.")
    if isinstance(known, Float) and isinstance(given, Int):
        step = None if given.log else float(given.step)
        return Float(given.low, given.high, given.log, given.default, step)
    return given


def _begun(given: Float | Int | Categorical, known: Float | Int | Categorical) -> Float | Int | Categorical:
    """With the family's default, where that is one of its values and it was not declared with another."""
    plain = Categorical(given.choices) if isinstance(given, Categorical) else _undeclared(given)
    if given.default != plain.default:
        return given
    try:
        return replace(given, default=known.default)  # type: ignore[arg-type]  # each refuses what is none of its own
    except InvalidSpace:
        return given


def _undeclared(given: Float | Int) -> Float | Int:
    if isinstance(given, Int):
        return Int(given.low, given.high, given.log, step=given.step)
    return Float(given.low, given.high, given.log, step=given.step)


# ------------------------------------------------------------------------------------------------ to begin with


def own_starts(starts: Iterable[Mapping[str, Any]] | None, space: Space) -> list[dict[str, Any]]:
    """The configurations of `SearchSettings.starts`, complete and checked.

    Args:
        starts: Each `{family: {name: value}}`, or `{"model": {family: {name: value}}}`, as trials and the leaderboard
            have it; what is left out is the family's default.
        space: The joint space.

    Raises:
        InvalidInput: If one is not valid there.
    """
    families = space.parameters["model"]
    assert isinstance(families, Choice), "the joint space has no other parameter"
    found: dict[str, dict[str, Any]] = {}
    for place, start in enumerate(starts or ()):
        inside = start["model"] if set(start) == {"model"} and isinstance(start["model"], Mapping) else start
        if len(inside) != 1:
            raise InvalidInput(f"starts[{place}] is {dict(start)}; give one family and its settings.")
        ((name, settings),) = inside.items()
        if name not in families.options:
            names = ", ".join(families.options)
            raise InvalidInput(f"starts[{place}] names {name!r}, which takes no part; families that do: {names}.")
        if not isinstance(settings, Mapping):
            raise InvalidInput(f"starts[{place}] has {settings!r} for {name!r}; give a dict of its settings.")
        try:
            inner = families.options[name]
            config = {"model": {name: inner.check(filled(settings, inner))}}
        except (InvalidConfig, InvalidSpace) as error:
            raise InvalidInput(f"starts[{place}]: of {name!r}, {error}") from None
        found.setdefault(textual(config), config)
    return list(found.values())


def with_starts(
    usual: Sequence[Mapping[str, Any]], own: Sequence[Mapping[str, Any]], first: int
) -> list[Mapping[str, Any]]:
    """The configurations tried first: so many of the usual ones, then the user's, then the rest; none twice."""
    found: dict[str, Mapping[str, Any]] = {}
    for config in (*usual[:first], *own, *usual[first:]):
        found.setdefault(textual(config), config)
    return list(found.values())


# ------------------------------------------------------------------------------------------------ as plain data


def declared(spaces: Mapping[str, Any]) -> dict[str, Any]:
    """The spaces in JSON's types, from which `Space.from_dict` makes those that mean the same."""
    return {family: _space(given).to_dict() for family, given in spaces.items()}


def _space(given: Mapping[str, Any] | Space) -> Space:
    if isinstance(given, Space):
        return given
    kinds = Float | Int | Categorical
    return Space({name: value if isinstance(value, kinds) else Categorical((value,)) for name, value in given.items()})
