"""Neighbours of one parameter's value, for local search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seasoned.space.grid_values import beyond
from seasoned.space.parameters import Categorical, Value, identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from seasoned.space.parameters import Float, Int

__all__ = ["moves"]


def moves(
    parameter: Float | Int | Categorical, value: Any, rng: np.random.Generator, draws: int, scale: float
) -> Iterator[Value]:
    """Yield neighbours of `value`; duplicates are possible.

    Args:
        parameter: The parameter. An unordered Categorical moves to every other value, an ordered one to the adjacent
            values. An Int, or a Float with a step, moves to the adjacent values and to Gaussian draws. Another Float
            moves to Gaussian draws.
        value: The present value.
        rng: Source of the draws.
        draws: Number of draws.
        scale: Standard deviation of the draws, in units of the cube.
    """
    if isinstance(parameter, Categorical):
        here = [identity(choice) for choice in parameter.choices].index(identity(value))
        for index, choice in enumerate(parameter.choices):
            if index != here and (not parameter.ordered or abs(index - here) == 1):
                yield choice
        return
    if parameter.count is not None:
        yield from (near for near in (beyond(parameter, value, sign) for sign in (-1, 1)) if near is not None)
    unit = parameter.to_unit(value)
    for step in rng.standard_normal(draws).tolist():
        yield parameter.from_unit(min(1.0, max(0.0, unit + scale * step)))
