"""Files from a stranger: forged models are refused with one sentence and never crash the process that reads them."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from optional import FAMILIES, needs
from seasoned.errors import InvalidInput
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.registry import find
from seasoned.tabular.safe_files import npz as arrays_file
from seasoned.tabular.safe_files.zip_container import pack

REFUSED = 42
KINDS = ("forest", "histogram", "linear")
PROBE = f"""
import sys
import numpy as np
from pathlib import Path
from seasoned.errors import InvalidInput
from seasoned.tabular.models._common.base import predict
from seasoned.tabular.models.registry import find
name, n_classes, *paths = sys.argv[1:]
verdicts = []
for path in paths:
    try:
        estimator = find(name).load(Path(path).read_bytes())
    except InvalidInput:
        verdicts.append("refused")
        continue
    try:
        predict(estimator, np.random.default_rng(0).normal(size=(50, 4)), int(n_classes))
        verdicts.append("predicts")
    except Exception as error:
        verdicts.append(type(error).__name__)
print(" ".join(verdicts))
sys.exit({REFUSED})
"""


def verdicts(name, forged, folder, n_classes=2):
    """What a process of its own makes of each file; it must come to its end."""
    paths = []
    for index, data in enumerate(forged):
        paths.append(folder / f"{name}-{index}")
        paths[-1].write_bytes(data)
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROBE, name, str(n_classes), *map(str, paths)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert run.returncode == REFUSED, f"the process died: {run.returncode} {run.stderr[-500:]}"
    return run.stdout.split()


def fitted(name, task="binary"):
    needs(name)
    rng = np.random.default_rng(0)
    rows, levels = (1200, 4) if name == "lightgbm" else (300, 30)  # LightGBM ignores levels of few rows
    X = rng.normal(size=(rows, 4))
    X[:, 3] = rng.integers(0, levels, rows)
    signal = X[:, 0] + X[:, 1] + 2 * (X[:, 3] % 3 == 0)
    y = 10 * signal if task == "regression" else (signal > 0.5).astype(int)
    model = find(name)
    job = Job(task, 0 if task == "regression" else 2, 0, categorical=() if model.diet == "dense" else (3,))
    config = model.space(task).default
    if name == "tuned_mlp":  # it finds its rounds itself
        config = config | {"layers": 1, "width": 16, "rounds": 50}
    if model.with_rounds(config, 5) != config:
        config = model.with_rounds(config, 5)
    estimator = model.build(config, job)
    model.fit(estimator, (X, y), None)
    return model, estimator


def trees_with(data, **changes):
    """The file of a tree model with arrays changed in place or replaced."""
    with np.load(io.BytesIO(data)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for name, change in changes.items():
        arrays[name] = found if (found := change(arrays[name])) is not None else arrays[name]
    return npz(**arrays)


def put(place, value):
    def change(array):
        array[place] = value

    return change


def whole(value):
    """The first integer of an array that is stored byte by byte."""
    return put((slice(None), 0), np.array([value], dtype="<i4").view(np.uint8))


def real(value):
    """The first number of an array that is stored byte by byte, in single or double precision."""

    def change(planes):
        planes[:, 0] = np.array([value], dtype=f"<f{len(planes)}").view(np.uint8)

    return change


FORGED_TREES = {
    "a tree without an end": {"inner": put(slice(None), 255)},
    "a last tree cut": {"inner": lambda bits: bits[:-1]},
    "one node turned into a leaf": {"inner": lambda bits: bits ^ np.eye(1, len(bits), dtype=np.uint8)[0] * 128},
    "bits behind the last node": {"inner": put(-1, 255)},
    "a feature outside": {"feature": whole(4)},
    "a feature far outside": {"feature": whole(10**9)},
    "a negative feature": {"feature": whole(-5)},
    "a threshold that is NaN": {"threshold": real(np.nan)},
    "a leaf that is NaN": {"value": real(np.nan)},
    "a leaf that is infinite": {"value": real(np.inf)},
    "a leaf that is no share": {"value": real(7.0)},
    "fewer features": {"feature": lambda planes: planes[:, 1:]},
    "another number of bytes": {"threshold": lambda planes: planes[:3]},
    "fewer leaves": {"value": lambda planes: planes[:, :-1]},
    "no missing bits": {"missing_left": lambda bits: bits[:0]},
    "a wider table": {"settings": put(2, 2)},
    "no table": {"settings": put(2, 0)},
    "a huge table": {"settings": put(2, 2**40)},
    "more nodes": {"settings": put(3, 2**62)},
    "no nodes": {"settings": put(3, 0)},
    "negative nodes": {"settings": put(3, -8)},
    "another kind": {"settings": lambda found: found ^ np.array([0, 1, 0, 0, 0, 0, 0])},
    "more outputs": {"settings": put(4, 5)},
    "numbers of five bytes": {"settings": put(5, 5)},
    "sums of a third kind": {"settings": put(6, 2)},
    "more classes": {"seen": lambda seen: np.arange(9)},
    "classes outside": {"seen": lambda seen: seen + 7},
    "classes twice": {"seen": lambda seen: seen * 0},
    "a negative number of classes": {"settings": put(0, -1)},
    "an infinite base": {"base": put(0, np.inf)},
    "no base": {"base": lambda base: base[:1]},
    "a negative scale": {"base": put(-1, -1.0)},
    "other settings": {"settings": lambda found: found[:4]},
}


@pytest.mark.parametrize("name", ["forest", "histogram", "lightgbm", "tree", "xgboost"])
def test_forged_trees(name, tmp_path):
    model, estimator = fitted(name)
    data = model.dump(estimator)
    kept = verdicts(name, [trees_with(data)], tmp_path)
    assert kept == ["predicts"]
    forged = [trees_with(data, **changes) for changes in FORGED_TREES.values()]
    found = dict(zip(FORGED_TREES, verdicts(name, forged, tmp_path), strict=True))
    assert {what for what, verdict in found.items() if verdict != "refused"} == set()


def test_a_forest_is_no_booster_and_no_linear_model(tmp_path):
    forest, histogram, linear = (model.dump(estimator) for model, estimator in map(fitted, KINDS))
    assert verdicts("forest", [histogram, linear], tmp_path) == ["refused"] * 2
    assert verdicts("histogram", [forest, linear], tmp_path) == ["refused"] * 2


def test_incomplete_rounds(tmp_path):
    """Three classes need a tree each in every round."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 4)), rng.integers(0, 3, 300)
    model = find("histogram")
    estimator = model.build({**model.space("multiclass").default, "rounds": 1}, Job("multiclass", 3, 0))
    model.fit(estimator, (X, y), None)
    leaf = {"inner": lambda bits: bits[:0], "settings": put(3, 1), "feature": lambda planes: planes[:, :0]}
    rest = {"threshold": lambda planes: planes[:, :0], "missing_left": lambda bits: bits[:0]}
    one = {**leaf, **rest, "inner": lambda bits: np.zeros(1, np.uint8), "value": lambda planes: planes[:, :1]}
    assert verdicts("histogram", [trees_with(model.dump(estimator), **one)], tmp_path, 3) == ["refused"]


