"""Targets of trees, boosters and splines in units of their own spread.

LightGBM, XGBoost and CatBoost keep a target in single precision, which has seven digits: timestamps about 1.7e9 lose
all seconds. XGBoost makes no split that gains less than 1e-6, in squares of the target's unit, and scikit-learn's
trees none that gains less than 2e-16, so neither learned anything from numbers that differ by 1e-8, and XGBoost nothing
from numbers that differ by 1e-5; scikit-learn finds a variance as a difference of squares, which loses what is small
beside the mean; splines work in single precision, too; and LightGBM's `lambda_l1` is in the target's unit, so that no
single range of it fits two tables. Holzmüller, Grinsztajn and Steinwart 2024 ("Better by default"), whose defaults the
boosters have, standardise targets as well. Here the median and the quartiles set the scale, so that a single huge
number does not make all others look the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from seasoned.tabular.safe_files.tree_structure import forged

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PLAIN", "Units"]

_QUARTILES: Final = 1.349  # standard deviations of a normal distribution between them
_MOST: Final = 1e12  # the largest number on the scale: single precision holds sums of squares up to 3e38


@dataclass(frozen=True, slots=True)
class Units:
    """The scale z = (y - centre) / spread.

    Attributes:
        centre: The median of the numbers.
        spread: The distance of their quartiles over 1.349, a normal distribution's standard deviation; where half of
            the numbers are the same, the root mean square of their distances from the median; where all are, 1.

    Example:
        >>> units = Units.of(np.array([3.0, 5.0, 9.0]))
        >>> units.centre, round(units.spread, 3), units.forward(np.array([5.0])).tolist(), units.back(0.0).item()
        (5.0, 2.224, [0.0], 5.0)
    """

    centre: float = 0.0
    spread: float = 1.0

    @classmethod
    def of(cls, y: NDArray[Any], n_classes: int = 0) -> Self:
        """The units of some numbers, at least one; class codes stay as they are."""
        if n_classes:
            return cls()
        low, centre, high = np.quantile(y, (0.25, 0.5, 0.75))
        apart = np.abs(y - centre)
        largest = apart.max()
        if not largest > 0:
            return cls(float(centre))
        spread = (high - low) / _QUARTILES
        if not spread > 0:
            spread = largest * np.sqrt(np.mean((apart / largest) ** 2))
        return cls(float(centre), float(max(spread, largest / _MOST)))

    def forward(self, y: NDArray[Any]) -> NDArray[Any]:
        """Numbers on the scale."""
        if (self.centre, self.spread) == (0.0, 1.0):
            return y
        return np.asarray((y - self.centre) / self.spread)

    def back(self, found: Any) -> NDArray[np.float64]:
        """Numbers as they were."""
        return np.asarray(found * self.spread + self.centre, dtype=np.float64)

    def to_text(self) -> str:
        """Centre and spread, exactly.

        Example:
            >>> Units.from_text(Units(0.1, 3.0).to_text())
            Units(centre=0.1, spread=3.0)
        """
        return f"{self.centre!r} {self.spread!r}"

    @classmethod
    def from_text(cls, text: str, n_classes: int = 0) -> Self:
        """What `to_text` wrote for a target of so many classes, 0 for numbers.

        Raises:
            InvalidInput: If it is something else.
        """
        try:
            centre, spread = map(float, text.split(" "))
        except ValueError as error:
            raise forged("a target without units") from error
        if not (np.isfinite([centre, spread]).all() and spread > 0):
            raise forged("impossible units of its target")
        if n_classes and (centre, spread) != (0.0, 1.0):
            raise forged("units of a target that has classes")
        return cls(centre, spread)


PLAIN: Final = Units()
"""Numbers as they are."""
