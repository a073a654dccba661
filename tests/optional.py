"""Families of models whose packages are extras: what their tests need."""

from __future__ import annotations

import pytest

from seasoned.tabular.models.registry import EXTRAS

LEFT_OUT = "NOT TESTED"
"""How the reason begins for which such a test is skipped; the summary counts them."""


def needs(family):
    """Skip the test where the family's package is not installed."""
    if family in EXTRAS:
        package = EXTRAS[family].package
        pytest.importorskip(package, reason=f"{LEFT_OUT}: {package} is missing; pip install {package}")
