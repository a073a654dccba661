"""Check of a CatBoost model from a file: only models of the form that this package writes are accepted.

The check precedes CatBoost's own reader, which trusts the tables of category statistics. It covers the core (oblivious
trees over columns of numbers and of level codes), then each hash table of category statistics. The layout follows
CatBoost's `libs/model/flatbuffers/*.fbs`.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.safe_files.flatbuffers import Table, root
from seasoned.tabular.safe_files.tree_structure import check_finite, forged

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_model"]

_DEEPEST: Final = 16  # largest depth of a tree
_BUCKET: Final = 254  # largest number of borders of a quantised column; longer lists are split
_BORDERS, _BUCKETS, _MEAN, _FLOAT_MEAN, _COUNTER, _FREQUENCY = range(6)  # kinds of category statistics
_EMPTY: Final = np.uint64(0xFFFFFFFFFFFFFFFF)  # hash of an empty slot
_SLOT: Final = "<u8, <u4"  # hash and index, 12 bytes
_NOTES: Final = frozenset(  # keys whose values CatBoost only shows, except for the classes
    {
        "catboost_version_info", "class_params", "model_guid", "output_options", "params", "train_finish_time",
        "training",
    }
)  # fmt: skip
_UNUSED: Final = (10, 11, 12, 13, 18)  # fields that must be empty: asymmetric trees; text, estimated, embedding columns


def check_model(data: bytes, numbers: int, levels: int, outputs: int) -> None:
    """Check a model of `outputs` outputs on `numbers` columns of numbers, then `levels` columns of level codes.

    Raises:
        InvalidInput: If a part is missing, unknown, out of range or of the wrong length.
    """
    try:
        if data[:4] != b"CBM1":
            raise forged("no CatBoost model")
        (size,) = struct.unpack_from("<I", data, 4)
        core, rest = data[8 : 8 + size], data[8 + size :]
        model = root(core)
        if len(core) != size or model.text(0) != "FlabuffersModel_v1":
            raise forged("a CatBoost model that is cut")
        trees = model.table(1)
        kinds = _check_trees(trees, numbers, levels, outputs)
        _check_notes({note.text(0): note.text(1) for note in model.tables(2)}, outputs)
        _check_parts(rest, model.texts(3), kinds)
    except InvalidInput:
        raise
    except (struct.error, ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise forged(f"an incomplete CatBoost model ({error!r})") from error


def _check_trees(trees: Table, numbers: int, levels: int, outputs: int) -> list[tuple[int, int]]:
    """Check the core; return kind and target border of each category statistic in use."""
    if trees.number(0, "i", 0) != outputs or any(len(trees.array(field, "<u1")) for field in _UNUSED):
        raise forged("a CatBoost model of another kind")
    counts = _columns(trees, numbers, levels)
    statistics = [(table.table(0), table.array(1, "<f4")) for table in trees.tables(7)]
    for statistic, borders in statistics:
        check_finite("borders", borders)
        check_finite("priors", *(statistic.number(field, "f", 0.0) for field in (2, 3, 4, 5)))
        counts.append(len(borders))
    splits, sizes = trees.array(1, "<i4"), trees.array(2, "<i4")
    if ((splits < 0) | (splits >= sum(counts))).any() or ((sizes < 0) | (sizes > _DEEPEST)).any():
        raise forged("a tree that points outside its splits")
    if sizes.sum() != len(splits) or not np.array_equal(trees.array(3, "<i4"), np.cumsum(sizes) - sizes):
        raise forged("tree sizes that do not match the trees")
    leaves = int((2 ** sizes.astype(np.int64)).sum())
    values, weights = trees.array(8, "<f8"), trees.array(9, "<f8")
    if len(values) != leaves * outputs or len(weights) not in {0, leaves}:
        raise forged("leaf values that do not match the trees")
    bias = trees.array(16, "<f8")
    if len(bias) not in {0, 1, outputs}:
        raise forged("a bias of the wrong length")
    check_finite("leaf values", values, bias, trees.number(14, "d", 1.0), trees.number(15, "d", 0.0))
    _check_repacked(trees, counts, len(splits))
    return [
        (int(statistic.table(0).number(1, "b", 0)), int(statistic.number(1, "i", 0))) for statistic, _ in statistics
    ]


def _columns(trees: Table, numbers: int, levels: int) -> list[int]:
    """Check the columns; return the number of splits of each column of numbers and of each one-hot column."""
    counts = []
    found = trees.tables(5)
    if [(t.number(1, "i", -1), t.number(2, "i", -1)) for t in found] != [(i, i) for i in range(numbers)]:
        raise forged("columns of numbers that are not the table's")
    for table in found:
        borders = table.array(3, "<f4")
        check_finite("borders", borders)
        if not 0 <= table.number(5, "b", 0) <= 2:
            raise forged("an unknown treatment of missing values")
        counts.append(len(borders))
    found = trees.tables(4)
    if [(t.number(0, "i", -1), t.number(1, "i", -1)) for t in found] != [(i, numbers + i) for i in range(levels)]:
        raise forged("columns of levels that are not the table's")
    for table in trees.tables(6):
        values, words = table.array(1, "<i4"), table.texts(2)
        if not 0 <= table.number(0, "i", -1) < levels or len(words) not in {0, len(values)}:
            raise forged("a one-hot column that is not the table's")
        counts.append(len(values))
    return counts


def _check_repacked(trees: Table, counts: list[int], splits: int) -> None:
    """Check the second list of the splits, which CatBoost evaluates: (quantised column, xor mask, split)."""
    repacked = trees.array(17, "<u2, <u1, <u1")
    buckets = sum(-(-count // _BUCKET) for count in counts)
    if len(repacked) not in {0, splits} or (repacked["f0"] >= max(buckets, 1)).any():
        raise forged("a split that points outside the columns")


def _check_notes(notes: dict[str, str], outputs: int) -> None:
    """Check the notes: CatBoost assigns outputs to the classes of a note, which must be 0, 1, ... without gaps."""
    if not notes.keys() <= _NOTES:
        raise forged("notes that no model of this package has")
    classes = list(range(max(outputs, 2)))
    expected = [(names, count) for names in ([], classes) for count in (0, outputs)]
    about = json.loads(notes.get("class_params", "null"))
    if about is not None and (
        about["class_to_label"] != classes or (about["class_names"], about["classes_count"]) not in expected
    ):
        raise forged("classes that are not the model's")


def _check_parts(rest: bytes, names: list[str], kinds: list[tuple[int, int]]) -> None:
    """Check the category statistics: a count, then a size and a buffer for each."""
    if not names:
        if rest or kinds:
            raise forged("category statistics in the wrong place")
        return
    if names != ["static_provider_v1"]:
        raise forged("parts of an unknown kind")
    (count,) = struct.unpack_from("<I", rest, 0)
    place = 4
    for _ in range(count):
        (size,) = struct.unpack_from("<I", rest, place)
        part = rest[place + 4 : place + 4 + size]
        if len(part) != size:
            raise forged("category statistics that are cut")
        _check_statistic(root(part), kinds)
        place += 4 + size
    if place != len(rest):
        raise forged("more than a CatBoost model")


def _check_statistic(table: Table, kinds: list[tuple[int, int]]) -> None:
    base = table.table(0)
    combination = base.table(0)
    for field, dtype in ((0, "<i4"), (1, "<i4, <f4"), (2, "<i4, <i4")):
        combination.array(field, dtype)  # checks the offsets; CatBoost itself refuses unknown values
    kind = base.number(1, "b", 0)
    classes = table.number(4, "i", 0)
    blob = table.array(2, "<u1")
    units: dict[int, Any] = {_MEAN: 8, _FLOAT_MEAN: 8, _COUNTER: 4, _FREQUENCY: 4}
    if kind in {_BORDERS, _BUCKETS}:
        if not 2 <= classes <= 2**16:
            raise forged("category statistics over an impossible number of classes")
        units[kind] = 4 * classes
        most = classes - (kind == _BORDERS)
        if any(used == kind and not 0 <= border < most for used, border in kinds):
            raise forged("a category statistic of a class that is not there")
    if kind not in units or len(blob) % units[kind]:
        raise forged("category statistics of an unknown kind")
    _check_hashes(table.array(1, "<u1"), len(blob) // units[kind])


def _check_hashes(raw: NDArray[np.uint8], entries: int) -> None:
    """Check a hash table: a power of two of slots, and indices inside the statistics.

    At least one slot must be empty; otherwise a search would never end.
    """
    if len(raw) % 12 or not len(raw):
        raise forged("a hash table that is cut")
    slots = np.frombuffer(raw.tobytes(), _SLOT)
    empty = slots["f0"] == _EMPTY
    if len(slots) & (len(slots) - 1) or not empty.any() or (slots["f1"][~empty] >= entries).any():
        raise forged("a hash table that points outside")
