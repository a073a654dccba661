"""Which configurations every task is tried with: each family's default, tuned optima, and an even spread of others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from seasoned.surrogates.maximize import sobol
from seasoned.tabular.models.registry import MODELS, NAMED_ONLY
from seasoned.tabular.pipeline import VERSION, textual

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from seasoned.tabular.target import Task

__all__ = ["COUNT", "choose_configurations", "read_or_choose"]

COUNT: Final = 64
_SHARES: Final[Mapping[str, int]] = {  # of the configurations that are no defaults
    "lightgbm": 10, "catboost": 8, "xgboost": 8, "mlp": 7, "histogram": 5, "extra_trees": 5, "forest": 4, "linear": 4,
    "neighbours": 3, "tree": 2,
}  # fmt: skip
_POINTS: Final = 64  # of a family's cube


def choose_configurations(
    task: Task, count: int = COUNT, *, tuned: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """The configurations for tasks of this sort; each beginning of the list is as diverse as can be.

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
    found = [{"model": {name: dict(space.default)}} for name, space in families.items()]
    found += [{"model": dict(config["model"])} for config in tuned]
    points = {name: sobol(_POINTS, len(space.dimensions)) for name, space in families.items()}
    used = dict.fromkeys(families, 0)
    while len(found) < count:
        name = max(families, key=lambda name: _SHARES.get(name, 1) / (used[name] + 1))
        found.append({"model": {name: families[name].decode(points[name][used[name]])}})
        used[name] += 1
    return _different(found)[:count]


def _different(configs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({textual(config): config for config in configs}.values())


def read_or_choose(path: Path, count: int) -> dict[str, list[dict[str, Any]]]:
    """The configurations by sort ("classification", "regression"); written at first, then read.

    So a build goes on with what it began, whatever has become of the spaces.

    """
    if path.exists():
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {sort: stored["configurations"][sort] for sort in ("classification", "regression")}
    chosen = {
        "classification": choose_configurations("binary", count),
        "regression": choose_configurations("regression", count),
    }
    path.write_text(json.dumps({"version": VERSION, "configurations": chosen}, indent=1) + "\n", encoding="utf-8")
    return chosen
