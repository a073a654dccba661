"""Conformal prediction: intervals and label sets that contain the truth with a requested frequency.

Scores of out-of-fold predictions measure the model's errors on rows that it has not seen. New rows have errors of the
same distribution, if they are exchangeable with these rows.

For numbers the score is (y - f(x)) / s(x), with a lower and an upper bound (Romano, Patterson and Candes 2019, theorem
2). The scale s is learned on other rows, if the size of the errors depends on x (Lei et al. 2018, section 5.2). For
classes the score is 1 - p_y(x) (Sadinle, Lei and Wasserman 2019).

The scores come from the fold models, but the final model is fitted on all rows. Without this refit the coverage would
be a theorem (split conformal prediction, Vovk et al. 2005). With it, the coverage holds as far as more rows do not make
the model worse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.trees.decision_tree import Tree
from seasoned.tabular.safe_files import npz

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.models.trees.tree_ensemble import TreeModel
    from seasoned.tabular.postprocessing.out_of_fold import OutOfFold

    Array = NDArray[np.float64]

__all__ = ["Conformal", "as_words", "learn_conformal"]

_MAX_STORED_SCORES: Final = (
    2_000  # largest number of stored scores; their coverage has a standard deviation of .007 at 90 %
)
_MIN_SCALE_ROWS: Final = 1_000  # fewest rows for a scale, which is learned from half of them
_CELLS: Final = 500_000  # largest training table of a scale, in rows times columns
_FLOOR: Final = 0.1  # lower bound of a scale, as a share of the mean absolute error
_HELPS: Final = 0.98  # upper bound of the interval score with a useful scale, as a share of the score without one
_USUAL: Final = 0.9  # coverage for the comparison of interval scores, and default coverage of `sentence`
_FILE: Final = {"scores": ("float64", 1), "mass": ("float64", 1), "floor": ("float64", 0)}


@dataclass(frozen=True, slots=True, eq=False)
class Conformal:
    """Conformal scores of rows that the model had not seen.

    Attributes:
        scores: Scores in ascending order, shape (m,).
        mass: Row weights, 1 on average, shape (m,).
        floor: Lower bound of the scale; 1 without a scale.
        scale: Tree that predicts the absolute error of a number from (codes, prediction); None for a scale of 1.
    """

    scores: Array
    mass: Array
    floor: float = 1.0
    scale: TreeModel | None = None

    def intervals(self, predicted: Array, codes: Array | None, coverage: float) -> Array:
        """Return lower and upper bounds, shape (n, 2).

        Args:
            predicted: Predicted numbers, shape (n,).
            codes: The rows in the input encoding `codes`, shape (n, p); required with a scale.
            coverage: Requested share of rows whose truth lies in the interval.

        Raises:
            InvalidInput: If the coverage is not between 0 and 1, or needs more rows than were validated.
        """
        share = _share(coverage, len(self.scores), sides=2)
        high = _upper(self.scores, self.mass, share)
        low = -_upper(-self.scores[::-1], self.mass[::-1], share)
        size = np.ones(len(predicted)) if self.scale is None else self._sizes(predicted, codes)
        return np.column_stack([predicted + low * size, predicted + high * size])

    def sets(self, p: Array, coverage: float) -> NDArray[np.bool_]:
        """Return the label set of each row as a mask, shape (n, classes); it contains the most probable class.

        Raises:
            InvalidInput: If the coverage is not between 0 and 1, or needs more rows than were validated.
        """
        cut = _upper(self.scores, self.mass, _share(coverage, len(self.scores), sides=1))
        found = 1.0 - p <= cut + 1e-12
        found[np.arange(len(p)), np.argmax(p, axis=1)] = True
        return np.asarray(found)

    def _sizes(self, predicted: Array, codes: Array | None) -> Array:
        assert self.scale is not None
        assert codes is not None, "a scale reads the codes"
        return _sizes(self.scale, self.floor, codes, predicted)

    def sentence(self, coverage: float = _USUAL) -> str | None:
        """Return the width of intervals of numbers as a sentence; None if there are too few rows."""
        if (1.0 + coverage) / 2.0 * (len(self.scores) + 1) > len(self.scores) + 1e-9:
            return None
        low, high = self.intervals(np.zeros(1), None, coverage)[0] if self.scale is None else (0.0, 0.0)
        if self.scale is None:
            return f"{coverage:.0%} intervals reach from {_signed(low)} to {_signed(high)} around each prediction."
        return f"{coverage:.0%} intervals are wider where the model errs more, as a tree says that learned its errors."

    def dump(self) -> bytes:
        """Return the arrays as one npz file; the scale is a separate file (`dump_scale`)."""
        return npz.dump({"scores": self.scores, "mass": self.mass, "floor": np.array(self.floor)})

    @classmethod
    def load(cls, data: bytes, scale: bytes | None) -> Conformal:
        """Return the scores that `dump` wrote, with the scale that `dump_scale` wrote.

        Raises:
            InvalidInput: If a file is damaged.
            ValueError: If the scores, weights or floor are invalid.
        """
        found = npz.load(data, _FILE)
        scores, mass, floor = found["scores"], found["mass"], float(found["floor"])
        rising = (np.diff(scores) >= 0).all()
        if (
            not 0 < len(scores) == len(mass) <= _MAX_STORED_SCORES
            or not rising
            or not (mass > 0).all()
            or not floor > 0
        ):
            raise ValueError("its conformal scores, weights or floor are invalid")
        return cls(scores, mass, floor, None if scale is None else Tree().load(scale))

    def dump_scale(self) -> bytes | None:
        """Return the tree of the scale as bytes; None without a scale."""
        return None if self.scale is None else Tree().dump(self.scale)


def _share(coverage: float, rows: int, *, sides: int) -> float:
    """Return the quantile level of a bound on one side; refuse a coverage that needs more rows."""
    if not isinstance(coverage, int | float | np.floating) or not 0 < coverage < 1:
        raise InvalidInput(f"coverage is {coverage!r}; it is a share between 0 and 1, such as 0.9.")
    share = 1.0 - (1.0 - coverage) / sides
    if share * (rows + 1) > rows + 1e-9:
        most = 1 - sides / (rows + 1)
        raise InvalidInput(
            f"a coverage of {coverage:g} needs more than the {rows} validated rows that the model kept; ask for at "
            f"most {math.floor(1000 * most) / 1000:g}, or fit on more rows."
        )
    return float(share)


def _upper(scores: Array, mass: Array, share: float) -> float:
    """Return the smallest score whose cumulated mass reaches `share` of the mass of all rows and one new row."""
    reached = np.cumsum(mass)
    place = int(np.searchsorted(reached, share * (len(scores) + 1.0) - 1e-9))
    return float(scores[min(place, len(scores) - 1)])


def learn_conformal(pooled: OutOfFold, codes: Array | None, seed: int) -> Conformal:
    """Return the conformal scores of out-of-fold predictions.

    From 1,000 rows on, half of the rows train a scale and decide if it helps. The scores then come from the other half,
    which shares no group with the first. A scale helps if it lowers the interval score at 90 % coverage by more than
    2 % on rows that it was not learned from. Source of the score: Gneiting and Raftery (2007), equation 43.

    Args:
        pooled: Out-of-fold predictions, calibrated if the model's predictions are.
        codes: For numbers, all rows of the table in the input encoding `codes`, shape (rows, p), which may be
            memory-mapped; None for no scale.
        seed: Seed of the split into halves.
    """
    rng = np.random.default_rng(seed)
    order = shuffled_groups(pooled, rng)
    some, mass = sample_rows(order, _MAX_STORED_SCORES, rng), pooled.mass
    if pooled.predicted.ndim == 2:
        return _sorted(1.0 - pooled.predicted[some, pooled.truth[some]], mass[some])
    gap = pooled.truth - pooled.predicted
    if codes is None or len(order) < _MIN_SCALE_ROWS or not np.abs(gap).max() > 0:
        return _sorted(gap[some], mass[some])
    most = max(_CELLS // max(codes.shape[1], 1), _MIN_SCALE_ROWS // 2)
    whole, scored = split_in_halves(order, pooled)
    first, second = (sample_rows(half, most // 2, rng) for half in split_in_halves(whole, pooled))
    taught, scored = np.concatenate([first, second]), sample_rows(scored, _MAX_STORED_SCORES, rng)
    if (
        min(len(scored), len(first), len(second)) < _MIN_SCALE_ROWS // 8
    ):  # few large groups leave too few rows for a scale
        return _sorted(gap[some], mass[some])
    read = pooled.rows
    scale, floor = _learn_scale(codes[read[first]], pooled.predicted[first], gap[first], mass[first], seed)
    sizes = _sizes(scale, floor, codes[read[second]], pooled.predicted[second])
    plain = interval_score(gap[second], np.ones(len(second)), mass[second])
    if not interval_score(gap[second], sizes, mass[second]) < _HELPS * plain:
        return _sorted(gap[scored], mass[scored])
    scale, floor = _learn_scale(codes[read[taught]], pooled.predicted[taught], gap[taught], mass[taught], seed)
    sizes = _sizes(scale, floor, codes[read[scored]], pooled.predicted[scored])
    return _sorted(gap[scored] / sizes, mass[scored], floor, scale)


def shuffled_groups(pooled: OutOfFold, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the row indices in random order, with the rows of a group next to each other."""
    order = rng.permutation(len(pooled.truth))
    if pooled.groups is None:
        return order
    places = rng.permutation(int(pooled.groups.max()) + 1)
    return order[np.argsort(places[pooled.groups[order]], kind="stable")]


