"""What is data in a program: its seed and its rates. Programs that differ only there share what is compiled.

To compile a small meta-learner takes seconds, to train it a fraction of one, and a search over its rates would compile
every trial anew. So a compiled function gets the program without its rates (`shared`), as what it is compiled for, and
the rates (`rates_of`) as arguments, and puts them together again (`rated`).
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
    """The program that all seeds and rates share: what is random comes in by keys, the rates as arguments.

    Example:
        >>> from seasoned.metagrad import MAML
        >>> shared(MAML(inner_lr=0.1)) == shared(MAML(inner_lr=0.2))
        True
    """
    ones = dict.fromkeys(getattr(program, "rate_fields", ()), 1.0)
    return dataclasses.replace(program, training=dataclasses.replace(program.training, seed=0, lr=1.0), **ones)


def rated(program: AnyProgram, rates: Mapping[str, Any]) -> AnyProgram:
    """The program with these rates, which may be traced; the checks of its constructor cannot look at such."""
    whole, training = copy.copy(program), copy.copy(program.training)
    object.__setattr__(training, "lr", rates["lr"])
    object.__setattr__(whole, "training", training)
    for name, value in rates.items():
        if name != "lr":
            object.__setattr__(whole, name, value)
    return whole
