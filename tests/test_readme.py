"""The README's code runs as it stands, and docstring examples too."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

import seasoned

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
PACKAGE = Path(seasoned.__file__).parent
MODULES = [
    ".".join(("seasoned", *path.relative_to(PACKAGE).with_suffix("").parts))
    for path in sorted(PACKAGE.rglob("*.py"))
    if re.search(r">>> (?!.*\+SKIP)", path.read_text(encoding="utf-8"))
]


def test_the_table_example(tmp_path, monkeypatch):
    from sklearn.datasets import load_iris

    monkeypatch.chdir(tmp_path)
    X, y = load_iris(return_X_y=True, as_frame=True)
    code = BLOCKS[0].replace("time_limit=60", "trials=1, experience=None")
    names = {"X": X, "y": y, "X_new": X}
    exec(code, names)
    assert names["clf"].predict_proba(X).shape == (150, 3)


def test_the_tuning_example(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = BLOCKS[1].replace("trials=500", "trials=6").replace("trials=100", "trials=6")
    names = {"train_and_validate": lambda lr, depth, optimizer: lr * depth}
    exec(code, names)
    assert len(names["study"].trials) == 6


def example(name):
    compiles = ("jax", "metagrad", "training", "meta_learner")
    return pytest.param(name, marks=[pytest.mark.slow] if any(word in name for word in compiles) else [])


@pytest.mark.parametrize("name", [example(name) for name in MODULES])
def test_docstring_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted
    assert result.failed == 0
