"""Families of published networks, with stand-ins of their packages: arguments, weights, files, errors."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from seasoned.errors import InvalidInput, MissingExtra
from seasoned.tabular.models._common.base import Job, predict
from seasoned.tabular.models.neural.published_networks import VARIABLE
from seasoned.tabular.models.registry import choose, find, stores_rows

NAMES = ["tabicl", "tabpfn"]
STAND_IN = """
from pathlib import Path

import numpy as np


class {prefix}Classifier:
    def __init__(self, *, {arguments}):
        self.bias = float(Path(model_path).read_text(encoding="utf-8"))

    def fit(self, X, y):
        self.classes_, self.rows = np.unique(y), (X, y)
        return self

    def predict_proba(self, X):
        odds = np.exp(self.bias * X[:, :1] * self.classes_)
        return odds / odds.sum(axis=1, keepdims=True)


class {prefix}Regressor({prefix}Classifier):
    def predict(self, X, output_type="mean", {levels}=None):
        mean = X[:, 0] * self.bias
        return mean if output_type == "mean" else [mean + level for level in {levels}]
"""
PACKAGES = {
    "tabicl": ("TabICL", "model_path, allow_auto_download, device, random_state", "alphas"),
    "tabpfn": (
        "TabPFN",
        "model_path, categorical_features_indices, ignore_pretraining_limits, device, random_state",
        "quantiles",
    ),
}
rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3))
X[::7, 1] = np.nan
CLASSES = (X[:, 0] > 0).astype(int)


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Both stand-ins on the path."""
    for name, (prefix, arguments, levels) in PACKAGES.items():
        source = STAND_IN.format(prefix=prefix, arguments=arguments, levels=levels)
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    yield
    for name in PACKAGES:
        sys.modules.pop(name, None)


@pytest.fixture
def weights(packages, tmp_path, monkeypatch):
    """Folder of the weights of both."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for name, kind in ((name, kind) for name in NAMES for kind in ("classifier", "regressor")):
        (folder / f"{name}-v9-{kind}.ckpt").write_text("2.0", encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder


def fitted(name, n_classes, **job):
    family = find(name)
    y = CLASSES if n_classes else X[:, 0] * 3
    estimator = family.build({}, Job("binary" if n_classes else "regression", n_classes, 0, categorical=(2,), **job))
    family.fit(estimator, (X, y), None)
    return family, estimator


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_classes", [2, 0])
def test_stored_rows_predict_the_same(weights, name, n_classes):
    family, estimator = fitted(name, n_classes)
    first = predict(estimator, X, n_classes)
    np.testing.assert_array_equal(predict(family.load(family.dump(estimator)), X, n_classes), first)
    assert stores_rows(family)


@pytest.mark.parametrize("name", NAMES)
def test_quantile(weights, name):
    family, estimator = fitted(name, 0, quantile=0.75)
    np.testing.assert_allclose(predict(family.load(family.dump(estimator)), X, 0), 2 * X[:, 0] + 0.75)


@pytest.mark.parametrize("name", NAMES)
def test_rows_that_other_weights_have_read_are_refused(weights, name):
    family, estimator = fitted(name, 2)
    stored = family.dump(estimator)
    file = weights / f"{name}-v9-classifier.ckpt"
    file.write_text("3.00", encoding="utf-8")
    with pytest.raises(InvalidInput, match=f"{name} with other weights"):
        family.load(stored)
    file.write_text("2.0", encoding="utf-8")
    os.utime(file, ns=(1, 1))
    assert family.load(stored).n_classes == 2


def test_missing_package(monkeypatch):
    monkeypatch.setattr("seasoned._util.optional_packages.is_installed", lambda package: False)
    with pytest.raises(MissingExtra, match="pip install tabicl"):
        choose(["tabicl"])


def test_missing_weights(packages, tmp_path, monkeypatch):
    with pytest.raises(InvalidInput, match=f"downloads none: set the environment variable {VARIABLE}"):
        choose(["default", "tabicl"])
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(InvalidInput, match="no file for the classifier of tabpfn"):
        choose(["tabpfn"])


def test_weights_of_the_other_kind_of_target(weights):
    (weights / "tabicl-v9-regressor.ckpt").unlink()
    assert [model.name for model in choose(["tabicl"])] == ["tabicl"]
    with pytest.raises(InvalidInput, match="no file for the regressor of tabicl"):
        fitted("tabicl", 0)


def test_several_weights(weights):
    (weights / "tabicl-v8-classifier.ckpt").touch()
    with pytest.raises(InvalidInput, match=r"2 files tabicl-v8-classifier\.ckpt, tabicl-v9-classifier\.ckpt"):
        fitted("tabicl", 2)


def test_one_file_of_both_kinds(weights):
    for file in weights.glob("tabpfn*"):
        file.unlink()
    (weights / "tabpfn-v9.safetensors").write_text("1.5", encoding="utf-8")
    for n_classes in (2, 0):
        assert fitted("tabpfn", n_classes)[1].X.shape == X.shape


def test_published_networks_join_by_name_only(weights):
    assert not {"tabicl", "tabpfn"} & {model.name for model in choose(None)}
    assert [model.name for model in choose(["linear", "tabpfn", "tabicl"])] == ["linear", "tabicl", "tabpfn"]
