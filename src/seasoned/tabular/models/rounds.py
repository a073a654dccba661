"""How long a booster may train: in units of 1/learning rate, for a slow one needs as many more rounds.

A fixed number of rounds cuts a slow booster off while it still learns, and a fixed patience lets noise end it: on
tables outside the comparisons log loss or RMSE fell by up to 1.7 % against 1,000 rounds and a patience of 50. Twice
this patience bought a little more for one model, but left a search of a minute half as many trials.
"""

from __future__ import annotations

from typing import Final

__all__ = ["most_rounds", "patience"]

_LEARNED: Final = 80.0  # rounds x learning rate; hardly any table wants more
_MOST: Final = 5_000
_PATIENT: Final = 2.0  # rounds x learning rate without a lower validation loss
_LEAST: Final = 20


def most_rounds(rate: float) -> int:
    """Rounds after which a booster stops anyhow."""
    return min(_MOST, round(_LEARNED / rate))


def patience(rate: float) -> int:
    """Rounds in a row without a lower validation loss after which it stops."""
    return max(_LEAST, round(_PATIENT / rate))
