"""Deep metric files: forged and foreign files are refused, and prediction needs no JAX."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from deep_metrics import raw
from seasoned.errors import InvalidInput
from seasoned.knowledge.deep_metric.file import read_deep_metric, write_deep_metric


def changed(path, name, array):
    """The file with one array replaced, or removed."""
    with np.load(path) as data:
        arrays = {key: data[key] for key in data.files if key != name}
    if array is not None:
        arrays[name] = array
    np.savez_compressed(path, **arrays)


ABOUT = '{"format": "seasoned.deep_metric", "version": 1, "members": %d, "width": %d, "hidden": 8, "stretch": %s}'
FORGED = [
    ("about", np.array("{}")),
    ("about", np.array('{"format": "seasoned.deep_metric", "version": 9}')),
    ("about", np.array(ABOUT % (2, 4, "NaN"))),
    ("about", np.array(ABOUT % (9, 4, "1"))),
    ("about", np.array(ABOUT % (2, 9**9, "1"))),
    ("about", None),
    ("frame/middle", None),
    ("frame/middle", np.zeros(7, np.float32)),
    ("frame/spread", np.zeros(3, np.float32)),
    ("frame/known", np.zeros((4, 2), np.float16)),
    ("frame/known", np.full((4, 5), np.inf, np.float16)),
    ("frame/clock", np.array([0.0, -1.0], np.float32)),
    ("frame/sorted", np.zeros((6, 5), np.float32)),
    ("member/1/skip", np.zeros((2, 2), np.float32)),
    ("member/1/ask", np.full((4, 4), np.nan, np.float32)),
    ("member/0/joint/#0/w", np.zeros((19, 8), np.float64)),
    ("member/5/ask", np.zeros((4, 4), np.float32)),
]


@pytest.mark.parametrize(("name", "array"), FORGED)
def test_forged_deep_metric_file_is_refused(tmp_path, name, array):
    path = tmp_path / "metric.npz"
    write_deep_metric(raw(), path)
    assert read_deep_metric(path).stretch == 1.25
    changed(path, name, array)
    with pytest.raises(InvalidInput):
        read_deep_metric(path)


def test_foreign_and_truncated_deep_metric_files_are_refused(tmp_path):
    path = tmp_path / "metric.npz"
    path.write_bytes(b"nonsense")
    with pytest.raises(InvalidInput):
        read_deep_metric(path)
    np.savez(path, about=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InvalidInput):
        read_deep_metric(path)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("about.npy", header.getvalue())
    with pytest.raises(InvalidInput, match="claims"):
        read_deep_metric(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.npy", bytes(2**27))
    with pytest.raises(InvalidInput, match="unpacks"):
        read_deep_metric(path)
    whole = tmp_path / "whole.npz"
    write_deep_metric(raw(), whole)
    path.write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(InvalidInput):
        read_deep_metric(path)
    with pytest.raises(FileNotFoundError):
        read_deep_metric(tmp_path / "nowhere.npz")


@pytest.mark.slow
def test_deep_metric_from_a_file_needs_no_jax(tmp_path):
    write_deep_metric(raw(), tmp_path / "metric.npz")
    code = f"""
import sys
import numpy as np
from seasoned.knowledge.deep_metric.model import Configurations, Trials
from seasoned.knowledge.deep_metric.file import read_deep_metric
metric = read_deep_metric({str(tmp_path / "metric.npz")!r})
points = np.random.default_rng(0).random((5, 3))
metric.predict(Configurations(points), Trials(Configurations(points[:2]), np.array([0.1, 0.2])))
print([name for name in ("jax", "optax") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
