"""What all benchmarks share: one at a time, and what machine and versions a figure belongs to."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import importlib.util
import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
PACKAGES = (
    *("seasoned", "numpy", "scipy", "pandas", "scikit-learn", "lightgbm", "xgboost", "catboost", "skrub"),
    *("sqlalchemy", "optuna", "jax", "jaxlib", "optax"),
)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold `benchmarks/lock`, for which background builds and other benchmarks wait."""
    with (HERE / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def all_families() -> None:
    """Refuse to measure whole fits where families are missing: their results are of another search."""
    missing = [name for name in ("xgboost", "catboost") if importlib.util.find_spec(name) is None]
    if missing:
        raise SystemExit(f"{' and '.join(missing)} missing, and the search differs without: pip install '.[boosters]'")


def environment() -> dict[str, Any]:
    """Machine and versions, to be stored beside every result."""
    versions = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"python": platform.python_version(), "system": platform.system(), "cores": cores, "versions": versions}


def write(path: Path, result: dict[str, Any]) -> None:
    """Store a result as JSON with its environment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"environment": environment(), **result}, indent=1) + "\n")
    print(f"written: {path}")
