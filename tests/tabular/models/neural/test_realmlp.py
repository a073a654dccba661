"""RealMLP: numpy predicts what JAX trained, what it learns, and its files."""

from __future__ import annotations

import subprocess
import sys

import jax
import numpy as np
import pytest

from family_tables import learned
from in_process import stay_in_process
from optional import needs
from seasoned import AutoRegressor, SearchSettings
from seasoned.errors import InvalidInput
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.neural.realmlp import RealMLP
from seasoned.tabular.models.neural.realmlp_forward import ACTIVATIONS, Build, forward, initial, shapes
from seasoned.tabular.models.neural.realmlp_training import Rows, compiled_passes, padded
from seasoned.tabular.safe_files import npz

SMALL = {"width": 32, "layers": 2, "epochs": 60, "batch": 64, "dropout": 0.0}


def table(rows=400, seed=0):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.integers(0, 2, rows), rng.uniform(-2, 2, (rows, 2))])
    return X, X[:, 0] * X[:, 1] + np.sin(4 * X[:, 2]) + 0.1 * rng.normal(size=rows)


def fitted(task="regression", rows=400, **changes):
    X, y = table(rows)
    classes = {"regression": 0, "binary": 2, "multiclass": 3}[task]
    y = np.digitize(y, np.quantile(y, np.arange(1, classes) / classes)) if classes else y
    family = RealMLP()
    config = {**family.space(task).default, **SMALL, **changes}
    estimator = family.build(config, Job(task, classes, 0))
    cut = rows * 3 // 4
    rounds = family.fit(estimator, (X[:cut], y[:cut]), (X[cut:], y[cut:]))
    return family, estimator, rounds, X, y


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("quantities", [0, 3])
def test_numpy_predicts_what_jax_predicts(activation, quantities):
    rng = np.random.default_rng(0)
    build = Build(5, quantities, 16, 3, activation, 2)
    params = initial(build, 0.3, rng)
    params = {name: part + 0.1 * rng.standard_normal(part.shape, dtype=np.float32) for name, part in params.items()}
    assert {name: part.shape for name, part in params.items()} == shapes(build)
    X = rng.normal(size=(50, 5)).astype(np.float32)
    found = forward(np, build, params, X)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, forward(jax.numpy, build, params, X), atol=1e-5)


def test_it_learns_products_and_waves():
    _, estimator, rounds, _, _ = fitted(rows=1600)
    fresh, y = table(2000, seed=1)
    assert 1 <= rounds <= 60
    assert np.mean((estimator.predict(fresh) - y) ** 2) < 0.15 * y.var()


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_the_same_seed_gives_the_same_network(task):
    (_, a, one, X, _), (_, b, two, _, _) = fitted(task, epochs=20, dropout=0.2), fitted(task, epochs=20, dropout=0.2)
    assert one == two
    np.testing.assert_array_equal(a.outputs(X), b.outputs(X))


def test_folds_share_what_is_compiled():
    fitted(rows=400)
    before = compiled_passes.cache_info()
    fitted(rows=396)
    after = compiled_passes.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)
    sizes = {len(padded(Rows(np.zeros((n, 2)), np.zeros((n, 1)), np.ones(n))).X) for n in range(290, 300)}
    assert sizes == {384}


def test_rows_that_pad_count_nothing():
    found = padded(Rows(np.ones((3, 2)), np.ones((3, 1)), np.ones(3)))
    assert found.weight.sum() == 3
    assert found.X.shape == (64, 2)


def test_rows_count_by_their_weight():
    X, _ = table(400)
    y = (np.arange(400) % 4 == 0).astype(int)  # a quarter is of class 1, whatever the columns say
    family = RealMLP()
    for weight, expected in ((None, 0.25), (np.where(y == 1, 3.0, 1.0) * 2 / 3, 0.5)):
        estimator = family.build({**family.space("binary").default, **SMALL, "epochs": 10}, Job("binary", 2, 0))
        family.fit(estimator, (X, y), None, weights=None if weight is None else (weight, None))
        assert estimator.predict_proba(X)[:, 1].mean() == pytest.approx(expected, abs=0.1)


