"""Fitted tree, forest or boosted ensemble with `predict` and `predict_proba`, and its file format.

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

from seasoned.errors import InvalidInput
from seasoned.execution._system.resources import cpu_count
from seasoned.tabular.models.trees.tree_arrays import LevelSets, Nodes, Trees, from_nodes, structure
from seasoned.tabular.models.trees.tree_prediction import Compiled, Walk
from seasoned.tabular.safe_files import npz
from seasoned.tabular.safe_files.tree_structure import check_finite, check_thresholds, forged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.models._common.target_scaling import Units

__all__ = ["TreeModel", "dump", "load", "probabilities", "scaled"]

_FILE: Final = {
    "settings": ("int64", 1),
    "seen": ("int64", 1),
    "base": ("float64", 1),
    "inner": ("uint8", 1),
    "missing_left": ("uint8", 1),
    "feature": ("uint8", 2),
    "threshold": ("uint8", 2),
    "value": ("uint8", 2),
}
_SETS: Final = {"split": ("uint8", 1), "sizes": ("int32", 1), "levels": ("int32", 1)}
_MOST_NODES: Final = 2**27  # largest number of nodes in a file: a hundred trees on 670,000 rows with single-row leaves
_HIGHEST_LEVEL: Final = 2**23  # half a code below and above are exact in single precision
_ROWS: Final = 5_000  # rows per thread; with fewer rows, synchronisation between the trees takes longer than the work
_CELLS: Final = 500_000  # largest number of leaf values that are summed in one call
_LEVEL: Final = 1  # deflate level: much faster than level 6, and slightly larger files


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


def dump(model: TreeModel) -> bytes:
    """Serialise the fitted trees as arrays; bytes of equal significance lie together and compress better."""
    trees = model.trees
    assert trees is not None, "only what was fitted is stored"
    if len(trees.inner) > _MOST_NODES:
        raise InvalidInput(
            f"the trees have {len(trees.inner):,} nodes, and a file holds {_MOST_NODES:,}; leave forest and "
            "extra_trees out of SearchSettings(models=...), or fit on fewer rows."
        )
    settings = [
        model.n_classes, model.boosted, trees.width, len(trees.inner), trees.value.shape[1], trees.value.itemsize,
        model.single,
    ]  # fmt: skip
    sets = trees.sets
    return npz.dump(
        {
            "settings": np.array(settings, dtype=np.int64),
            "seen": np.array(model.seen, dtype=np.int64),
            "base": np.array([*model.base, model.scale], dtype=np.float64),
            "inner": np.packbits(trees.inner),
            "missing_left": np.packbits(trees.missing_left),
            "feature": _planes(trees.feature),
            "threshold": _planes(trees.threshold),
            "value": _planes(trees.value.ravel()),
            **({} if sets is None else _packed_sets(sets)),
        },
        level=_LEVEL,
    )


def load(data: bytes, *, boosted: bool) -> TreeModel:
    """Deserialise the model of `dump`; every part is checked, because compiled code follows the trees.

    Raises:
        InvalidInput: If the file is damaged, or its arrays are not valid trees.
    """
    found = npz.load(data, _FILE, _SETS)
    if len(found["settings"]) != 7 or not 2 <= len(found["base"]) <= 2**16:
        raise forged("a tree model without settings")
    n_classes, kind, width, count, columns, itemsize, single = found["settings"].tolist()
    seen, (*base, scale) = found["seen"].tolist(), found["base"].tolist()
    if (
        kind != boosted
        or itemsize not in {4, 8}
        or single not in {0, 1}
        or not 0 < width < 2**31
        or not 0 < count <= _MOST_NODES
    ):
        raise forged("a tree model with impossible settings")
    inner = _bits(found["inner"], count)
    splits = int(inner.sum())
    leaves = count - splits
    if columns != (1 if boosted else len(base)):
        raise forged("a tree model with impossible outputs")
    real = f"<f{itemsize}"
    feature, threshold = _numbers(found["feature"], splits, "<i4"), _numbers(found["threshold"], splits, real)
    value = _numbers(found["value"], leaves * columns, real).reshape(leaves, columns)
    sets = _unpacked_sets(found, splits)
    trees = Trees(inner, feature, threshold, _bits(found["missing_left"], splits), value, width, sets)
    _, roots = structure(inner)
    if boosted and len(roots) % len(base):
        raise forged("an incomplete round")
    if ((feature < 0) | (feature >= width)).any():
        raise forged("a tree that splits a column outside the table")
    if sets is not None and np.isin(feature[~sets.split], feature[sets.split]).any():
        raise forged("a column with thresholds and level sets")
    check_thresholds(threshold)
    check_finite("leaf values", value)
    model = TreeModel(None, n_classes, boosted, trees, tuple(seen), tuple(base), scale, single=bool(single))
    _check_outputs(model)
    return model


def _packed_sets(sets: LevelSets) -> dict[str, NDArray[Any]]:
    sizes = np.diff(sets.bounds).astype(np.int32)
    return {"split": np.packbits(sets.split), "sizes": sizes, "levels": sets.levels}


def _unpacked_sets(found: dict[str, NDArray[Any]], splits: int) -> LevelSets | None:
    """Level sets of a file: one set for each marked split, none empty, codes ascending."""
    if not found.keys() & _SETS.keys():
        return None
    if not found.keys() >= _SETS.keys() or not splits:
        raise forged("level sets without splits")
    split, sizes, levels = _bits(found["split"], splits), found["sizes"], found["levels"]
    bounds = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    if np.count_nonzero(split) != len(sizes) or not len(sizes) or (sizes < 1).any() or bounds[-1] != len(levels):
        raise forged("level sets that point outside")
    rises = np.diff(levels, prepend=-1) > 0
    rises[bounds[:-1]] = True
    if not rises.all() or (levels < 0).any() or (levels > _HIGHEST_LEVEL).any():
        raise forged("impossible level sets")
    return LevelSets(split, bounds, levels)


def _check_outputs(model: TreeModel) -> None:
    """Check that outputs match the classes, and that means are probabilities."""
    seen, outputs = model.seen, len(model.base)
    if model.n_classes == 0:
        sound = not seen and outputs == 1
    else:
        known = 1 < model.n_classes < 2**31 and list(seen) == sorted(set(seen)) and seen and seen[0] >= 0
        sound = bool(known) and seen[-1] < model.n_classes and outputs in ({1, 2} if len(seen) <= 2 else {len(seen)})
    if not sound or not 0 < model.scale < np.inf:
        raise forged("outputs that do not fit its classes")
    value = model._fitted().value  # noqa: SLF001 - the model is this file's own
    if not model.n_classes or model.boosted:
        if (np.abs(value) > 1).any():
            raise forged("leaf values beyond their scale")
    else:
        sums = value.sum(axis=1)
        if (
            (value < 0).any()
            or (sums > 1.001).any()
            or (outputs > 1 and (sums < 0.999).any())
            or (*model.base, model.scale) != (0.0,) * outputs + (1.0,)
        ):
            raise forged("leaf values that are no probabilities")


def _planes(numbers: NDArray[Any]) -> NDArray[np.uint8]:
    """Bytes of all numbers, shape (4 or 8, n): the lowest bytes first."""
    little = np.ascontiguousarray(numbers, dtype=numbers.dtype.newbyteorder("<"))
    return np.ascontiguousarray(little.view(np.uint8).reshape(-1, numbers.dtype.itemsize).T)


def _numbers(planes: NDArray[np.uint8], count: int, kind: str) -> NDArray[Any]:
    if planes.shape != (np.dtype(kind).itemsize, count):
        raise forged("arrays that do not fit together")
    return np.ascontiguousarray(planes.T).reshape(-1).view(kind).astype(np.dtype(kind).newbyteorder("="))


def _bits(packed: NDArray[np.uint8], count: int) -> NDArray[np.bool_]:
    if len(packed) != (count + 7) // 8 or np.unpackbits(packed[-1:])[(count - 1) % 8 + 1 :].any():
        raise forged("arrays that do not fit together")
    return np.unpackbits(packed, count=count).astype(np.bool_)
