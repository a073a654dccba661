"""Atomic writes of files, and checks of output paths before the work starts."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from seasoned.errors import InvalidInput, StorageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_name", "check_output_path", "write_page"]

_MAX_SHOWN_PATH: Final = 80  # longest path in a message, in characters; longer paths are shortened in the middle


def check_name(path: Path) -> None:
    """Refuse a path that the operating system rejects, for example a name of more than 255 bytes.

    Raises:
        InvalidInput: The operating system rejects the path.
    """
    try:
        path.exists()
    except PermissionError:
        return  # the name is valid; the later write reports missing permissions
    except OSError as error:
        raise InvalidInput(
            f"no file can be called {_short(str(path))!r} ({error.strerror}); choose a shorter or another name."
        ) from error


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN_PATH else f"{text[: _MAX_SHOWN_PATH // 2]}...{text[-_MAX_SHOWN_PATH // 2 :]}"


def check_output_path(path: Path) -> None:
    """Refuse, before the work starts, an output path that cannot be written.

    Raises:
        InvalidInput: The folder does not exist or is not writable, or the path is a folder.
    """
    if not path.parent.is_dir() or path.is_dir():
        raise InvalidInput(f"{str(path)!r} cannot be written; give the path of a file in a folder that exists.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InvalidInput(f"the folder {str(path.parent)!r} may not be written; choose another one.")


def write_page(page: str, path: Path) -> Path:
    """Write a page to a file atomically; characters without a UTF-8 encoding are escaped.

    The text goes to a temporary file first. The temporary file replaces an existing file only after a complete write.

    Raises:
        InvalidInput: The process has no permission to write the file.
        StorageError: The write failed, for example on a full disk.
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
        with contextlib.suppress(OSError):  # includes the error of a name that is too long
            partial.unlink(missing_ok=True)
    return path
