"""Hyperparameters with ranges or fixed values of the user (`SearchSettings.spaces`)."""

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

__all__ = ["Bounded", "bounded", "declared", "to_json_types"]

_SHARES: Final = frozenset({"bagging_fraction", "feature_fraction", "max_features", "subsample", "colsample_bylevel"})
_ABOVE: Final = _SHARES | {"learning_rate", "eta", "rate", "outer_rate", "penalty", "bend", "bond", "spread"}
"""Hyperparameters that must be above 0."""
_MIN_INTEGERS: Final[Mapping[str, int]] = {
    "num_leaves": 2,
    "max_leaf_nodes": 2,
    "pairs": 0,
}  # smallest whole numbers; else 1
_MAX_VALUES: Final[Mapping[tuple[str, str], float]] = {  # largest values: above, files are refused or 2^depth overflows
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
    """Model family with some hyperparameters set by the user; in all else identical to the family.

    Attributes:
        family: The family.
        given: Name -> parameter or value, or a Space.
    """

    family: Model
    given: Mapping[str, Any] | Space

    def __getattr__(self, name: str) -> Any:
        """Attributes of the family."""
        if name.startswith("__") or name in {"family", "given"}:  # both are missing during unpickling
            raise AttributeError(name)
        return getattr(self.family, name)

    def space(self, task: Task) -> Space:
        """Space of the family, with the user's hyperparameters in place of its own.

        A range gets the family's default if it contains it. A default declared in the range takes precedence, unless it
        is the middle of the range (for categories, the first).

        Raises:
            InvalidInput: If the family has no such hyperparameter, or the hyperparameter is of another kind.
        """
        usual = self.family.space(task)
        given = self.given.parameters if isinstance(self.given, Space) else self.given
        forbidden = [*usual.forbidden, *(self.given.forbidden if isinstance(self.given, Space) else ())]
        named = {name: self._parameter(usual, name, value) for name, value in given.items()}
        try:
            begun = {name: _begun(one, usual.parameters[name], given[name]) for name, one in named.items()}
            return Space({**usual.parameters, **begun}, forbidden=forbidden)
        except InvalidSpace:  # the family's defaults can be a forbidden combination
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
            _check_reach(
                known, found, name, 1.0 if name in _SHARES else _MAX_VALUES.get((self.family.name, name)), where
            )
        except InvalidSpace as error:
            raise InvalidInput(str(error)) from None
        return found


def bounded(models: Sequence[Model], spaces: Mapping[str, Any] | None, task: Task) -> tuple[Model, ...]:
    """Families with the user's hyperparameters in those that are named.

    Args:
        models: The families that take part.
        spaces: Family -> hyperparameters (`SearchSettings.spaces`).
        task: Type of the task.

    Raises:
        InvalidInput: If a family takes no part, is the user's own (its space is an argument of CustomModel), or has an
            invalid hyperparameter.
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
        one.space(task)  # raises for invalid hyperparameters
    return tuple(cast("Model", found.get(model.name, model)) for model in models)


def _typed(known: Float | Int | Categorical, value: Any, where: str) -> Any:
    """Value in the type of the family's hyperparameter. Numbers may lie outside of the usual range."""
    if isinstance(known, Categorical):
        return known.clean(value, where)
    number = Float(-1e300, 1e300).clean(value, where)  # refuses text and infinite numbers
    if isinstance(known, Float):
        return number
    if number != int(number):
        raise InvalidSpace(f"{where} is {value!r}; it must be a whole number.")
    return int(number)


def _alike(known: Float | Int | Categorical, given: Float | Int | Categorical, where: str) -> Float | Int | Categorical:
    """Parameter of the user, with values in the type of the family's hyperparameter."""
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
    """Refuse values that no fit can use: rates and counts of 0, shares above 1, and values that no file can hold."""
    if isinstance(known, Categorical):
        return
    values = given.choices if isinstance(given, Categorical) else (given.low, given.high)
    low, high = min(cast("Any", values)), max(cast("Any", values))
    least = _MIN_INTEGERS.get(name, 1) if isinstance(known, Int) else 0
    if low < least or (low == 0 and name in _ABOVE):
        bound = "above 0" if name in _ABOVE else f"{least} or more"
        raise InvalidSpace(f"{where} goes down to {low}; it must be {bound}.")
    if most is not None and high > most:
        raise InvalidSpace(f"{where} goes up to {high}; it can be {most:g} at most.")


def _begun(
    found: Float | Int | Categorical, known: Float | Int | Categorical | Choice, given: Any
) -> Float | Int | Categorical:
    """Parameter with the family's default, if the range contains it and no other default was declared."""
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
    """Spaces in JSON types, from which `Space.from_dict` builds equivalent ones."""
    return {family: _space(given).to_dict() for family, given in spaces.items()}


def _space(given: Mapping[str, Any] | Space) -> Space:
    if isinstance(given, Space):
        return given
    kinds = Float | Int | Categorical
    return Space({name: value if isinstance(value, kinds) else Categorical((value,)) for name, value in given.items()})


def to_json_types(value: Any, where: str) -> Any:
    """Settings in JSON types: mappings as dicts, numpy numbers as Python numbers; parameters and spaces as they are.

    Raises:
        InvalidInput: If a value has no JSON type.
    """
    if isinstance(value, Float | Int | Categorical | Choice | Space):
        return value
    if isinstance(value, Mapping):
        return {str(name): to_json_types(inside, where) for name, inside in value.items()}
    return plain(value, where)
