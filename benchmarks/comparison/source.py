"""State of this package's source, to which our own results belong."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["source_state"]

SOURCE = Path(__file__).parent.parent.parent / "src"


def source_state() -> str:
    """A fingerprint of this package's source and of what ships with it, for results of one state of both."""
    digest = hashlib.sha256()
    for file in sorted([*SOURCE.rglob("*.py"), *SOURCE.rglob("data/*.*")]):
        digest.update(str(file.relative_to(SOURCE)).encode() + file.read_bytes())
    return digest.hexdigest()[:12]
