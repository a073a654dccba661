"""Registry of model families: optional packages, and families outside the default choice."""

from __future__ import annotations

import pytest

from seasoned._util import optional_packages
from seasoned.errors import MissingExtra
from seasoned.tabular.models.registry import EXTRAS, choose


def test_a_family_with_a_missing_package_is_left_out_and_named(monkeypatch):
    monkeypatch.setattr(optional_packages.importlib.util, "find_spec", lambda name: None)
    assert not {model.name for model in choose(None)} & set(EXTRAS)
    with pytest.raises(MissingExtra, match="run: pip install"):
        choose(["linear", "xgboost"])


def test_adaptive_linear_joins_only_when_it_is_named():
    assert "adaptive_linear" not in {model.name for model in choose(None)}
    assert [model.name for model in choose(["adaptive_linear", "linear"])] == ["linear", "adaptive_linear"]
