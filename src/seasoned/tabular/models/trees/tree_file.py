"""File of a tree model: arrays, checked when they are read, because compiled code follows them (law 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.models.trees.tree_arrays import LevelSets, Trees, structure
from seasoned.tabular.models.trees.tree_ensemble import TreeModel
from seasoned.tabular.safe_files import npz
from seasoned.tabular.safe_files.tree_structure import check_finite, check_thresholds, forged

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["dump", "load"]

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
MAX_NODES: Final = 2**27  # largest number of nodes in a file: a hundred trees on 670,000 rows with single-row leaves
_HIGHEST_LEVEL: Final = 2**23  # half a code below and above are exact in single precision
_LEVEL: Final = 1  # deflate level: much faster than level 6, and slightly larger files


def dump(model: TreeModel) -> bytes:
    """Serialise the fitted trees as arrays; bytes of equal significance lie together and compress better."""
    trees = model.trees
    assert trees is not None, "only what was fitted is stored"
    if len(trees.inner) > MAX_NODES:
        raise InvalidInput(
            f"the trees have {len(trees.inner):,} nodes, and a file holds {MAX_NODES:,}; leave forest and "
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
        or not 0 < count <= MAX_NODES
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
