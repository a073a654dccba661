"""A page as a file, written atomically."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_place", "write_page"]


def check_place(path: Path) -> None:
    """Refuse, before any work, a path that cannot be written.

    Raises:
        InvalidInput: If the folder does not exist, or the path is a folder.
    """
    if not path.parent.is_dir() or path.is_dir():
        raise InvalidInput(f"{str(path)!r} cannot be written; give the path of a file in a folder that exists.")


def write_page(page: str, path: Path) -> Path:
    """Write a page, replacing an earlier one only when it is complete; what UTF-8 cannot encode is escaped."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(page, encoding="utf-8", errors="backslashreplace", newline="\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path
