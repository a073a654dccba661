"""The parts of a program that are data: its seed and rates. Programs that differ only in these share compiled code.

Compiling a small meta-learner takes seconds, training it a fraction of one, and a search over its rates would compile
anew for every trial. So a compiled function takes the program without its rates (`shared`) as a static argument and
the rates (`rates_of`) as traced ones, and puts them together again (`rated`).
"""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seasoned.metagrad.training import Training

__all__ = ["rated", "rates_of", "shared"]


class _Program(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def training(self) -> Training: ...


AnyProgram = TypeVar("AnyProgram", bound=_Program)


def rates_of(program: _Program) -> dict[str, Any]:
    """The outer rate as `lr`, and the fields that the program names in `rate_fields`, if it does.

    Example:
        >>> from seasoned.metagrad import MAML
        >>> rates_of(MAML(inner_lr=0.1))
        {'lr': 0.001, 'inner_lr': 0.1}
    """
    names = getattr(program, "rate_fields", ())
    return {"lr": program.training.lr, **{name: getattr(program, name) for name in names}}


def shared(program: AnyProgram) -> AnyProgram:
    """The program that all seeds and rates share: randomness comes in as keys, and rates as arguments.

    Example:
        >>> from seasoned.metagrad import MAML
        >>> shared(MAML(inner_lr=0.1)) == shared(MAML(inner_lr=0.2))
        True
    """
    ones = dict.fromkeys(getattr(program, "rate_fields", ()), 1.0)
    return dataclasses.replace(program, training=dataclasses.replace(program.training, seed=0, lr=1.0), **ones)


def rated(program: AnyProgram, rates: Mapping[str, Any]) -> AnyProgram:
    """The program with these rates, which may be traced values and so bypass the checks of the constructor."""
    whole, training = copy.copy(program), copy.copy(program.training)
    object.__setattr__(training, "lr", rates["lr"])
    object.__setattr__(whole, "training", training)
    for name, value in rates.items():
        if name != "lr":
            object.__setattr__(whole, name, value)
    return whole