FORGED_SETS = {
    "no split with a set": {"split": lambda bits: bits * 0},
    "bits behind the last split": {"split": lambda bits: np.append(bits, np.uint8(1))},
    "an empty set": {"sizes": lambda sizes: np.append(sizes - 1, np.int32(len(sizes))).astype(np.int32)[:-1]},
    "a set that is too long": {"sizes": put(0, 10**6)},
    "a negative set": {"sizes": put(0, -1)},
    "a set too many": {"sizes": lambda sizes: np.append(sizes, np.int32(1))},
    "fewer codes": {"levels": lambda levels: levels[:-1]},
    "a negative code": {"levels": put(0, -1)},
    "a code beyond single precision": {"levels": put(-1, 2**24)},
    "codes that fall": {"levels": lambda levels: levels[::-1]},
    "a column with thresholds and sets": {"feature": lambda planes: planes * 0},
}


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_forged_level_sets(name, tmp_path):
    model, estimator = fitted(name)
    data = model.dump(estimator)
    with np.load(io.BytesIO(data)) as archive:
        assert len(archive["sizes"]) > 1, "the table must lead to splits on level codes"
    forged = [trees_with(data, **changes) for changes in FORGED_SETS.values()]
    found = dict(zip(FORGED_SETS, verdicts(name, forged, tmp_path), strict=True))
    assert {what for what, verdict in found.items() if verdict != "refused"} == set()


