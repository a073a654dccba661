"""Which configurations every task is tried with: each family's default, tuned optima, and an even spread of others."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from seasoned.surrogates.acquisition.maximize import sobol
from seasoned.tabular.models.registry import MODELS, NAMED_ONLY, joint_space
from seasoned.tabular.trial.configuration import VERSION, current, textual

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from seasoned.space import Space
    from seasoned.tabular.input.target import Task

__all__ = ["COUNT", "as_today", "choose_configurations", "read_or_choose", "write_configurations"]

COUNT: Final = 64
_SHARES: Final[Mapping[str, int]] = {  # of the configurations that are not defaults
    "lightgbm": 10, "catboost": 8, "xgboost": 8, "mlp": 7, "histogram": 5, "extra_trees": 5, "forest": 4, "linear": 4,
    "splines": 4, "neighbours": 3, "tree": 2,
}  # fmt: skip
_SORTS: Final[Mapping[str, Task]] = {"classification": "binary", "regression": "regression"}


def choose_configurations(
    task: Task, count: int = COUNT, *, tuned: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """The configurations for tasks of this sort; each prefix of the list is as diverse as can be.

    Args:
        task: binary, multiclass or regression; the first two share theirs.
        count: How many.
        tuned: Optima of earlier searches, which come after the defaults.

    Example:
        >>> chosen = choose_configurations("binary", 16)
        >>> len(chosen), chosen[0]
        (16, {'model': {'linear': {'penalty': 1.0}}})
    """
    families = {name: model.space(task) for name, model in MODELS.items() if name not in NAMED_ONLY}
    first = [{"model": {name: dict(space.default)}} for name, space in families.items()]
    first += [{"model": dict(config["model"])} for config in tuned]
    found = {textual(config): config for config in first}
    used = dict.fromkeys(families, 0)
    while len(found) < count:  # a family with few settings repeats itself, and the next ones fill in
        name = max(families, key=lambda name: _SHARES.get(name, 1) / (used[name] + 1))
        config = {"model": {name: families[name].decode(_point(used[name], len(families[name].dimensions)))}}
        found.setdefault(textual(config), config)
        used[name] += 1
    return list(found.values())[:count]


def as_today(config: Mapping[str, Any], task: Task) -> str:
    """The text of a configuration with omitted settings filled in: two that differ by these alone are one pipeline.

    Example:
        >>> as_today({"model": {"linear": {}}}, "binary")
        '{"model":{"linear":{"penalty":1.0}}}'
    """
    return textual(current(config, VERSION, _joint(task)) or config)


@lru_cache(maxsize=4)
def _joint(task: Task) -> Space:
    return joint_space(list(MODELS.values()), task)


def _point(number: int, dimensions: int) -> NDArray[np.float64]:
    """The point of this number in a family's Sobol sequence, which goes on as long as is asked for."""
    found: NDArray[np.float64] = _points(1 << max(number.bit_length(), 6), dimensions)[number]
    return found


@lru_cache(maxsize=64)
def _points(count: int, dimensions: int) -> NDArray[np.float64]:
    return sobol(count, dimensions)


def read_or_choose(path: Path, count: int) -> dict[str, list[dict[str, Any]]]:
    """The configurations by sort ("classification", "regression"); written on first use, then read.

    So a build goes on with what it began, whatever has become of the spaces; if it is asked for more than it has,
    others are added after these.
    """
    found: dict[str, list[dict[str, Any]]] = {sort: [] for sort in _SORTS}
    if path.exists():
        stored = json.loads(path.read_text(encoding="utf-8"))
        found = {sort: stored["configurations"][sort] for sort in _SORTS}
    chosen = {sort: _filled(found[sort], task, count) for sort, task in _SORTS.items()}
    if chosen != found:
        write_configurations(path, {task: chosen[sort] for sort, task in _SORTS.items()})
    return chosen


def write_configurations(path: Path, chosen: Mapping[Task, Sequence[Mapping[str, Any]]]) -> None:
    """Write which configurations a build tries, by sort; what is outdated in them is measured anew all the same.

    Args:
        path: The file.
        chosen: By sort of task; `binary` stands for all tasks with classes.
    """
    told = {sort: list(chosen[task]) for sort, task in _SORTS.items()}
    text = json.dumps({"version": VERSION, "configurations": told}, indent=1, default=dict)
    path.write_text(text + "\n", encoding="utf-8")


def _filled(some: Sequence[dict[str, Any]], task: Task, count: int) -> list[dict[str, Any]]:
    """These, filled up to the number with others from `choose_configurations`."""
    if len(some) >= count:
        return list(some)
    known = {textual(config): config for config in some}
    for config in choose_configurations(task, count + len(some)):
        if len(known) < count:
            known.setdefault(textual(config), config)
    return list(known.values())
