"""Tests that fit whole models, start processes or compile programs: `make test-fast` leaves their files out."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

WORDS = re.compile(
    r"\b(AutoClassifier|AutoRegressor|FewShot\w+|CliRunner|LocalExecutor|NotebookClient|Popen|subprocess|multiprocessing"
    r"|in_process|interrupting|import jax|seasoned\.metagrad)\b|\bexec\("
)
"""Words of which a file of such tests has one; what is executed are examples of pages."""
FIXTURES = frozenset({"cache", "executor", "fitted", "here"})
"""Fixtures of a whole fit or of a worker."""
FOLDERS = frozenset({"benchmarks", "tools"})
"""Tests of scripts, which are no room."""


SLOW_FAMILIES = re.compile(r"distilled|incontext-|incontext\]|realmlp|tuned_mlp")
"""Families that a fit tries only where the user names them."""


def mark(items: list[pytest.Item]) -> None:
    """Mark such tests as whole, and those of families that only a user names as slow."""
    for item in items:
        if SLOW_FAMILIES.search(item.name):
            item.add_marker(pytest.mark.slow)
        if FIXTURES.intersection(item.fixturenames) or _is_whole(item.path):
            item.add_marker(pytest.mark.whole)


@cache
def _is_whole(file: Path) -> bool:
    return file.parent.name in FOLDERS or WORDS.search(file.read_text(encoding="utf-8")) is not None
