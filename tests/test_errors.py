"""A missing package: the sentence ends in a command that works, for a package of that name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import seasoned
from seasoned.errors import MissingExtra

ROOT = Path(seasoned.__file__).parent


@pytest.mark.parametrize(
    ("package", "command"),
    [
        ("catboost", "pip install catboost"),
        ("jax", "pip install jax optax"),
        ("optax", "pip install jax optax"),
        ("psycopg", "pip install 'psycopg[binary]'"),
    ],
)
def test_a_missing_package_is_installed_by_its_own_name(package, command):
    assert str(MissingExtra.of(package, "a model")).endswith(
        f"needs {package!r}, which is not installed; run: {command}"
    )


def test_no_sentence_installs_this_package_by_name_from_an_index():
    for path in sorted(ROOT.rglob("*.py")):
        assert not re.search(r"pip install ['\"]?seasoned", path.read_text(encoding="utf-8")), path
