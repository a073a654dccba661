"""Registry of model families."""

from __future__ import annotations

import difflib
import logging
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from seasoned._util.equivalents import family_of
from seasoned._util.optional_packages import is_installed, require
from seasoned.errors import InvalidInput
from seasoned.space import Choice, Space
from seasoned.tabular.features.pipeline import LEVELS, with_features
from seasoned.tabular.models._common.target_transforms import CENTRE, SCALE
from seasoned.tabular.models.baseline import Baseline
from seasoned.tabular.models.boosting.catboost import CatBoost
from seasoned.tabular.models.boosting.histogram import Histogram
from seasoned.tabular.models.boosting.lightgbm import LightGBM
from seasoned.tabular.models.boosting.xgboost import XGBoost
from seasoned.tabular.models.linear.adaptive import AdaptiveLinear
from seasoned.tabular.models.linear.linear import Linear
from seasoned.tabular.models.linear.splines import Splines
from seasoned.tabular.models.neighbors import Neighbours
from seasoned.tabular.models.neural.distilled import Distilled
from seasoned.tabular.models.neural.in_context import InContext
from seasoned.tabular.models.neural.mlp import MLP
from seasoned.tabular.models.neural.published_networks import TABICL, TABPFN
from seasoned.tabular.models.neural.realmlp import RealMLP
from seasoned.tabular.models.neural.tuned_mlp import TunedMLP
from seasoned.tabular.models.trees.decision_tree import Tree
from seasoned.tabular.models.trees.extra_trees import ExtraTrees
from seasoned.tabular.models.trees.random_forest import Forest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Model

__all__ = [
    "BASELINE", "EXTRAS", "MODELS", "check_installed", "choose", "find", "for_quantile", "holds_out",
    "is_readable", "is_seeded", "joint_space", "meant_for", "register", "stores_rows", "takes_weights", "without_rows",
]  # fmt: skip


logger = logging.getLogger("seasoned.tabular")


def register(models: Iterable[Model]) -> Mapping[str, Model]:
    """Map families by name, in the order of the argument.

    Raises:
        InvalidInput: If two families have the same name.
    """
    found: dict[str, Model] = {}
    for model in models:
        if model.name in found:
            raise InvalidInput(
                f"two models are called {model.name!r}: {type(found[model.name]).__name__} and {type(model).__name__}; "
                "rename one."
            )
        found[model.name] = model
    return MappingProxyType(found)


BASELINE = Baseline()
# Families in order of cost. The search tries their defaults in this order: a usable model exists within seconds, and
# the strongest cheap family follows.
MODELS = register(
    [
        Linear(), InContext(), LightGBM(), Splines(), Tree(), ExtraTrees(), Histogram(), Forest(), Neighbours(),
        AdaptiveLinear(), Distilled(), MLP(), RealMLP(), TunedMLP(), XGBoost(), CatBoost(),
        InContext("tabicl", TABICL), InContext("tabpfn", TABPFN),
    ]
)  # fmt: skip


class Extra(NamedTuple):
    """Optional package of a family; `predicts` is True if predictions need the package as well."""

    package: str
    predicts: bool = True


EXTRAS: Final[Mapping[str, Extra]] = MappingProxyType(
    {
        "xgboost": Extra("xgboost"),
        "catboost": Extra("catboost"),
        "realmlp": Extra("jax", predicts=False),
        "tuned_mlp": Extra("jax", predicts=False),
        "tabicl": Extra("tabicl"),
        "tabpfn": Extra("tabpfn"),
    }
)
"""Families that need an optional package."""
NAMED_ONLY: Final = frozenset({"adaptive_linear", "distilled", "incontext", "realmlp", "tabicl", "tabpfn", "tuned_mlp"})
"""Families used only if a caller names them: their benefit for the default ensemble is not measured yet, or they need
files that the user has."""
_SUBSTITUTES: Final = MappingProxyType({"incontext": "distilled"})
"""Family whose models contain training rows -> family that takes its place where none may."""
_DEFAULT: Final = "default"


def choose(models: Sequence[str | Model] | None) -> tuple[Model, ...]:
    """Select families by name, in order of cost, then the families passed as objects.

    None and the name "default" select all installed families except `NAMED_ONLY`. A name after "-" excludes a family. A
    list of excluded names alone starts from the default.

    Raises:
        InvalidInput: If a name is unknown or not unique, or no family remains.
        MissingExtra: If the package of a named family is not installed.

    Example:
        >>> [model.name for model in choose(["default", "-mlp"])] == [model.name for model in choose(["-mlp"])]
        True
    """
    words = [_DEFAULT] if models is None else [model for model in models if isinstance(model, str)]
    own = [model for model in models or () if not isinstance(model, str)]
    without = {word.removeprefix("-") for word in words if word.startswith("-")}
    names = [word for word in words if not word.startswith("-")]
    unknown = [name for name in (*names, *without) if name not in MODELS and (name in without or name != _DEFAULT)]
    if unknown or (models is not None and not models):
        near = [meant for meant in map(_meant, unknown) if meant is not None]
        question = f"did you mean {' and '.join(map(repr, near))}? Otherwise " * bool(near)
        raise InvalidInput(
            f"there is no model {unknown or 'in an empty list'}; {question}choose from {', '.join(MODELS)}."
        )
    for name in set(names) - without:
        check_installed(name)
    if _DEFAULT in names or not (names or own):
        names += [name for name in MODELS if name not in NAMED_ONLY and _has_package(name)]
    register([*MODELS.values(), BASELINE, *own])  # raises for a custom family with the name of another family
    found = (*(model for name, model in MODELS.items() if name in names and name not in without), *own)
    if not found:
        raise InvalidInput(f"models is {list(models or ())}, which leaves no family; leave fewer out.")
    return found


