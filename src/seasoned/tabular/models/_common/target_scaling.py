"""Robust scaling of numeric targets, for trees, boosters and splines.

Reasons for the scaling:

- LightGBM, XGBoost and CatBoost store a target in single precision, with seven digits. Timestamps of about 1.7e9 lose
  all seconds. Splines compute in single precision as well.
- XGBoost makes no split with a gain below 1e-6, in squares of the target's unit; scikit-learn's trees none below 2e-16.
  Neither learns from numbers that differ by 1e-8, nor XGBoost from numbers that differ by 1e-5.
- scikit-learn computes a variance as a difference of squares, which loses variation that is small relative to the mean.
- LightGBM's `lambda_l1` is in the target's unit, so that no single range suits two tables.

Holzmüller, Grinsztajn and Steinwart 2024 ("Better by default"), the source of the boosters' defaults, standardise
targets as well. The scale here comes from the median and the quartiles. A single huge number therefore does not
compress all other numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from seasoned.tabular.safe_files.tree_structure import forged

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PLAIN", "Units"]

_QUARTILES: Final = 1.349  # distance between the quartiles of a normal distribution, in standard deviations
_MAX_SCALED: Final = 1e12  # largest number on the scale: single precision represents sums of squares up to 3e38


@dataclass(frozen=True, slots=True)
class Units:
    """Scale z = (y - centre) / spread.

    Attributes:
        centre: Median of the numbers.
        spread: Interquartile range / 1.349, the standard deviation of a normal distribution. If the quartiles are
            equal, the root mean square of the distances from the median; if all numbers are equal, 1.

    Example:
        >>> units = Units.of(np.array([3.0, 5.0, 9.0]))
        >>> units.centre, round(units.spread, 3), units.forward(np.array([5.0])).tolist(), units.back(0.0).item()
        (5.0, 2.224, [0.0], 5.0)
    """

    centre: float = 0.0
    spread: float = 1.0

    @classmethod
    def of(cls, y: NDArray[Any], n_classes: int = 0) -> Self:
        """Compute the scale of one or more numbers; class codes stay unchanged."""
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
        return cls(float(centre), float(max(spread, largest / _MAX_SCALED)))

    def forward(self, y: NDArray[Any]) -> NDArray[Any]:
        """Transform numbers to the scale."""
        if (self.centre, self.spread) == (0.0, 1.0):
            return y
        return np.asarray((y - self.centre) / self.spread)

    def back(self, found: Any) -> NDArray[np.float64]:
        """Transform numbers back."""
        return np.asarray(found * self.spread + self.centre, dtype=np.float64)

    def to_text(self) -> str:
        """Serialise centre and spread exactly.

        Example:
            >>> Units.from_text(Units(0.1, 3.0).to_text())
            Units(centre=0.1, spread=3.0)
        """
        return f"{self.centre!r} {self.spread!r}"

    @classmethod
    def from_text(cls, text: str, n_classes: int = 0) -> Self:
        """Parse the text of `to_text`, for a target of `n_classes` classes (0 for numbers).

        Raises:
            InvalidInput: If the text is invalid.
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
"""Identity scale."""
