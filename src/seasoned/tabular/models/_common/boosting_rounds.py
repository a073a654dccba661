"""How long a booster may train, and how large a leaf's step may be.

Rounds are in units of 1/learning rate, because a slower booster needs proportionally more.

A fixed number of rounds cuts a slow booster off while it still learns, and a fixed patience lets noise end it: on
tables outside the comparisons log loss or RMSE fell by up to 1.7 % against 1,000 rounds and a patience of 50. Twice
this patience bought a little more for one model, but left a search of a minute half as many trials.

A leaf of a classifier is a Newton step, -gradient / curvature, and where hardly any curvature is left (rows that are
predicted with certainty, next to no penalty) it can be of any size: two of about a hundred refits of XGBoost on
kr-vs-kp had an AUC of .69 and .92, against .9997 in the folds, because without held-out rows nothing stops such a fit.
So a step is at most five logits before the learning rate. On fifteen development tables (fold 2, 4,000 rows at most,
the default and five random configurations each) that changed LightGBM's log loss by -.4 % and XGBoost's by .0 % on the
mean, 1 - AUC by -1.2 and -3 %; limits of 10, 3 and 2 are about as good, one of 1 takes a fifth more rounds.
"""

from __future__ import annotations

from typing import Final

__all__ = ["STEP", "most_rounds", "patience"]

STEP: Final = 5.0
"""Logits that a leaf may add, before the learning rate."""

_LEARNED: Final = 80.0  # rounds x learning rate; hardly any table wants more
_MOST: Final = 5_000
_PATIENT: Final = 2.0  # rounds x learning rate without a lower validation loss
_LEAST: Final = 20


def most_rounds(rate: float) -> int:
    """Rounds after which a booster stops in any case."""
    return min(_MOST, round(_LEARNED / rate))


def patience(rate: float) -> int:
    """Rounds in a row without a lower validation loss after which it stops."""
    return max(_LEAST, round(_PATIENT / rate))