def test_it_stops_when_its_time_is_up():
    X, y = table(4000)
    family = RealMLP()
    estimator = family.build(
        {**family.space("regression").default, "width": 256, "epochs": 256}, Job("regression", 0, 0)
    )
    rounds = family.fit(estimator, (X[:3000], y[:3000]), (X[3000:], y[3000:]), 2.0)
    assert rounds < 256


def test_few_rows_and_no_columns():
    family = RealMLP()
    config = {**family.space("regression").default, **SMALL, "epochs": 2}
    for X in (np.zeros((1, 2)), np.zeros((3, 0))):
        estimator = family.build(config, Job("regression", 0, 0))
        family.fit(estimator, (X, np.arange(float(len(X)))), None)
        assert np.isfinite(estimator.predict(X)).all()


@pytest.mark.slow
def test_a_model_predicts_without_jax(tmp_path, monkeypatch):
    """The whole file, in a process that has none; what is fitted again asks for it in a sentence."""
    stay_in_process(monkeypatch)
    X, y = table(150)
    search = SearchSettings(models=["realmlp"], folds=2, spaces={"realmlp": {**SMALL, "epochs": 20}})
    model = AutoRegressor(trials=1, workers=1, random_state=0, experience=None, search=search).fit(X, y)
    model.save(tmp_path / "model")
    np.save(tmp_path / "X.npy", X)
    code = (
        "import sys, numpy as np\n"
        "sys.modules['jax'] = None\n"
        "from pathlib import Path\n"
        "from seasoned import load\n"
        "from seasoned.errors import MissingExtra\n"
        "folder = Path(sys.argv[1])\n"
        "X = np.load(folder / 'X.npy')\n"
        "model = load(folder / 'model')\n"
        "np.save(folder / 'found.npy', model.predict(X))\n"
        "from seasoned.tabular.models.registry import find\n"
        "from seasoned.tabular.models._common.base import Job\n"
        "try:\n"
        "    find('realmlp').build({}, Job('regression', 0, 0))\n"
        "except MissingExtra as error:\n"
        "    assert 'pip install jax optax' in str(error)\n"
        "else:\n"
        "    raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), model.predict(X))


def test_forged_files_are_refused():
    family, estimator, _, _, _ = fitted("multiclass", epochs=2)
    kinds = {"vector": ("float32", 1), "order": ("int64", 1), "build": ("int64", 1), "target": ("float64", 1)}
    good = npz.load(family.dump(estimator), kinds)
    build = good["build"].tolist()
    assert build == [3, 2, 32, 2, 0, 3, 3]

    def put(place, value):
        return {"build": np.array([*build[:place], value, *build[place + 1 :]])}

    for change in (
        {"vector": good["vector"][1:]},
        {"vector": good["vector"] * np.nan},
        {"order": np.array([0, 1, 1])},
        {"order": np.array([0, 1, 3])},
        {"order": np.array([0, 1])},
        {"build": good["build"][1:]},
        put(0, 2**40),
        put(1, 4),
        put(1, -1),
        put(2, 0),
        put(3, 0),
        put(3, 2**40),
        put(4, 9),
        put(5, 2),
        put(6, -1),
        {"target": np.array([0.0, 1.0, 2.0, 1.0])},
        {"target": np.array([0.0])},
    ):
        with pytest.raises(InvalidInput):
            family.load(npz.dump({**good, **change}))


@pytest.mark.slow
def test_realmlp_batches_count_heavy_rows_by_their_weight():
    """Each batch was divided by its own weight: one without a heavy row counted as much as one with it."""
    needs("realmlp")
    rng = np.random.default_rng(0)
    X, heavy = rng.normal(size=(3_000, 2)), np.arange(3_000) % 200 == 0
    weight = np.where(heavy, 199.0, 1.0)
    predicted = learned("realmlp", X, heavy.astype(float), weight / weight.mean(), rounds=10)
    assert np.average(predicted, weights=weight) == pytest.approx(0.5, abs=0.1)
