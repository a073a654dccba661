"""Versions of packages in a bundle."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest

from seasoned.tabular.bundle import replay_check


def test_the_distribution_of_xgboost_without_graphics_processors_counts(monkeypatch):
    def version(name):
        if name == "xgboost-cpu":
            return "3.2.0"
        raise PackageNotFoundError(name)

    monkeypatch.setattr(replay_check, "version", version)
    assert replay_check._version("xgboost") == "3.2.0"
    with pytest.raises(PackageNotFoundError):
        replay_check._version("catboost")
