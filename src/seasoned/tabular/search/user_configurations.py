"""Initial configurations of the user (`SearchSettings.starts`)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidConfig, InvalidInput, InvalidSpace
from seasoned.space import Choice
from seasoned.tabular.features.pipeline import FEATURES
from seasoned.tabular.models._common.target_transforms import CENTRE, SCALE
from seasoned.tabular.models.registry import check_installed
from seasoned.tabular.trial.configuration import filled, textual

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from seasoned.space import Space
    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Model

__all__ = ["SEARCHS_OWN", "check_starts", "own_starts", "with_starts"]

SEARCHS_OWN: Final = (FEATURES, SCALE.name, CENTRE.name)
"""Settings of a configuration that are no hyperparameters of its family."""
_BELOW: Final = "stacked_on"  # setting of second-layer configurations only


def own_starts(
    starts: Iterable[Mapping[str, Any]] | None, space: Space, usual: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Configurations of `SearchSettings.starts`, complete and checked.

    Args:
        starts: Configurations `{family: {name: value}}`, or `{"model": {family: {name: value}}}` as in trials and the
            leaderboard. Omitted values are those of the family's first configuration.
        space: The joint space.
        usual: First configurations of the families.

    Raises:
        InvalidInput: If a configuration is not valid in the joint space.
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
    """Refuse starts that are invalid for any table, before any work.

    Raises:
        InvalidInput: If a family takes no part, or lacks a setting.
    """
    spaces = {model.name: model.space(task) for model in models}
    for place, start in enumerate(starts or ()):
        name, settings = _named(start, place, list(spaces))
        known = spaces[name].parameters
        own = {key: value for key, value in settings.items() if key not in SEARCHS_OWN}
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
    """Family of a start, and its settings."""
    whole = set(start) == {"model"} and "model" not in families and isinstance(start["model"], Mapping)
    inside = start["model"] if whole else start
    if len(inside) != 1:
        raise InvalidInput(f"starts[{place}] is {dict(start)}; give one family and its settings.")
    ((name, settings),) = inside.items()
    if name not in families:
        check_installed(name)
        raise InvalidInput(
            f"starts[{place}] names {name!r}, which takes no part; families that do: {', '.join(families)}."
        )
    if not isinstance(settings, Mapping):
        raise InvalidInput(f"starts[{place}] has {settings!r} for {name!r}; give a dict of its settings.")
    if _BELOW in settings:
        raise InvalidInput(
            f"starts[{place}] is of a second layer, which learns from other models; give starts of the first layer."
        )
    return name, settings


def _with_steps(settings: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Settings with a value for each feature step, if some are set.

    If any step is switched on, unnamed steps are off. If steps are only switched off, unnamed steps keep their
    defaults.
    """
    asked, known = settings.get(FEATURES), space.parameters.get(FEATURES)
    if not isinstance(asked, Mapping) or not isinstance(known, Choice) or len(asked) != 1:
        return dict(settings)
    ((kind, inside),) = asked.items()
    if kind not in known.options or not isinstance(inside, Mapping):
        return dict(settings)
    usual = known.options[kind].default
    alone = any(value is True for value in inside.values())
    others = {name: value if not alone or not isinstance(value, bool) else False for name, value in usual.items()}
    return {**settings, FEATURES: {kind: {**others, **inside}}}


def with_starts(
    usual: Sequence[Mapping[str, Any]], own: Sequence[Mapping[str, Any]], first: int
) -> list[Mapping[str, Any]]:
    """Configurations tried first: `first` usual ones, the user's, the other usual ones. Duplicates are dropped."""
    found: dict[str, Mapping[str, Any]] = {}
    for config in (*usual[:first], *own, *usual[first:]):
        found.setdefault(textual(config), config)
    return list(found.values())
