"""Enumeration of a space: combinations of values, accessed by index, and the search for an untried configuration."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from seasoned.space import Choice
from seasoned.space.grid_values import values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from seasoned.space import Space
    from seasoned.space.parameters import Categorical, Float, Int

__all__ = ["Combinations", "combinations", "count_of", "untried"]

_DRAWS: Final = 100  # random draws of `untried` before the combinations are listed
_MOST_LISTED: Final = 10_000  # largest number of combinations that are listed


class _Values:
    """Values of one parameter, as a node with a size and access by index."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values
        self.size = len(values)

    def __getitem__(self, index: int) -> Any:  # a value of the parameter
        return self.values[index]


class _Branches:
    """Combinations of all options of a choice, one option after the other."""

    def __init__(self, options: Mapping[str, Combinations]) -> None:
        self.options = options
        self.size: int = sum(inner.size for inner in options.values())

    def __getitem__(self, index: int) -> dict[str, Any]:
        for name, inner in self.options.items():
            if index < inner.size:
                return {name: inner[index]}
            index -= inner.size
        raise IndexError(index)


class Combinations:
    """All combinations of the nodes of one space, the last node varying fastest.

    Attributes:
        nodes: Values of each parameter, or branches of each choice.
        size: Number of combinations.
    """

    def __init__(self, nodes: dict[str, _Values | _Branches]) -> None:
        self.nodes = nodes
        self.size: int = math.prod(node.size for node in nodes.values())

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not 0 <= index < self.size:
            raise IndexError(index)
        config: dict[str, Any] = {}
        for name, node in reversed(self.nodes.items()):
            index, place = divmod(index, node.size)
            config[name] = node[place]
        return dict(reversed(config.items()))


def combinations(
    space: Space, values: Callable[[str, Float | Int | Categorical], Iterable[Any]], prefix: str = ""
) -> Combinations:
    """Return all combinations of selected values per parameter, branch by branch.

    Args:
        space: The space; forbidden combinations are included.
        values: Maps a parameter's dotted name and the parameter to its values.
        prefix: Prefix of the dotted names.
    """
    nodes: dict[str, _Values | _Branches] = {}
    for key, parameter in space.parameters.items():
        name = prefix + key
        if isinstance(parameter, Choice):
            options = {o: combinations(inner, values, f"{name}.{o}.") for o, inner in parameter.options.items()}
            nodes[key] = _Branches(options)
        else:
            nodes[key] = _Values(tuple(values(name, parameter)))
    return Combinations(nodes)


def untried(space: Space, rng: np.random.Generator, taken: Collection[bytes]) -> NDArray[np.float64]:
    """Return a random point, shape (d,), whose configuration is not in `taken`.

    The point is in `taken` only if no other point is left, or if 100 draws failed and the space cannot be listed. A
    space cannot be listed if it has more than 10,000 combinations or a continuous parameter.

    Args:
        space: The space.
        rng: Source of the draws.
        taken: Points of the tried configurations (`space.encode`), as bytes.
    """
    for _ in range(_DRAWS):
        unit: NDArray[np.float64] = rng.random(len(space))
        if space.encode(space.decode(unit)).unit.tobytes() not in taken:
            return unit
    listed = _listed(space)
    if listed is None or len(taken) >= listed.size:
        return unit
    for index in rng.permutation(listed.size).tolist():
        if space.contains(config := listed[index]) and (found := space.encode(config).unit).tobytes() not in taken:
            return found
    return unit


def count_of(space: Space) -> int | None:
    """Return the number of allowed configurations; None for over 10,000 combinations or a continuous parameter.

    Example:
        >>> from seasoned.space import Categorical, Float, Int, Space
        >>> space = Space(a=Int(1, 3), b=Categorical(["x", "y"]), forbidden=[{"a": 1, "b": "x"}])
        >>> count_of(space), count_of(Space(c=Float(0, 1)))
        (5, None)
    """
    listed = _listed(space)
    if listed is None or not space.forbids:
        return None if listed is None else listed.size
    return sum(space.contains(listed[index]) for index in range(listed.size))


def _listed(space: Space) -> Combinations | None:
    """Return all combinations of a space's values; None if uncountable or more than 10,000."""
    every = [values_of(dimension.parameter, _MOST_LISTED) for dimension in space.dimensions]
    if any(values is None for values in every):
        return None
    found = combinations(space, lambda _, parameter: values_of(parameter, _MOST_LISTED) or ())
    return found if found.size <= _MOST_LISTED else None
