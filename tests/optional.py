"""Packages that are extras, and what their tests need: such a test is skipped with a reason that names the cure."""

from __future__ import annotations

from typing import Any

import pytest

from seasoned.tabular.models.registry import EXTRAS, MODELS

FAMILIES = tuple(name for name in MODELS if name not in {"tabicl", "tabpfn"})
"""Families without those that need downloaded weights, of which `test_published_networks.py` has stand-ins."""
LEFT_OUT = "NOT TESTED"
"""The beginning of the reason for which such a test is skipped; the summary counts the reasons."""


def package(name: str, distribution: str = "") -> Any:
    """The module of an optional package; without it, the test or the whole file is skipped."""
    return pytest.importorskip(name, reason=f"{LEFT_OUT}: {name} is missing; pip install {distribution or name}")


def needs(family: str) -> None:
    """Skip the test where the family's package is not installed."""
    if family in EXTRAS:
        package(EXTRAS[family].package)
