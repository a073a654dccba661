"""How many bins a booster puts a column's numbers into.

On few rows the bins, not the rows, are what a tree costs. Measured on five tables of 1,000 to 8,000 rows outside the
comparisons (defaults, three folds): with 128 bins rather than 255 XGBoost and CatBoost took 0.6 of the time, histogram
boosting 0.9, and the loss was lower in 13 of 15 cases. CatBoost with 64 took a quarter to a third, its loss lower too,
on the two tables of many columns or classes, where it is slowest.

On many rows finer bins help. Defaults trained on four fifths of a fold's training rows of development tables, loss on
the held-out rows: LightGBM with 255 bins instead of 127 had a loss 1.6 % lower on california-housing, 1.3 % on
bike-sharing, .9 % on diamonds, .4 % on elevators, 22 % on electricity (1 - AUC), .1 % on protein-casp, and .7 % higher
on adult; above 20,000 rows, 511 instead of 255 lowered it by 11 %, .9 % and 1.2 % on electricity, diamonds and
flights-late, and raised it by .4 % and .3 % on hotel-rates and protein-casp. XGBoost and histogram boosting gained
similarly (electricity -18 % and -19 % with 255, XGBoost another -10 % with 511). On phoneme's 3,500 rows 255 bins made
XGBoost, histogram boosting and CatBoost worse, and CatBoost below 20,000 rows won 1.3 % (california-housing) and lost
.8 and .5 % (bike-sharing, elevators), in up to 1.8 times the time.
"""

from __future__ import annotations

from typing import Final

__all__ = ["BYTE", "bins", "oblivious_bins"]

BYTE: Final = 255
"""Bins that a byte tells apart, besides the one for missing values."""

_SOME_ROWS: Final = 8_000
_MANY_ROWS: Final = 20_000
_WIDE: Final = 20  # columns times outputs


def bins(rows: int) -> int:
    """Number of bins for so many training rows."""
    return 128 if rows <= _SOME_ROWS else BYTE if rows <= _MANY_ROWS else 511


def oblivious_bins(rows: int, columns: int) -> int:
    """The same for CatBoost, whose time depends more on bins, and on columns (times outputs)."""
    if rows > _MANY_ROWS:
        return BYTE
    return 64 if columns > _WIDE else 128