def _meant(name: str) -> str | None:
    """Return the family for another library's name or for a misspelt name; None without a match."""
    return family_of(name) or next(iter(difflib.get_close_matches(name.lower(), MODELS, n=1)), None)


def find(name: str) -> Model:
    """Return the family with this name, including the baseline.

    Raises:
        InvalidInput: If no family has this name.
        MissingExtra: If predictions need a package that is not installed.
    """
    if name == BASELINE.name:
        return BASELINE
    # each prediction calls this function once per member
    if name in MODELS and not (name in EXTRAS and EXTRAS[name].predicts):
        return MODELS[name]
    return choose([name])[0]


def check_installed(name: str) -> None:
    """Raise for a family without its package or its weights.

    Raises:
        MissingExtra: If the package is not installed.
        InvalidInput: If weights are missing.
    """
    if name in EXTRAS:
        require(EXTRAS[name].package)
    family = MODELS.get(name)
    if isinstance(family, InContext):
        family.reader.check()


def takes_weights(model: Model) -> bool:
    """True if the family uses row weights; other families have `weighs = False`."""
    return bool(getattr(model, "weighs", True))


def is_seeded(model: Model) -> bool:
    """True if a fit with another seed is useful; other families have `seeded = False`."""
    return bool(getattr(model, "seeded", True))


def is_readable(model: Model) -> bool:
    """True if the fitted model is a formula or a single tree; such families have `readable = True`."""
    return bool(getattr(model, "readable", False))


def holds_out(model: Model) -> bool:
    """True for a family with `holds_out = True`: its fit holds out rows by itself and has the argument `together`."""
    return bool(getattr(model, "holds_out", False))


def stores_rows(model: Model | None) -> bool:
    """True if the fitted model contains training rows; such families have `stores_rows = True`. False for None."""
    return bool(getattr(model, "stores_rows", False))


def meant_for(
    models: Sequence[Model], named: Sequence[str | Model] | None, rows: int, columns: int, classes: int
) -> tuple[Model, ...]:
    """Select the families that are named, or have no method `suits`, or suit a table of this size.

    Raises:
        InvalidInput: If no family remains.
    """
    asked = {model if isinstance(model, str) else model.name for model in named or ()}
    suiting = (getattr(model, "suits", None) for model in models)
    found = tuple(
        model
        for model, suits in zip(models, suiting, strict=True)
        if model.name in asked or suits is None or suits(rows, columns, classes)
    )
    if not found:
        raise InvalidInput(f"models is {list(named or ())}, and no family is meant for {rows} rows; name others.")
    return found


def without_rows(models: Sequence[Model]) -> tuple[Model, ...]:
    """Leave out the families whose fitted models contain training rows; some have a substitute that contains none.

    Raises:
        InvalidInput: If no family remains.
    """
    meant = (MODELS.get(_SUBSTITUTES.get(model.name, model.name), model) for model in models)
    found = {model.name: model for model in meant if not stores_rows(model)}
    if not found:
        raise InvalidInput(
            f"models is {[model.name for model in models]}, whose files contain training rows, and store_rows is "
            "False: name other families, or leave store_rows out."
        )
    return tuple(found.values())


def for_quantile(models: Sequence[Model], named: Sequence[str | Model] | None) -> tuple[Model, ...]:
    """Select the families that learn a quantile; explicitly named families remain, with a warning in the log.

    Raises:
        InvalidInput: If no family remains.
    """
    asked = {model if isinstance(model, str) else model.name for model in named or ()}
    able = [model.name for model in models if getattr(model, "quantiles", False)]
    found = tuple(model for model in models if model.name in able or model.name in asked)
    if not found:
        raise InvalidInput(f"models is {list(named or ())}, and none of the families left learns a quantile.")
    if others := [model.name for model in found if model.name not in able]:
        logger.warning("%s learn the mean, not the quantile that the metric asks for.", ", ".join(others))
    return found


def joint_space(
    models: Sequence[Model],
    task: Task,
    steps: Sequence[str] = (),
    *,
    levels: bool = False,
    logarithm: bool = False,
    absolute: bool = False,
) -> Space:
    """Conditional search space over all families: `{"model": {"lightgbm": {...}}}`.

    Args:
        models: The families.
        task: Task of the families.
        steps: Names of the available feature steps.
        levels: True to add the step `levels` to families with `splits_levels = True`, regardless of `steps`.
        logarithm: True to add the choice of a logarithmic target.
        absolute: True to add the choice of the median, for metrics of absolute errors.
    """
    more = [*steps, LEVELS] if levels and LEVELS not in steps else steps
    given = {model.name: more if getattr(model, "splits_levels", False) else steps for model in models}
    found = {}
    for model in models:
        space = model.space(task)
        searched = bool(space.dimensions)  # a family without hyperparameters is fitted once
        if searched and logarithm:
            space = SCALE.added(model.name, space)
        if searched and absolute and getattr(model, "quantiles", False):
            space = CENTRE.added(model.name, space)
        found[model.name] = with_features(space, given[model.name])
    return Space(model=Choice(found))


def _has_package(name: str) -> bool:
    return name not in EXTRAS or is_installed(EXTRAS[name].package)
