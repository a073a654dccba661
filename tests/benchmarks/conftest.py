"""The benchmarks are scripts, not a package: their folder joins the path. They are not part of the wheel or sdist."""

from __future__ import annotations

import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
collect_ignore_glob = [] if BENCHMARKS.exists() else ["test_*.py"]
sys.path.insert(0, str(BENCHMARKS))
