"""Optional packages of model families."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from seasoned.errors import MissingExtra

__all__ = ["is_installed", "require"]


def is_installed(package: str) -> bool:
    """True if a package is importable; the package is not imported."""
    return importlib.util.find_spec(package) is not None


def require(package: str, need: str = "a model") -> Any:
    """Import an optional package.

    Args:
        package: Import name of the package.
        need: Feature that needs the package, as the error names it.

    Raises:
        MissingExtra: If the package is not installed.
    """
    if not is_installed(package):
        raise MissingExtra.of(package, need)
    return importlib.import_module(package)
