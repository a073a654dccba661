"""Files written atomically, and checks of a path before any work."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from seasoned.errors import InvalidInput, StorageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_name", "check_place", "write_page"]

_SHORT: Final = 80  # characters of a name in a sentence


def check_name(path: Path) -> None:
    """Refuse a name that the system refuses, such as one of more than 255 bytes.

    Raises:
        InvalidInput: If it does.
    """
    try:
        path.exists()
    except PermissionError:
        return  # the name is fine; whoever writes learns the rest
    except OSError as error:
        raise InvalidInput(
            f"no file can be called {_short(str(path))!r} ({error.strerror}); choose a shorter or another name."
        ) from error


def _short(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[: _SHORT // 2]}...{text[-_SHORT // 2 :]}"


def check_place(path: Path) -> None:
    """Refuse, before any work, a path that cannot be written.

    Raises:
        InvalidInput: If the folder does not exist or may not be written, or the path is a folder.
    """
    if not path.parent.is_dir() or path.is_dir():
        raise InvalidInput(f"{str(path)!r} cannot be written; give the path of a file in a folder that exists.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InvalidInput(f"the folder {str(path.parent)!r} may not be written; choose another one.")


def write_page(page: str, path: Path) -> Path:
    """Write a page, replacing an earlier one only when it is complete; what UTF-8 cannot encode is escaped.

    Raises:
        InvalidInput: If the file may not be written.
        StorageError: If it could not be written, as where the disk is full.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(page, encoding="utf-8", errors="backslashreplace", newline="\n")
        partial.replace(path)
    except PermissionError as error:
        raise InvalidInput(f"{str(path)!r} may not be written ({error.strerror}); choose another folder.") from error
    except OSError as error:
        raise StorageError(
            f"{str(path)!r} could not be written ({error.strerror or error}); make room, and try again."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # also that a name is too long
            partial.unlink(missing_ok=True)
    return path
