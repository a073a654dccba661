"""Search space of an Optuna study, inferred from its define-by-run trials as a tree that samplers can search.

Optuna declares no space: each trial requests its parameters while it runs. The trials so far show the parameters and
their conditions. A parameter is a child of a categorical parameter if, in all trials, the categorical value decides
about the request. A parameter that varies for another reason (`for i in range(layers)`) is at the root. It has its
default in the trials that did not request it. More trials give a better tree. Parameters that a tree lacks are drawn
independently until the tree is rebuilt.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from seasoned.integrations.requirements import optuna
from seasoned.space import Categorical, Choice, Float, Int, Space
from seasoned.trials import Config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.distributions import BaseDistribution

__all__ = ["View", "merged", "parameter_of", "view_of"]

_WIDE: Final = 2**40  # range of integers from which on they are searched as floats and rounded
_MOST_POINTS: Final = 2**50  # largest grid that is searched by index; larger grids are searched as floats
_NARROWEST: Final = 1e-9  # largest difference of the bounds' logarithms at which a log scale is dropped
_Number: TypeAlias = "optuna.distributions.FloatDistribution | optuna.distributions.IntDistribution"


@dataclass(frozen=True, slots=True)
class View:
    """Search space of the trials so far.

    Attributes:
        distributions: Optuna's distribution of each parameter, merged over all trials, in the order of first use.
        parents: Parameter -> its categorical parent, and the choice indices under which it is requested; None at the
            root.
        loose: Parameters at the root that not every trial requests.
        space: The tree. Its parameter names are `p` and the index in the order of first use; the values of a
            categorical are the indices of its choices.
        mark: Checksum by which another process recognises the same space.
    """

    distributions: Mapping[str, BaseDistribution]
    parents: Mapping[str, tuple[str, frozenset[int]] | None]
    loose: frozenset[str]
    space: Space
    mark: int

    def config(self, params: Mapping[str, Any]) -> Config:
        """Configuration of a trial's parameters; a parameter without request has its default."""
        return Config(self._inside(None, params))

    def _inside(self, under: tuple[str, int] | None, params: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for place, (name, distribution) in enumerate(self.distributions.items()):
            if not _hangs(self.parents[name], under):
                continue
            value = inner(distribution, params[name]) if name in params else default_of(distribution)
            if self._has_children(name):
                found[f"p{place}"] = {str(value): self._inside((name, int(value)), params)}
            else:
                found[f"p{place}"] = value
        return found

    def _has_children(self, name: str) -> bool:
        return any(parent is not None and parent[0] == name for parent in self.parents.values())

    def params(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Active parameters of a configuration, in Optuna's form."""
        names = list(self.distributions)
        found: dict[str, Any] = {}
        for label, value in config.items():
            name = names[int(label[1:])]
            if isinstance(value, dict):
                ((option, inside),) = value.items()
                found |= {name: outer(self.distributions[name], int(option)), **self.params(inside)}
            else:
                found[name] = outer(self.distributions[name], value)
        return found

    def foresees(self, params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]) -> bool:
        """Return True if the trial requested the parameters of the tree, within its ranges."""
        asked = {name for name, given in distributions.items() if name in self.distributions or not given.single()}
        if not asked <= set(self.distributions):
            return False
        known = self.distributions
        if any(merged(known[name], distributions[name]) != known[name] for name in asked):
            return False
        return self._active(params) - self.loose == asked - self.loose

    def _active(self, params: Mapping[str, Any]) -> set[str]:
        found: set[str] = set()
        for name, parent in self.parents.items():
            if parent is None or (parent[0] in found and self._chosen(parent, params)):
                found.add(name)
        return found

    def _chosen(self, parent: tuple[str, frozenset[int]], params: Mapping[str, Any]) -> bool:
        return parent[0] in params and inner(self.distributions[parent[0]], params[parent[0]]) in parent[1]


def _hangs(parent: tuple[str, frozenset[int]] | None, under: tuple[str, int] | None) -> bool:
    """Return True if a parameter is at this place of the tree."""
    if parent is None or under is None:
        return parent is None and under is None
    return parent[0] == under[0] and under[1] in parent[1]


def view_of(trials: Sequence[tuple[Mapping[str, Any], Mapping[str, BaseDistribution]]]) -> View:
    """Search space of some trials, each a pair of parameters and distributions in the order of use."""
    union: dict[str, BaseDistribution] = {}
    for _, distributions in trials:
        for name, distribution in distributions.items():
            union[name] = merged(union[name], distribution) if name in union else distribution
    union = {name: distribution for name, distribution in union.items() if not distribution.single()}
    rows = [
        {name: inner(union[name], value) for name, value in params.items() if name in union} for params, _ in trials
    ]
    parents = {name: _parent(name, union, rows) for name in union}
    loose = frozenset(name for name in union if parents[name] is None and any(name not in row for row in rows))
    space = _tree(None, union, parents)
    return View(union, parents, loose, space, zlib.crc32(space.to_json().encode()))


def _parent(
    name: str, union: Mapping[str, BaseDistribution], rows: Sequence[Mapping[str, Any]]
) -> tuple[str, frozenset[int]] | None:
    """Nearest earlier categorical whose value decides about the request, and its choice indices; None at the root."""
    if all(name in row for row in rows):
        return None
    before = list(union)[: list(union).index(name)]
    for candidate in reversed(before):
        if not isinstance(union[candidate], optuna.distributions.CategoricalDistribution):
            continue
        if any(name in row and candidate not in row for row in rows):
            continue
        under = {row[candidate] for row in rows if name in row}
        without = {row[candidate] for row in rows if candidate in row and name not in row}
        if without and not under & without:
            return candidate, frozenset(under)
    return None


def _tree(
    under: tuple[str, int] | None,
    union: Mapping[str, BaseDistribution],
    parents: Mapping[str, tuple[str, frozenset[int]] | None],
) -> Space:
    found: dict[str, Float | Int | Categorical | Choice] = {}
    for place, (name, distribution) in enumerate(union.items()):
        if not _hangs(parents[name], under):
            continue
        parameter = parameter_of(distribution)
        if any(parent is not None and parent[0] == name for parent in parents.values()):
            assert isinstance(distribution, optuna.distributions.CategoricalDistribution)
            options = {str(i): _tree((name, i), union, parents) for i in range(len(distribution.choices))}
            found[f"p{place}"] = Choice(options)
        else:
            found[f"p{place}"] = parameter
    return Space(found)


# ----------------------------------------------------------------------------------- one parameter


def merged(first: BaseDistribution, second: BaseDistribution) -> BaseDistribution:
    """Distribution that covers both. In Optuna a range may change between trials; kind and choices may not."""
    if first == second or isinstance(first, optuna.distributions.CategoricalDistribution):
        return first
    assert isinstance(first, optuna.distributions.FloatDistribution | optuna.distributions.IntDistribution)
    assert isinstance(second, optuna.distributions.FloatDistribution | optuna.distributions.IntDistribution)
    low, high = min(first.low, second.low), max(first.high, second.high)
    step = first.step if first.step == second.step and _on_grid(second.low - first.low, first.step) else None
    log = first.log and second.log
    if isinstance(first, optuna.distributions.IntDistribution):
        return optuna.distributions.IntDistribution(int(low), int(high), log=log, step=int(step or 1))
    return optuna.distributions.FloatDistribution(low, high, log=log, step=step)


def _on_grid(distance: float, step: float | None) -> bool:
    return step is None or abs(distance / step - round(distance / step)) < 1e-8


def parameter_of(distribution: BaseDistribution) -> Float | Int | Categorical:
    """Parameter of a `Space` for the distribution: a grid becomes the index of its points, a category its index."""
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        return Categorical(tuple(range(len(distribution.choices))))
    assert isinstance(distribution, optuna.distributions.FloatDistribution | optuna.distributions.IntDistribution)
    if _is_grid(distribution):
        return Int(0, _points(distribution) - 1)
    low, high, log = distribution.low, distribution.high, distribution.log
    if isinstance(distribution, optuna.distributions.IntDistribution) and (high if log else high - low) < _WIDE:
        return Int(int(low), int(high), log=log)
    return Float(float(low), float(high), log=log and math.log(high) - math.log(low) > _NARROWEST)


def _is_grid(distribution: _Number) -> bool:
    return _has_step(distribution) and _points(distribution) <= _MOST_POINTS


def _has_step(distribution: _Number) -> bool:
    whole = isinstance(distribution, optuna.distributions.IntDistribution)
    return distribution.step is not None and not (whole and distribution.step == 1)


def _points(distribution: _Number) -> int:
    assert distribution.step is not None
    return math.floor((distribution.high - distribution.low) / distribution.step + 1e-8) + 1


def inner(distribution: BaseDistribution, value: Any) -> Any:
    """Optuna's value as a value of `parameter_of`, clipped to its range."""
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        return int(distribution.to_internal_repr(value))
    assert isinstance(distribution, optuna.distributions.FloatDistribution | optuna.distributions.IntDistribution)
    if _is_grid(distribution):
        assert distribution.step is not None
        return min(_points(distribution) - 1, max(0, round((value - distribution.low) / distribution.step)))
    inside = min(distribution.high, max(distribution.low, value))
    return int(inside) if isinstance(parameter_of(distribution), Int) else float(inside)


def outer(distribution: BaseDistribution, value: Any) -> Any:
    """Inverse of `inner`."""
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        return distribution.choices[int(value)]
    assert isinstance(distribution, optuna.distributions.FloatDistribution | optuna.distributions.IntDistribution)
    if _is_grid(distribution):
        assert distribution.step is not None
        value = min(distribution.high, distribution.low + value * distribution.step)
    elif _has_step(distribution):
        assert distribution.step is not None
        steps = round((value - distribution.low) / distribution.step)
        value = min(distribution.high, distribution.low + steps * distribution.step)
    if isinstance(distribution, optuna.distributions.IntDistribution):
        return min(distribution.high, max(distribution.low, round(value)))
    return float(value)


def default_of(distribution: BaseDistribution) -> Any:
    """Default of `parameter_of`."""
    return parameter_of(distribution).default