def test_forged_catboost_models(tmp_path):
    model, estimator = fitted("catboost")
    data = model.dump(estimator)
    head, _, core = data.partition(b"\n")
    full = np.frombuffer(core, np.uint8)
    forged = [
        head + b"\n" + core[: len(core) // 2],
        data + b"x",
        head + b"\n" + core[:4] + b"\xff\xff\xff\x7f" + core[8:],
        head + b"\n" + core[:8] + b"\xff\xff\xff\x7f" + core[12:],
        head.replace(b'"width": 4', b'"width": 9') + b"\n" + core,
        head.replace(b"[3]", b"[99]") + b"\n" + core,
        b"{}\n" + core,
        head + b"\n" + full[::-1].tobytes(),
    ]
    assert verdicts("catboost", forged, tmp_path) == ["refused"] * len(forged)


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "linear"])
@pytest.mark.slow
def test_random_damage_never_crashes(name, tmp_path):
    """Single bytes changed all over the file: refused, an error, or a prediction; the process lives on."""
    model, estimator = fitted(name)
    data = bytearray(model.dump(estimator))
    rng = np.random.default_rng(1)
    forged = []
    for place in rng.integers(0, len(data), 60):
        changed = data.copy()
        changed[place] ^= int(rng.integers(1, 256))
        forged.append(bytes(changed))
    found = verdicts(name, forged, tmp_path)
    assert set(found) <= {"refused", "predicts"}


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def test_forged_arrays():
    X, y = np.zeros((5, 2), np.float32), np.array([0.0, 1, 0, 1, 1])
    settings = np.array([3, 2, 0, 2])
    load = find("neighbours").load
    assert load(npz(X=X, y=y, settings=settings)).neighbours == 3
    for forged in (
        npz(X=X, y=y),
        npz(X=X, y=y[:3], settings=settings),
        npz(X=X.astype(np.float64), y=y, settings=settings),
        npz(X=np.full_like(X, np.nan), y=y, settings=settings),
        npz(X=X, y=y + 5, settings=settings),
        npz(X=X, y=y, settings=np.array([0, 2, 0, 2])),
        npz(X=X, y=y, settings=np.array([3, 7, 0, 2])),
        npz(X=X, y=np.array([{}] * 5, dtype=object), settings=settings),
        b"PK",
    ):
        with pytest.raises(InvalidInput):
            load(forged)
    vector, widths = np.zeros(2 + 2 * 3 + 3 + 3 * 2 + 2, np.float32), np.array([2, 3, 2, 2])
    load, target = find("mlp").load, np.zeros(4)
    assert load(npz(vector=vector, widths=widths, target=target)).n_classes == 2
    for forged in (
        npz(vector=vector[1:], widths=widths, target=target),
        npz(vector=vector, widths=np.array([2, 3, 2, 3]), target=target),
        npz(vector=vector, widths=np.array([2, -3, 2, 2]), target=target),
        npz(vector=vector * np.nan, widths=widths, target=target),
        npz(vector=vector, widths=np.array([2**40, 2, 2]), target=target),
    ):
        with pytest.raises(InvalidInput):
            load(forged)


def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr("seasoned.tabular.safe_files.npz.MAX_UNPACKED_BYTES", 2**20)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", bytes(2**21))
    with pytest.raises(InvalidInput, match="unpacks to more than 2 GiB"):
        find("mlp").load(buffer.getvalue())


def test_the_sources_of_checks_are_listed():
    """Every family's `load` goes through a check: a new one must choose one of these, or a checked family's `load`."""
    folder = Path(__file__).parents[3] / "src/seasoned/tabular/models"
    checks = ("skops_file.load", "npz.load", "tree_file.load", "check_model", "_TREES.load", "context_rows.load")
    families = [path for path in folder.rglob("*.py") if path.parent.name != "_common"]
    for path in families:
        source = path.read_text()
        if "def load(self, data: bytes)" in source:
            assert any(check in source for check in checks), path.name


def test_what_could_not_be_loaded_again_is_not_saved(monkeypatch):
    monkeypatch.setattr("seasoned.tabular.safe_files.npz.MAX_UNPACKED_BYTES", 2**20)
    with pytest.raises(InvalidInput, match=r"more than a file of one holds \(2\); leave its family out"):
        arrays_file.dump({"leaves": np.zeros(2**18)})
    inner = arrays_file.dump({"leaves": np.zeros(2**16)})
    monkeypatch.setattr("seasoned.tabular.safe_files.zip_container.MAX_UNPACKED_BYTES", 2**19)
    with pytest.raises(InvalidInput, match="more than a bundle holds"):
        pack({}, {"model-0": inner}, None)
