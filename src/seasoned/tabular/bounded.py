"""Hyperparameters as the user wants them: other ranges, fixed values, configurations to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from seasoned.errors import InvalidConfig, InvalidInput, InvalidSpace
from seasoned.parameters import Categorical, Float, Int, plain
from seasoned.space import Choice, Space
from seasoned.tabular.aims import CENTRE, SCALE
from seasoned.tabular.models.extras import require
from seasoned.tabular.models.registry import EXTRAS, MODELS
from seasoned.tabular.pipeline import filled, textual

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from seasoned.tabular.models.base import Model
    from seasoned.tabular.target import Task

__all__ = ["Bounded", "bounded", "check_starts", "declared", "own_starts", "told", "with_starts"]


_HELD: Final = ("features", SCALE.name, CENTRE.name)  # of a configuration, what is the search's own to choose
_BELOW: Final = "stacked_on"  # in configurations of a second layer
_SHARES: Final = frozenset({"bagging_fraction", "feature_fraction", "max_features", "subsample", "colsample_bylevel"})
_ABOVE: Final = _SHARES | {"learning_rate", "eta", "rate", "outer_rate", "penalty", "bend", "bond", "spread"}
"""Of these nothing is left at 0."""
_LEAST: Final[Mapping[str, int]] = {"num_leaves": 2, "max_leaf_nodes": 2, "pairs": 0}  # of whole numbers, else 1
_MOST: Final[Mapping[tuple[str, str], float]] = {  # beyond it no file is read, or a depth has more leaves than a number
    ("neighbours", "neighbours"): 1_000,
    ("lightgbm", "num_leaves"): 131_072,
    ("mlp", "layers"): 16,
    ("mlp", "dropout"): 0.9,
    ("mlp", "smoothing"): 0.9,
    ("realmlp", "layers"): 16,
    ("realmlp", "dropout"): 0.9,
    ("realmlp", "smoothing"): 0.9,
    ("tuned_mlp", "layers"): 6,
    ("tree", "max_depth"): 500,
    ("xgboost", "max_depth"): 100,
    ("catboost", "depth"): 16,
}


@dataclass(frozen=True, slots=True)
class Bounded:
    """A family with some hyperparameters as they were given; in all else it is the family itself.

    Attributes:
        family: The family.
        given: Name -> parameter or value, or a Space of them.
    """

    family: Model
    given: Mapping[str, Any] | Space

    def __getattr__(self, name: str) -> Any:
        """What the family says of itself."""
        if name.startswith("__") or name in {"family", "given"}:  # while it is unpickled it has neither
            raise AttributeError(name)
        return getattr(self.family, name)

    def space(self, task: Task) -> Space:
        """The family's space with these parameters in the place of its own.

        A range begins from the family's default where that is one of its values, unless it declares one that is not
        its middle (of categories, not the first).

        Raises:
            InvalidInput: If there is no such hyperparameter, or it is of another kind.
        """
        usual = self.family.space(task)
        given = self.given.parameters if isinstance(self.given, Space) else self.given
        forbidden = [*usual.forbidden, *(self.given.forbidden if isinstance(self.given, Space) else ())]
        named = {name: self._parameter(usual, name, value) for name, value in given.items()}
        try:
            begun = {name: _begun(one, usual.parameters[name], given[name]) for name, one in named.items()}
            return Space({**usual.parameters, **begun}, forbidden=forbidden)
        except InvalidSpace:  # together the family's defaults may be forbidden, those of the ranges are not
            try:
                return Space({**usual.parameters, **named}, forbidden=forbidden)
            except InvalidSpace as error:
                raise InvalidInput(f"spaces[{self.family.name!r}]: {error}") from None

    def _parameter(self, usual: Space, name: str, value: Any) -> Float | Int | Categorical:
        where = f"spaces[{self.family.name!r}][{name!r}]"
        known = usual.parameters.get(name)
        if known is None or isinstance(known, Choice):
            names = ", ".join(usual.parameters) or "none"
            own = " It is the search's own to choose." if name in _HELD else ""
            raise InvalidInput(
                f"{where}: {self.family.name} has no such hyperparameter; those that it has: {names}.{own}"
            )
        try:
            found = _alike(known, value, where) if isinstance(value, Float | Int | Categorical) else None
            found = Categorical((_typed(known, value, where),)) if found is None else found
            _check_reach(known, found, name, 1.0 if name in _SHARES else _MOST.get((self.family.name, name)), where)
        except InvalidSpace as error:
            raise InvalidInput(str(error)) from None
        return found


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
            if name in EXTRAS:
                require(*EXTRAS[name])
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
    if isinstance(known, Float) and isinstance(given, Int) and not given.log:
        return Float(given.low, given.high, default=given.default, step=given.step)
    return given


def _check_reach(
    known: Float | Int | Categorical, given: Float | Int | Categorical, name: str, most: float | None, where: str
) -> None:
    """Refuse what no fit can be asked for: rates and counts of nothing, shares above one, what no file holds."""
    if isinstance(known, Categorical):
        return
    values = given.choices if isinstance(given, Categorical) else (given.low, given.high)
    low, high = min(cast("Any", values)), max(cast("Any", values))
    least = _LEAST.get(name, 1) if isinstance(known, Int) else 0
    if low < least or (low == 0 and name in _ABOVE):
        bound = "above 0" if name in _ABOVE else f"{least} or more"
        raise InvalidSpace(f"{where} goes down to {low}; it must be {bound}.")
    if most is not None and high > most:
        raise InvalidSpace(f"{where} goes up to {high}; it can be {most:g} at most.")


def _begun(
    found: Float | Int | Categorical, known: Float | Int | Categorical | Choice, given: Any
) -> Float | Int | Categorical:
    """With the family's default, where that is one of its values and it was not declared with another."""
    plain = given
    if isinstance(given, Categorical):
        plain = Categorical(given.choices)
    elif isinstance(given, Float | Int):
        plain = type(given)(given.low, given.high, given.log, step=given.step)  # type: ignore[arg-type]  # its own
    if plain is given or given.default != plain.default:
        return found
    usual = known.default
    if isinstance(found, Int) and isinstance(usual, float) and usual.is_integer():
        usual = int(usual)
    try:
        return replace(found, default=usual)  # type: ignore[arg-type]  # each refuses what is none of its own
    except InvalidSpace:
        return found


