from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from seasoned.errors import InvalidInput, StorageError
from seasoned.execution.parcel import freeze, open_parcel, pack, size, thaw, write_parcel
from seasoned.execution.shared import share_array, share_table

ARRAYS = [
    np.arange(10.0),
    np.zeros((0, 3)),
    np.array(3.0),
    np.asfortranarray(np.arange(12).reshape(3, 4)),
    np.array(["a", "bb"]),
    np.arange(20)[::2],
    np.zeros(3, dtype=[("a", "i4"), ("b", "f8")]),
    np.array(["2020-01-01"], dtype="datetime64[D]"),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_array_round_trip(tmp_path, array):
    handle = pickle.loads(pickle.dumps(share_array(array, tmp_path)))
    loaded = handle.load()
    np.testing.assert_array_equal(loaded, array, strict=True)
    assert type(loaded) is np.ndarray
    assert not loaded.flags.writeable
    assert handle.load() is loaded
    assert len(pickle.dumps(handle)) < 500


@pytest.mark.parametrize("rows", [0, 3])
def test_table_round_trip_without_a_copy(tmp_path, rows):
    table = pa.table({"x": [1, 2, 3], "s": ["a", None, "c"], "d": pa.array(["u", "v", "u"]).dictionary_encode()}).slice(
        0, rows
    )
    handle = pickle.loads(pickle.dumps(share_table(table, tmp_path)))
    before = pa.total_allocated_bytes()
    loaded = handle.load()
    assert loaded.equals(table)
    assert loaded.schema == table.schema
    assert handle.load() is loaded
    assert pa.total_allocated_bytes() - before < 10_000


def test_objects_cannot_be_shared(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be shared"):
        share_array(np.array([None, {}]), tmp_path)


def test_a_missing_or_damaged_file_is_named(tmp_path):
    for handle in (share_array(np.ones(3), tmp_path), share_table(pa.table({"x": [1]}), tmp_path)):
        Path(handle.path).write_bytes(b"damaged")
        with pytest.raises(StorageError, match="share it again"):
            handle.load()
        Path(handle.path).unlink()
        with pytest.raises(StorageError, match="share it again"):
            handle.load()


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        share_array(np.ones(3), tmp_path / "nowhere")
    with pytest.raises(StorageError, match="cannot be written"):
        share_table(pa.table({"x": [1]}), tmp_path / "nowhere")


def test_tasks_share_what_is_shared(run, tmp_path):
    array = share_array(np.arange(100_000.0), tmp_path)
    table = share_table(pa.table({"x": np.arange(100_000)}), tmp_path)

    def work(scale):
        return array.load().sum() * scale + table.load()["x"].to_numpy().sum()

    total = np.arange(100_000).sum()
    assert [run(work, scale).value for scale in (0, 1)] == [total, 2 * total]


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"a": (1, "b")},
        np.arange(3),
        [np.zeros((100, 100)), np.array([]), "x"],
        pd.DataFrame({"x": [1.0], "s": ["t"]}),
    ],
    ids=repr,
)
def test_parcels(tmp_path, value):
    path = str(tmp_path / "parcel")
    write_parcel(freeze(value), path)
    for copy in (open_parcel(path), thaw(freeze(value)), pickle.loads(pack(value))):
        assert repr(copy) == repr(value)
    with pytest.raises(FileExistsError):
        write_parcel(freeze(value), path)
    assert Path(path).stat().st_mode & 0o777 == 0o600


def test_buffers_lie_in_the_file_aligned_and_read_only(tmp_path):
    array = np.arange(1000.0)
    parcel = freeze((array, array))
    assert 8000 < size(parcel) < 9000  # the same array twice is one buffer
    write_parcel(parcel, str(tmp_path / "parcel"))
    first, second = open_parcel(str(tmp_path / "parcel"))
    assert first is second
    assert first.ctypes.data % 64 == 0
    assert not first.flags.writeable


def test_a_failed_write_leaves_nothing(tmp_path):
    with pytest.raises(TypeError):
        write_parcel((b"", ["no buffer"]), str(tmp_path / "parcel"))
    assert list(tmp_path.iterdir()) == []


def test_nothing_heavy_is_imported():
    code = (
        "import sys, seasoned.execution.local, seasoned.execution.shared, seasoned.execution.worker\n"
        "print(*{'numpy', 'pandas', 'pyarrow', 'psutil', 'cloudpickle', 'joblib'} & set(sys.modules))"
    )
    source = str(Path(__file__).resolve().parents[2] / "src")
    result = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": source}, check=True, capture_output=True, text=True
    )
    assert result.stdout.strip() == ""
