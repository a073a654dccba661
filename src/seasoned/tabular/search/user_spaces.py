"""Hyperparameters with the user's own ranges, or held at a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from seasoned.errors import InvalidInput, InvalidSpace
from seasoned.space import Choice, Space
from seasoned.space.parameters import Categorical, Float, Int, plain
from seasoned.tabular.models.registry import MODELS, check_installed
from seasoned.tabular.search.user_configurations import SEARCHS_OWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Model

__all__ = ["Bounded", "bounded", "declared", "told"]

_SHARES: Final = frozenset({"bagging_fraction", "feature_fraction", "max_features", "subsample", "colsample_bylevel"})
_ABOVE: Final = _SHARES | {"learning_rate", "eta", "rate", "outer_rate", "penalty", "bend", "bond", "spread"}
"""Of these nothing is left at 0."""
_LEAST: Final[Mapping[str, int]] = {"num_leaves": 2, "max_leaf_nodes": 2, "pairs": 0}  # of whole numbers; 1 for others
_MOST: Final[Mapping[tuple[str, str], float]] = {  # largest values: beyond, files are refused or 2^depth overflows
    ("neighbours", "neighbours"): 1_000,
    ("lightgbm", "num_leaves"): 131_072,
    ("mlp", "layers"): 16,
    ("mlp", "dropout"): 0.9,
    ("mlp", "smoothing"): 0.9,
    ("realmlp", "layers"): 16,
    ("realmlp", "batch"): 2_048,
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
        """The family's own attributes."""
        if name.startswith("__") or name in {"family", "given"}:  # while it is unpickled it has neither
            raise AttributeError(name)
        return getattr(self.family, name)

    def space(self, task: Task) -> Space:
        """The family's space with these parameters in the place of its own.

        A range has the family's default where that is one of its values, unless it declares a default that is not its
        middle (of categories, not the first).

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
        except InvalidSpace:  # the family's defaults may be forbidden together where those of the ranges are not
            try:
                return Space({**usual.parameters, **named}, forbidden=forbidden)
            except InvalidSpace as error:
                raise InvalidInput(f"spaces[{self.family.name!r}]: {error}") from None

    def _parameter(self, usual: Space, name: str, value: Any) -> Float | Int | Categorical:
        where = f"spaces[{self.family.name!r}][{name!r}]"
        known = usual.parameters.get(name)
        if known is None or isinstance(known, Choice):
            names = ", ".join(usual.parameters) or "none"
            own = " It is the search's own to choose." if name in SEARCHS_OWN else ""
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
    """The families, with the given hyperparameters in those that are named.

    Args:
        models: The families that take part.
        spaces: Family -> what its hyperparameters may be (`SearchSettings.spaces`).
        task: The kind of target.

    Raises:
        InvalidInput: If a family takes no part, or is the user's own, whose space is an argument of CustomModel, or a
            parameter is invalid.
    """
    given, names = dict(spaces or {}), [model.name for model in models]
    for name in given:
        if name not in names:
            check_installed(name)
            raise InvalidInput(f"spaces names {name!r}, which takes no part; families that do: {', '.join(names)}.")
        if name not in MODELS:
            raise InvalidInput(f"spaces names {name!r}, a model of your own; its space is an argument of CustomModel.")
    found = {name: Bounded(MODELS[name], inside) for name, inside in given.items()}
    for one in found.values():
        one.space(task)  # refuses what is invalid
    return tuple(cast("Model", found.get(model.name, model)) for model in models)


def _typed(known: Float | Int | Categorical, value: Any, where: str) -> Any:
    """A value as the family takes it; numbers may lie outside of the usual range."""
    if isinstance(known, Categorical):
        return known.clean(value, where)
    number = Float(-1e300, 1e300).clean(value, where)  # finite, and no text
    if isinstance(known, Float):
        return number
    if number != int(number):
        raise InvalidSpace(f"{where} is {value!r}; it must be a whole number.")
    return int(number)


def _alike(known: Float | Int | Categorical, given: Float | Int | Categorical, where: str) -> Float | Int | Categorical:
    """The parameter that was given, with its values as the family takes them."""
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
    """Refuse values that no fit can use: rates and counts of 0, shares above 1, and what no file can hold."""
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
    """The parameter with the family's default, where that is one of its values and no other default was declared."""
    undeclared = given
    if isinstance(given, Categorical):
        undeclared = Categorical(given.choices)
    elif isinstance(given, Float | Int):
        undeclared = type(given)(given.low, given.high, given.log, step=given.step)  # type: ignore[arg-type]  # its own
    if undeclared is given or given.default != undeclared.default:
        return found
    usual = known.default
    if isinstance(found, Int) and isinstance(usual, float) and usual.is_integer():
        usual = int(usual)
    try:
        return replace(found, default=usual)  # type: ignore[arg-type]  # each refuses what is not its own
    except InvalidSpace:
        return found


def declared(spaces: Mapping[str, Any]) -> dict[str, Any]:
    """The spaces as JSON types, from which `Space.from_dict` makes equivalent ones."""
    return {family: _space(given).to_dict() for family, given in spaces.items()}


def _space(given: Mapping[str, Any] | Space) -> Space:
    if isinstance(given, Space):
        return given
    kinds = Float | Int | Categorical
    return Space({name: value if isinstance(value, kinds) else Categorical((value,)) for name, value in given.items()})


def told(value: Any, where: str) -> Any:
    """Settings as JSON types: mappings as dicts, numpy's numbers as Python's.

    Raises:
        InvalidInput: If something in them is none of these.
    """
    if isinstance(value, Float | Int | Categorical | Choice | Space):
        return value
    if isinstance(value, Mapping):
        return {str(name): told(inside, where) for name, inside in value.items()}
    return plain(value, where)
