"""Arguments and results of tasks: their passage to workers and the files that hold them."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from seasoned.errors import StorageError
from seasoned.execution.local import LocalExecutor, release_workers
from seasoned.execution.workers.pool import POOL


@pytest.mark.parametrize("size", [10, 200_000])
def test_frames_tables_and_arrays_are_passed_to_a_task(run, size):
    frame = pd.DataFrame({"x": np.arange(size, dtype=float), "s": pd.Series(["a", "b"] * (size // 2))})
    table = pa.Table.from_pandas(frame)

    def measure(frame, table, array):
        return frame["x"].sum(), table["x"].to_numpy().sum(), len(frame["s"].unique()), array.sum()

    total = frame["x"].sum()
    assert run(measure, frame, table, np.asfortranarray(np.ones((size, 2)))).value == (total, total, 2, 2 * size)
    assert run(lambda: frame["x"].sum() + 0).value == total


def test_result_arrays_can_be_changed_by_the_caller(run):
    array = run(np.ones, 300_000).value
    array += 1
    assert array.sum() == 600_000


def test_files_of_arguments_are_deleted_with_their_task(run):
    folder = POOL.session.folder
    run(np.sum, np.ones(300_000))
    assert len(list(Path(folder).glob("*.parcel"))) == 1  # the callable's


def test_files_of_many_callables_are_deleted(run):
    for number in range(40):
        assert run(lambda number=number: number).value == number
    assert len(list(Path(POOL.session.folder).glob("*.parcel"))) <= 16


def test_a_full_disk_is_reported_at_submit(executor, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seasoned.execution.workers.packing.write_parcel", full)
    with pytest.raises(StorageError, match="TMPDIR"):
        executor.submit(abs, 1)


def test_a_missing_temporary_folder_is_a_storage_error(monkeypatch):
    def fail(**_):
        raise FileNotFoundError("no usable temporary directory")

    release_workers()
    monkeypatch.setattr("tempfile.mkdtemp", fail)
    with LocalExecutor(workers=1) as executor, pytest.raises(StorageError, match="TMPDIR"):
        executor.submit(abs, 1)


def test_edited_modules_are_imported_anew(run, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "edited_between_studies.py"
    module.write_text("def answer():\n    return 1\n")
    import edited_between_studies

    with LocalExecutor(workers=1, threads=1) as executor:
        executor.submit(edited_between_studies.answer)
        assert executor.wait()[0].value == 1
    module.write_text("def answer():\n    return 2  # edited\n")
    with LocalExecutor(workers=1, threads=1) as executor:
        executor.submit(importlib.reload(edited_between_studies).answer)
        assert executor.wait()[0].value == 2