def sample_rows(rows: NDArray[np.int64], most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return at most `most` random rows; the first rows might belong to one large group."""
    return rows if len(rows) <= most else rng.permutation(rows)[:most]


def split_in_halves(order: NDArray[np.int64], pooled: OutOfFold) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows in two parts of about the same size, which share no group unless there is only one."""
    middle = len(order) // 2
    if pooled.groups is not None:
        ends = np.flatnonzero(np.diff(pooled.groups[order])) + 1
        middle = int(ends[np.argmin(np.abs(ends - middle))]) if len(ends) else middle
    return order[:middle], order[middle:]


def _sorted(scores: Array, mass: Array, floor: float = 1.0, scale: TreeModel | None = None) -> Conformal:
    order = np.argsort(scores, kind="stable")
    return Conformal(scores[order], mass[order] / mass.mean(), floor, scale)


def _learn_scale(codes: Array, predicted: Array, gap: Array, mass: Array, seed: int) -> tuple[TreeModel, float]:
    """Return a small tree for the absolute error, and the floor of its predictions; huge errors are capped."""
    size = np.abs(gap)
    capped = np.minimum(size, np.quantile(size, 0.99))
    model = Tree()
    tree = model.build({"max_depth": 6, "min_samples_leaf": max(20, len(gap) // 100)}, Job("regression", 0, seed))
    model.fit(tree, (np.column_stack([codes, predicted]), capped), None, None, (mass, None))
    return tree, max(_FLOOR * float(np.average(capped, weights=mass)), float(np.finfo(np.float64).tiny))


def _sizes(scale: TreeModel, floor: float, codes: Array, predicted: Array) -> Array:
    return np.maximum(scale.predict(np.column_stack([codes, predicted])), floor)


def interval_score(gap: Array, size: Array, mass: Array) -> float:
    """Return the mean of width + (2 / alpha) * distance to the interval, for intervals around 90 % of the mass.

    The bounds are weighted quantiles of the same rows, with linear interpolation between rows.
    """
    alpha, scaled = 1.0 - _USUAL, gap / size
    order = np.argsort(scaled, kind="stable")
    reached = np.cumsum(mass[order]) - mass[order] / 2
    share = (reached - reached[0]) / (reached[-1] - reached[0])
    low, high = np.interp([alpha / 2, 1 - alpha / 2], share, scaled[order])
    outside = np.maximum(low * size - gap, 0.0) + np.maximum(gap - high * size, 0.0)
    return float(np.average((high - low) * size + 2.0 / alpha * outside, weights=mass))


def as_words(found: NDArray[np.bool_], labels: NDArray[Any]) -> list[str]:
    """Return the label set of each row as text, such as "no | yes"; `found` has shape (n, classes)."""
    return [" | ".join(map(str, labels[row].tolist())) for row in found]


def _signed(value: float) -> str:
    """Return three significant digits with a sign, without an exponent for common sizes.

    Example:
        >>> _signed(-1687.4), _signed(0.01234)
        ('-1,690', '+0.0123')
    """
    return f"{float(f'{value:.3g}'):+,.10g}"
