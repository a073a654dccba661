"""What all benchmarks share: one at a time, and what machine and versions a figure belongs to."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import importlib.util
import json
import os
import platform
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HERE = Path(__file__).parent
PACKAGES = (
    *("seasoned", "numpy", "scipy", "pandas", "scikit-learn", "lightgbm", "xgboost", "catboost"),
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


def child(command: Sequence[str], *, limit: float | None, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON in the last line that a command prints, or `error`; it and all it started are killed after `limit` s."""
    run = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, start_new_session=True
    )
    try:
        out, told = run.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return {"error": f"killed after {limit:.0f} s"}
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(run.pid, signal.SIGKILL)
    if run.returncode:
        return {"error": (told.strip().splitlines() or ["no reason"])[-1][:300]}
    found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return found


def environment() -> dict[str, Any]:
    """Machine and versions, to be stored beside every result."""
    versions = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"python": platform.python_version(), "system": platform.system(), "cores": cores, "versions": versions}


def write(path: Path, result: dict[str, Any]) -> None:
    """Store a result as JSON with its environment; a reader sees the old file or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".new")
    half.write_text(json.dumps({"environment": environment(), **result}, indent=1) + "\n")
    half.replace(path)
    print(f"written: {path}")
