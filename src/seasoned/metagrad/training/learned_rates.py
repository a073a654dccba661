"""Rates and seed as data of a compiled program: programs that differ only in these values share compiled code.

Compilation takes longer than the training of a small learner, and a search over its rates would compile again for every
trial. A compiled function therefore takes the program without its rates (`shared`) as a static argument and the rates
(`rates_of`) as traced arguments. `rated` combines both again.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seasoned.metagrad.training.loop import Training

__all__ = ["rated", "rates_of", "shared"]


class _Program(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def training(self) -> Training: ...


_DECAY: Final = "outer decay"
AnyProgram = TypeVar("AnyProgram", bound=_Program)


def rates_of(program: _Program) -> dict[str, Any]:
    """Return the outer rate as `lr`, its weight decay, and the fields that the program lists in `rate_fields`.

    Example:
        >>> from seasoned.metagrad import MAML
        >>> rates_of(MAML(inner_lr=0.1))
        {'lr': 0.001, 'inner_lr': 0.1}
    """
    names = getattr(program, "rate_fields", ())
    decay = getattr(program.training.optimizer, "decay", None)
    outer = {"lr": program.training.lr} if decay is None else {"lr": program.training.lr, _DECAY: decay}
    return {**outer, **{name: getattr(program, name) for name in names}}


def shared(program: AnyProgram) -> AnyProgram:
    """Return the program without seed and rates: randomness is passed as keys, and rates as arguments.

    Example:
        >>> from seasoned.metagrad import MAML
        >>> shared(MAML(inner_lr=0.1)) == shared(MAML(inner_lr=0.2))
        True
    """
    ones = dict.fromkeys(getattr(program, "rate_fields", ()), 1.0)
    optimizer: Any = program.training.optimizer
    if hasattr(optimizer, "decay"):
        optimizer = dataclasses.replace(optimizer, decay=1.0)
    training = dataclasses.replace(program.training, seed=0, lr=1.0, optimizer=optimizer)
    return dataclasses.replace(program, training=training, **ones)


def rated(program: AnyProgram, rates: Mapping[str, Any]) -> AnyProgram:
    """Return the program with these rates, which may be traced values and bypass the checks of the constructor."""
    whole, training = copy.copy(program), copy.copy(program.training)
    object.__setattr__(training, "lr", rates["lr"])
    if _DECAY in rates:
        optimizer = copy.copy(training.optimizer)
        object.__setattr__(optimizer, "decay", rates[_DECAY])
        object.__setattr__(training, "optimizer", optimizer)
    object.__setattr__(whole, "training", training)
    for name in rates.keys() - {"lr", _DECAY}:
        object.__setattr__(whole, name, rates[name])
    return whole
