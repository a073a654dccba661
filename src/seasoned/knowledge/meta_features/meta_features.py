"""Meta-features: numbers that describe a table, by which tables are compared.

Each meta-feature is a function in one ordered registry, `METAFEATURES`. Meta-features do not depend on the order of
rows and columns, or on the names of categories and classes. An undefined meta-feature is NaN, such as the skew of a
table without numbers.

To limit the cost, everything except counting is computed on `ROWS` sampled rows (`row_sample.py`). Computations that
are more than linear in the columns use the first `COLUMNS` numeric columns in canonical order: pairwise correlations,
principal components and landmarkers. Landmarkers also use the first `COLUMNS` categorical columns.

Sources: Rivolli et al. (2022), Meta-features for meta-learning, groups "general", "statistical", "info-theory" and
"landmarking"; Feurer et al. (2015), Efficient and robust automated machine learning, table of meta-features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from seasoned.knowledge.meta_features.landmarkers import skills
from seasoned.knowledge.meta_features.row_sample import Table, canonical

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

__all__ = ["METAFEATURES", "MetaFeature", "describe"]

ROWS: Final = 1000  # number of sampled rows
COLUMNS: Final = 200  # number of columns of each sort for pairs and landmarkers, which are slow on more columns
_GENERAL: Final = "Rivolli et al. 2022, general"
_STATISTICAL: Final = "Rivolli et al. 2022, statistical"
_INFORMATION: Final = "Rivolli et al. 2022, info-theory"
_LANDMARK: Final = "Pfahringer et al. 2000"
_RELATIVE: Final = "Fuernkranz and Petrak 2001, relative landmarking"


@dataclass
class TableView:
    """Table with cached intermediate results that several meta-features share."""

    table: Table

    @cached_property
    def sample(self) -> Table:
        return canonical(self.table, ROWS)

    @cached_property
    def skills(self) -> dict[str, float]:
        one = self.sample
        return skills(replace(one, numbers=one.numbers[:, :COLUMNS], codes=one.codes[:, :COLUMNS]))

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        return np.concatenate([np.isnan(self.table.numbers), self.table.codes < 0], axis=1)

    @cached_property
    def levels(self) -> NDArray[np.float64]:
        """Number of categories of each categorical column, shape (q,)."""
        return np.array([len(np.unique(column[column >= 0])) for column in self.table.codes.T], dtype=float)

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """Share of each class, shape (classes,)."""
        return np.unique(self.table.target, return_counts=True)[1] / len(self.table.target)

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """Standardised numeric columns of the sample, without constant columns, 0 where missing; (rows, columns)."""
        return _standardised(self.sample.numbers)

    @cached_property
    def correlations(self) -> NDArray[np.float64]:
        """|r| of each pair of the first numeric columns in the sample, shape (pairs,)."""
        z = self.scores[:, :COLUMNS]
        full = np.abs(z.T @ z) / max(len(z), 1)
        return np.asarray(full[np.triu_indices(len(full), 1)])

    @cached_property
    def relevances(self) -> NDArray[np.float64]:
        """|r| of each numeric column with the target, shape (columns,); the maximum over the class indicators."""
        y = self.sample.target
        goals = (y[:, None] == np.arange(self.sample.classes)).astype(float) if self.sample.classes else y[:, None]
        goals = _standardised(goals)
        if not goals.size or not self.scores.size:
            return np.empty(0)
        return np.asarray((np.abs(self.scores.T @ goals) / len(y)).max(axis=1))

    @cached_property
    def spectrum(self) -> NDArray[np.float64]:
        """Variance shares of the principal components of the first numeric columns."""
        if not self.scores.size:
            return np.empty(0)
        values = np.square(np.linalg.svd(self.scores[:, :COLUMNS], compute_uv=False))
        return np.asarray(values / values.sum())


def _standardised(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(columns)
    filled = np.where(known, columns, 0.0)
    largest = np.abs(filled).max(axis=0, initial=0.0)
    filled = filled / np.where(largest > 0.0, largest, 1.0)  # squares of large numbers overflow
    centred = np.where(known, filled - filled.sum(axis=0) / np.maximum(known.sum(axis=0), 1), 0.0)
    spread = np.sqrt(np.square(centred).mean(axis=0))
    varies = spread > 1e-12
    standard: NDArray[np.float64] = centred[:, varies] / spread[varies]
    return standard


def _mean(numbers: ArrayLike) -> float:
    array = np.asarray(numbers, dtype=np.float64)
    return float(array.mean()) if array.size else float("nan")


def _largest(numbers: NDArray[np.floating]) -> float:
    return float(numbers.max()) if numbers.size else float("nan")


def _moment(z: NDArray[np.float64], power: int) -> NDArray[np.float64]:
    return np.asarray((z**power).mean(axis=0)) if z.size else np.empty(0)


def _goal(view: TableView, power: int) -> float:
    """Moment of the standardised regression target; NaN for classes."""
    return _mean(_moment(_standardised(view.table.target[:, None]), power)) if not view.table.classes else float("nan")


def _only_classes(view: TableView, number: float) -> float:
    return number if view.table.classes else float("nan")


def _entropy(shares: NDArray[np.float64]) -> float:
    positive = shares[shares > 1e-15]
    return float(-(positive * np.log(positive)).sum()) + 0.0


def _class_entropy(view: TableView) -> float:
    return _only_classes(view, _entropy(view.shares) / max(float(np.log(len(view.shares))), 1e-12))


def _columns(view: TableView) -> int:
    return int(view.table.numbers.shape[1] + view.table.codes.shape[1])


def _skill(name: str) -> Callable[[TableView], float]:
    return lambda view: view.skills[name]


def _difference(one: str, other: str) -> Callable[[TableView], float]:
    return lambda view: view.skills[one] - view.skills[other]


class MetaFeature(NamedTuple):
    """Meta-feature: a number that describes a table.

    Attributes:
        name: Name, part of the format of the store; a new meaning therefore requires a new name.
        of: Function that computes the value.
        definition: Definition as text.
        source: Source in the literature.
    """

    name: str
    of: Callable[[TableView], float]
    definition: str
    source: str


METAFEATURES: Final[tuple[MetaFeature, ...]] = (
    MetaFeature("log_rows", lambda v: float(np.log10(len(v.missing))), "log10 n", _GENERAL),
    MetaFeature("log_columns", lambda v: float(np.log10(_columns(v))), "log10 p", _GENERAL),
    MetaFeature("log_ratio", lambda v: float(np.log10(len(v.missing) / _columns(v))), "log10(n / p)", _GENERAL),
    MetaFeature("regression", lambda v: float(v.table.classes == 0), "1 if the target is a number", _GENERAL),
    MetaFeature("log_classes", lambda v: _only_classes(v, float(np.log2(len(v.shares)))), "log2 k", _GENERAL),
    MetaFeature("class_entropy", _class_entropy, "entropy of the classes / log k", _INFORMATION),
    MetaFeature("rarest_class", lambda v: _only_classes(v, float(v.shares.min())), "its share", _GENERAL),
    MetaFeature("commonest_class", lambda v: _only_classes(v, float(v.shares.max())), "its share", _GENERAL),
    MetaFeature("target_skew", lambda v: _goal(v, 3), "third standardised moment of the target", _STATISTICAL),
    MetaFeature("target_kurtosis", lambda v: float(np.log(_goal(v, 4))), "log of the fourth one", _STATISTICAL),
    MetaFeature("categorical", lambda v: v.table.codes.shape[1] / _columns(v), "share of columns", _GENERAL),
    MetaFeature("log_levels", lambda v: _mean(np.log1p(v.levels)), "mean log(1 + categories)", _GENERAL),
    MetaFeature("most_levels", lambda v: _largest(np.log1p(v.levels)), "largest log(1 + categories)", _GENERAL),
    MetaFeature("missing", lambda v: _mean(v.missing), "share of cells", _GENERAL),
    MetaFeature("missing_rows", lambda v: _mean(v.missing.any(axis=1)), "share of rows with a hole", _GENERAL),
    MetaFeature(
        "missing_columns",
        lambda v: _mean(v.missing.any(axis=0)),
        "share of columns with a hole",
        _GENERAL,
    ),
    MetaFeature("zeros", lambda v: _mean(v.sample.numbers == 0.0), "share of numbers that are 0", _STATISTICAL),
    MetaFeature("skew", lambda v: _mean(np.abs(_moment(v.scores, 3))), "mean |third moment| of numbers", _STATISTICAL),
    MetaFeature("kurtosis", lambda v: _mean(np.log(_moment(v.scores, 4))), "mean log fourth moment", _STATISTICAL),
    MetaFeature("outliers", lambda v: _mean(np.abs(v.scores) > 3.0), "share of numbers beyond 3 sd", _STATISTICAL),
    MetaFeature(
        "correlation", lambda v: _mean(v.correlations), "mean |r| of two of the first 200 numeric columns", _STATISTICAL
    ),
    MetaFeature("correlation_most", lambda v: _largest(v.correlations), "largest |r| of two of them", _STATISTICAL),
    MetaFeature("relevance", lambda v: _mean(v.relevances), "mean |r| with the target", _STATISTICAL),
    MetaFeature("relevance_most", lambda v: _largest(v.relevances), "largest |r| with the target", _STATISTICAL),
    MetaFeature(
        "rank",
        lambda v: float(np.exp(_entropy(v.spectrum)) / len(v.spectrum)) if len(v.spectrum) else float("nan"),
        "exp(entropy of the principal components' shares) / their number, first 200 numeric columns",
        "Roy and Vetterli 2007, The effective rank",
    ),
    MetaFeature(
        "nearest_neighbour",
        _skill("nearest_neighbour"),
        "skill of the nearest neighbour, first 200 columns of each sort",
        _LANDMARK,
    ),
    MetaFeature("linear", _skill("linear"), "skill of ridge regression on them", _LANDMARK),
    MetaFeature("bayes", _skill("bayes"), "skill of naive Bayes (Bayesian ridge for numbers) on them", _LANDMARK),
    MetaFeature("stump", _skill("stump"), "skill of one split on them", _LANDMARK),
    MetaFeature("tree", _skill("tree"), "skill of a tree of 16 leaves on them", _LANDMARK),
    MetaFeature("tree_over_linear", _difference("tree", "linear"), "difference of skills", _RELATIVE),
    MetaFeature("tree_over_stump", _difference("tree", "stump"), "difference of skills", _RELATIVE),
    MetaFeature("near_over_linear", _difference("nearest_neighbour", "linear"), "difference of skills", _RELATIVE),
    MetaFeature("near_over_tree", _difference("nearest_neighbour", "tree"), "difference of skills", _RELATIVE),
)


def describe(table: Table) -> dict[str, float]:
    """Compute all meta-features of a table, by name, in the order of `METAFEATURES`.

    Example:
        >>> table = Table(np.arange(12.0).reshape(6, 2), np.zeros((6, 0), int), np.array([0, 1, 0, 1, 0, 0.0]), 2)
        >>> found = describe(table)
        >>> round(found["log_ratio"], 3), round(found["rarest_class"], 3), found["categorical"]
        (0.477, 0.333, 0.0)
    """
    view = TableView(table)
    return {feature.name: float(feature.of(view)) for feature in METAFEATURES}