# ------------------------------------------------------------------------------------------------ to begin with


def own_starts(
    starts: Iterable[Mapping[str, Any]] | None, space: Space, usual: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The configurations of `SearchSettings.starts`, complete and checked.

    Args:
        starts: Each `{family: {name: value}}`, or `{"model": {family: {name: value}}}`, as trials and the leaderboard
            have it; what is left out is as in the family's first configuration.
        space: The joint space.
        usual: The first configurations of the families.

    Raises:
        InvalidInput: If one is not valid there.
    """
    families = space.parameters["model"]
    assert isinstance(families, Choice), "the joint space has no other parameter"
    first: dict[str, Mapping[str, Any]] = {}
    for config in usual:
        ((family, settings),) = config["model"].items()
        first.setdefault(family, settings)
    found: dict[str, dict[str, Any]] = {}
    for place, start in enumerate(starts or ()):
        name, settings = _named(start, place, list(families.options))
        inner = families.options[name]
        with _refused(place, name):
            whole = _with_steps(filled({**first.get(name, {}), **settings}, inner), inner)
            config = {"model": {name: inner.check(whole)}}
        found.setdefault(textual(config), config)
    return list(found.values())


def check_starts(starts: Iterable[Mapping[str, Any]] | None, models: Sequence[Model], task: Task) -> None:
    """Refuse, before any work, what can be seen to be no start without the table.

    Raises:
        InvalidInput: If a family takes no part, or has no such settings.
    """
    spaces = {model.name: model.space(task) for model in models}
    for place, start in enumerate(starts or ()):
        name, settings = _named(start, place, list(spaces))
        known = spaces[name].parameters
        own = {key: value for key, value in settings.items() if key not in _HELD}
        with _refused(place, name):
            if unknown := [key for key in own if key not in known]:
                raise InvalidConfig(f"{unknown[0]!r} is unknown; the names are {', '.join(known)}.")
            for key, value in own.items():
                if not isinstance(parameter := known[key], Choice):
                    parameter.clean(value, repr(key))


@contextmanager
def _refused(place: int, name: str) -> Iterator[None]:
    try:
        yield
    except (InvalidConfig, InvalidSpace) as error:
        raise InvalidInput(f"starts[{place}]: of {name!r}, {error}") from None


def _named(start: Mapping[str, Any], place: int, families: Sequence[str]) -> tuple[str, Mapping[str, Any]]:
    """The family of a start, and the settings that it gives."""
    whole = set(start) == {"model"} and "model" not in families and isinstance(start["model"], Mapping)
    inside = start["model"] if whole else start
    if len(inside) != 1:
        raise InvalidInput(f"starts[{place}] is {dict(start)}; give one family and its settings.")
    ((name, settings),) = inside.items()
    if name not in families:
        if name in EXTRAS:
            require(*EXTRAS[name])
        raise InvalidInput(
            f"starts[{place}] names {name!r}, which takes no part; families that do: {', '.join(families)}."
        )
    if not isinstance(settings, Mapping):
        raise InvalidInput(f"starts[{place}] has {settings!r} for {name!r}; give a dict of its settings.")
    if _BELOW in settings:
        raise InvalidInput(f"starts[{place}] is of a second layer, which learns from others; give those of the first.")
    return name, settings


def _with_steps(settings: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """The settings with all feature steps told of, where some are asked for."""
    asked, known = settings.get("features"), space.parameters.get("features")
    if not isinstance(asked, Mapping) or not isinstance(known, Choice) or len(asked) != 1:
        return dict(settings)
    ((kind, inside),) = asked.items()
    if kind not in known.options or not isinstance(inside, Mapping):
        return dict(settings)
    return {**settings, "features": {kind: {**known.options[kind].default, **inside}}}


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


def told(value: Any, where: str) -> Any:
    """Settings in JSON's types: mappings as dicts, numbers of numpy as Python's.

    Raises:
        InvalidInput: If something in them is none of these.
    """
    if isinstance(value, Float | Int | Categorical | Choice | Space):
        return value
    if isinstance(value, Mapping):
        return {str(name): told(inside, where) for name, inside in value.items()}
    return plain(value, where)
