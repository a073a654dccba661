"""Fitted tree, forest or boosted ensemble with `predict` and `predict_proba`.

After the fit, predictions use arrays of this package and nothing of the library that grew the trees. A saved model
therefore predicts the same bits, with any version of the library.
"""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.execution._system.resources import cpu_count
from seasoned.tabular.models.trees.tree_arrays import Nodes, Trees, from_nodes
from seasoned.tabular.models.trees.tree_prediction import Compiled, Walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.models._common.target_scaling import Units

__all__ = ["TreeModel", "probabilities", "scaled"]

_ROWS: Final = 5_000  # rows per thread; with fewer rows, synchronisation between the trees takes longer than the work
_CELLS: Final = 500_000  # largest number of leaf values that are summed in one call


@dataclass(slots=True)
class TreeModel:
    """Ensemble of trees, or the unfitted learner.

    Forests average: prediction = base + scale * (sum of the leaves) / trees, where a leaf has a value per output.
    Boosting sums: raw = base + scale * (sum of the leaves), where tree t contributes to output t mod outputs.
    Probabilities are the sigmoid of one output or the softmax of several.

    Attributes:
        learner: scikit-learn's estimator before the fit, None afterwards.
        n_classes: Number of classes; 0 for regression.
        boosted: True for a sum of trees, False for a mean.
        trees: The fitted trees.
        seen: Class codes of the training rows.
        base: Constant of each output, shape (outputs,).
        scale: Factor of the leaf values.
        quantile: Quantile in the leaves of a forest; None for the mean.
        single: Sum in single precision, as XGBoost does.
    """

    learner: Any
    n_classes: int
    boosted: bool = False
    trees: Trees | None = None
    seen: tuple[int, ...] = ()
    base: tuple[float, ...] = (0.0,)
    scale: float = 1.0
    quantile: float | None = None
    single: bool = False
    _walk: Walk | None = None

    def __getstate__(self) -> tuple[Any, ...]:
        """State without the compiled trees, which are rebuilt on demand."""
        return tuple(None if one.name == "_walk" else getattr(self, one.name) for one in fields(self))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for one, value in zip(fields(self), state, strict=True):
            setattr(self, one.name, value)

    @property
    def classes_(self) -> NDArray[np.int64]:
        """Class codes of the columns of `predict_proba`."""
        return np.array(self.seen, dtype=np.int64)

    @property
    def n_features_in_(self) -> int:
        """Number of columns of the table."""
        return self._fitted().width

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return int(2 * len(self._fitted().value) - len(self._fitted().inner))  # a tree has one leaf more than splits

    def take(
        self,
        trees: Trees,
        seen: tuple[int, ...] = (),
        base: tuple[float, ...] = (0.0,),
        scale: float = 1.0,
    ) -> None:
        """Store the fitted trees, and drop the learner."""
        self.learner, self.trees, self.seen, self.base, self.scale, self._walk = None, trees, seen, base, scale, None

    def take_boosted(
        self,
        nodes: Sequence[Nodes],
        width: int,
        base: tuple[float, ...],
        units: Units,
        *,
        seen: tuple[int, ...] | None = None,
        double: bool = False,
    ) -> None:
        """Store the trees of a boosting library, ordered by round and output.

        Args:
            nodes: The trees.
            width: Number of columns.
            base: Constant of each output, on the scale of the training.
            units: That scale.
            seen: Class codes of the training rows; all by default.
            double: Double precision.
        """
        values, scale = scaled(np.concatenate([tree.value for tree in nodes]), 0.0)
        parts = np.split(values, np.cumsum([len(tree.value) for tree in nodes])[:-1])
        trees = from_nodes(
            [replace(tree, value=part) for tree, part in zip(nodes, parts, strict=True)], width, double=double
        )
        raw = tuple(units.back(np.array(base)).tolist())
        self.take(trees, tuple(range(self.n_classes)) if seen is None else seen, raw, scale * units.spread)

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict numbers, shape (n,)."""
        return self._raw(X)[:, 0]

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict probabilities, shape (n, number of seen classes)."""
        raw = self._raw(X)
        if len(self.seen) == 1:
            return np.ones((len(raw), 1))
        if self.boosted:
            return probabilities(raw)
        if raw.shape[1] == 1:
            return np.column_stack([1.0 - raw, raw])
        return np.asarray(raw / raw.sum(axis=1, keepdims=True))

    def _fitted(self) -> Trees:
        assert self.trees is not None, "fitted or loaded first"
        return self.trees

    def _raw(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Raw outputs, shape (n, outputs).

        Trees are summed in a fixed order, so that the bits of a prediction do not depend on the number of rows.
        """
        if self._walk is None:
            self._walk = Walk.over(self._fitted())
        # the row test avoids `cpu_count`, which is slower than the prediction of one row
        threads = min(len(X) // _ROWS, cpu_count()) if len(X) >= 2 * _ROWS else 1
        compiled = self._walk.compiled(len(X) // threads)
        if threads == 1:
            total = self._sums(compiled, X)
        else:
            with ThreadPoolExecutor(threads) as pool:  # the compiled code releases the GIL
                parts = pool.map(functools.partial(self._sums, compiled), np.array_split(X, threads))
                total = np.concatenate(list(parts))
        share = self.scale if self.boosted else self.scale / self._walk.trees
        return np.asarray(total * share + np.array(self.base))

    def _sums(self, compiled: Compiled, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum the leaves in the order of the trees, shape (n, outputs)."""
        value, outputs, kind = self._fitted().value, len(self.base), np.float32 if self.single else np.float64
        columns = value.shape[1]  # 1 in boosting, whose trees take turns with the outputs
        if len(X) * self.n_trees * columns <= _CELLS:
            found = value.take(np.concatenate(list(compiled.leaves(X))), axis=0)
            rounds = found.transpose(0, 2, 1) if columns == outputs else found.reshape(-1, outputs, len(X))
            return np.asarray(np.add.accumulate(rounds, axis=0, dtype=kind)[-1].T, dtype=np.float64)
        total = np.zeros((outputs, len(X)), dtype=kind)
        for number, leaves in enumerate(chain.from_iterable(compiled.leaves(X))):
            place = slice(None) if columns == outputs else number % outputs
            total[place] += value.take(leaves, axis=0).T if columns == outputs else value[:, 0].take(leaves)
        return np.asarray(total.T, dtype=np.float64)


def probabilities(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sigmoid of one output, shape (n, 1), or softmax of several; returns shape (n, classes)."""
    both = np.column_stack([np.zeros(len(raw)), raw]) if raw.shape[1] == 1 else raw
    powers = np.exp(both - both.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def scaled(values: NDArray[np.float64], base: float) -> tuple[NDArray[np.float64], float]:
    """Subtract the base from leaf values and divide by a power of two, into [-1, 1]; returns values and power."""
    rest = values - base
    largest = float(np.abs(rest).max(initial=0.0))
    scale = float(np.exp2(np.clip(np.ceil(np.log2(largest)), -1000, 1000))) if largest > 0 else 1.0
    return rest / scale, scale
