"""Run folders: the files of a fit, with which a killed fit can be resumed.

A folder contains the canonical table (Arrow), the target, the folds, the matrices, the study's event log, and fold
models of trials. It lies in the user's cache under a fingerprint of data, target and settings; only its owner can read
it. The folder of a finished fit contains only the files for a resume: log, losses, folds and out-of-fold predictions,
but nothing of the table. The latest unfinished and finished fits are stored, up to a number and a size.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np
from filelock import FileLock, Timeout

from seasoned.errors import InvalidInput, StorageError
from seasoned.tabular.schema.wide_tables import number_places, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["RunFolder", "RunInfo", "cache_folder", "clear_runs", "disk_errors", "fingerprint", "list_runs"]

logger = logging.getLogger("seasoned.tabular")

_ABOUT = "run.json"
_LOG: Final = "study.db"
MAX_UNFINISHED: Final = 20  # largest number of unfinished runs that wait for a resume; older ones are deleted
MAX_UNFINISHED_BYTES: Final = 10_000_000_000  # largest size in bytes of all unfinished runs together
MAX_FINISHED: Final = 5  # largest number of finished runs; older ones are deleted
MAX_FINISHED_BYTES: Final = 1_000_000_000  # largest size in bytes of all finished runs together
_STAYS: Final = frozenset(
    {
        _ABOUT,
        _LOG,
        f"{_LOG}-wal",
        f"{_LOG}-shm",
        "folds.npz",
        "texts.json",
        "scores.npz",
        "quick.json",
        "trials",
    }
    | {"experience.npz", "experience.none"}
)
"""Files of a finished run; none of them contains a cell or a target of the table."""
_OF_TRIALS: Final = frozenset({".json", ".npy"})  # file types of a finished run's trials: records and predictions
_ASIDE: Final = ".forgotten-"  # prefix of folders that are about to be deleted
_GLANCE: Final = 0.05  # seconds to wait for a lock that another process only tests
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  # errors of a full disk
# errors of a folder that cannot be written
_CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})


def cache_folder() -> Path:
    """Return the folder of all run folders, in `SEASONED_CACHE` or in the user's cache."""
    import platformdirs

    cache = os.environ.get("SEASONED_CACHE") or platformdirs.user_cache_dir("seasoned", appauthor=False)
    return Path(cache).absolute() / "runs"


def fingerprint(frame: pd.DataFrame, y: NDArray[Any], settings: Mapping[str, Any]) -> str:
    """Return 24 hexadecimal digits that change with any cell, target value or setting."""
    import pandas as pd

    digest = hashlib.blake2b(digest_size=12)
    digest.update(json.dumps([list(map(str, frame.columns)), settings], sort_keys=True, default=str).encode())
    if (places := number_places(frame)).any():  # one digest for all numbers, as pandas hashes column by column
        digest.update(numbers(frame, places).tobytes())
        frame = frame.loc[:, ~places]
    digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    digest.update(y.tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Folder of one run, owned by this process.

    Attributes:
        path: Path of the folder.
        resumed: True if the folder contained an earlier run to resume.
        ended: True if that run was finished.
        beside: True if another folder of this fingerprint contains a run, probably of another process.
        lock: Lock of the owning process; the system releases the lock of a killed process.
    """

    path: Path
    resumed: bool = False
    ended: bool = False
    beside: bool = False
    lock: FileLock | None = field(default=None, compare=False, repr=False)

    @classmethod
    def open(cls, key: str, about: Mapping[str, Any], *, resume: bool) -> RunFolder:
        """Take the folder of a fingerprint: unchanged for a resume, otherwise emptied.

        A folder in use by another fit is not touched; this run then gets another folder of the same fingerprint.

        Raises:
            InvalidInput: If the cache cannot be written.
            StorageError: If the disk is full.
        """
        with disk_errors(cache_folder()):
            return cls._opened(key, about, resume=resume)

    @classmethod
    def _opened(cls, key: str, about: Mapping[str, Any], *, resume: bool) -> RunFolder:
        root = cache_folder()
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        surplus = _surplus(root)  # outside the lock, because it may be slow, like the removal
        with one_at_a_time(root):
            path = _free(root, key, resume=resume)
            path.mkdir(exist_ok=True, mode=0o700)
            lock = _lock_of(path)
            lock.acquire(timeout=1.0, poll_interval=0.01)
            forgotten = _put_aside(surplus)
        for left in forgotten:
            shutil.rmtree(left, ignore_errors=True)
        if not resume:
            _empty(path)
        (path / "trials").mkdir(exist_ok=True)
        beside = any((other / _LOG).exists() for other in (root / key, *root.glob(f"{key}-*")) if other != path)
        folder = cls(path, (path / _LOG).exists(), bool(_about(path).get("ended")), beside, lock)
        if folder.ended:  # a resumed run is unfinished again
            folder.note(ended=False)
        for pattern in ("*.models", ".*"):  # models, half-written files
            for left in path.glob(f"trials/{pattern}"):
                left.unlink(missing_ok=True)
        if not (path / _ABOUT).exists():
            folder.write_json(_ABOUT, {**about, "started": datetime.now(UTC).isoformat(timespec="seconds")})
        return folder

    @property
    def storage(self) -> str:
        """URL of the study's event log."""
        return f"sqlite:///{self.path / _LOG}"

    @property
    def about(self) -> dict[str, Any]:
        """Facts about the run, from the first call of `open` and from `note`."""
        found: dict[str, Any] = json.loads((self.path / _ABOUT).read_text())
        return found

    def note(self, **facts: Any) -> None:
        """Add facts about the run."""
        self.write_json(_ABOUT, {**self.about, **facts})

    def write_json(self, name: str, content: Any) -> None:
        """Write plain data atomically."""
        self._write(name, lambda file: file.write(json.dumps(content).encode()))

    def write_array(self, name: str, array: NDArray[Any]) -> None:
        """Write an array atomically."""
        self._write(name, lambda file: np.save(file, array))

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file atomically."""
        self._write(name, lambda file: file.write(content))

    def _write(self, name: str, fill: Callable[[IO[bytes]], object]) -> None:
        target = self.path / name
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with partial.open("wb") as file:
                fill(file)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)  # on a full disk it would take the last space

    def read_json(self, name: str) -> Any:
        """Return the data that `write_json` wrote; None if there is no file."""
        path = self.path / name
        return json.loads(path.read_text()) if path.exists() else None

    def delete(self) -> None:
        """Remove the folder, atomically for other processes; `seasoned runs --clear` removes what remains."""
        gone = self.path
        with contextlib.suppress(OSError), one_at_a_time(self.path.parent):
            self.release()
            gone = _renamed(self.path)
        shutil.rmtree(gone, ignore_errors=True)

    def finish(self, kept: str | None = None) -> None:
        """Finish the run: retain the files for a later resume, delete all others, and release the folder.

        A folder that is too large or cannot be cleaned is deleted.

        Args:
            kept: Key of the run in the experience store; None if it was not stored.
        """
        try:
            for path in self.path.iterdir():
                if path.is_dir() and path.name not in _STAYS:
                    shutil.rmtree(path)
                elif path.name not in _STAYS:
                    path.unlink()
            for path in (self.path / "trials").iterdir():  # models, half-written files
                if path.name.startswith(".") or path.suffix not in _OF_TRIALS:
                    path.unlink()
            self.note(ended=True, kept=kept)
            stays = _bytes(self.path) <= MAX_FINISHED_BYTES  # otherwise the next fit would remove it
        except (OSError, ValueError):  # an open file or a full disk: delete the folder
            stays = False
        if stays:
            self.release()
        else:
            self.delete()

    def abandon(self) -> None:
        """Release the folder after a refused fit, which has no trials; an earlier call's trials stay for a resume."""
        if self.ended:
            self.finish(self.about.get("kept"))
        elif self.resumed:
            self.release()
        else:
            self.delete()

    def release(self) -> None:
        """Release the ownership of the folder, which stays for a later resume."""
        if self.lock is not None:
            self.lock.release()


def _lock_of(path: Path) -> FileLock:
    """Return the lock of the folder's owner: a file elsewhere in the cache, so that the folder can be renamed."""
    return FileLock(path.parent.with_name("locks") / f"{path.name}.lock", thread_local=False)


def one_at_a_time(root: Path) -> FileLock:
    """Return the lock under which only one process at a time selects a folder."""
    return FileLock(root.with_name("locks") / ".taking", thread_local=False)


def is_owned(path: Path) -> bool:
    """Return True if a process of this machine, this one included, owns the folder."""
    try:
        with _lock_of(path).acquire(timeout=_GLANCE, poll_interval=0.01):
            return False
    except Timeout:
        return True


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Convert system errors of a full disk or of a folder that cannot be written into errors with a remedy.

    Args:
        folder: The folder of the files.

    Raises:
        StorageError: If the disk or the quota is full.
        InvalidInput: If the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageError(
                f"there is no room left in {str(folder)!r} ({error.strerror}); make room, or set SEASONED_CACHE to "
                "another folder, and fit again."
            ) from error
        if error.errno in _CLOSED:
            raise InvalidInput(
                f"{str(folder)!r}, where unfinished fits are kept, cannot be written ({error.strerror}); set "
                "SEASONED_CACHE to a folder that can."
            ) from error
        raise


def _empty(path: Path) -> None:
    """Remove the contents of a folder."""
    for left in path.iterdir():
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _free(root: Path, key: str, *, resume: bool) -> Path:
    """Return the first folder of the key without an owner; for a resume, the first that contains a log, if any."""
    names = (key if number == 1 else f"{key}-{number}" for number in count(1))
    idle = (root / name for name in names if not is_owned(root / name))
    first = next(idle)
    if resume and not (first / _LOG).exists():
        others = (path for path in sorted(root.glob(f"{key}-*")) if (path / _LOG).exists())
        return next((path for path in others if not is_owned(path)), first)
    return first


def _surplus(root: Path) -> list[Path]:
    """Return folders without an owner for deletion: old finished runs, old unfinished runs, renamed folders."""
    idle = [path for path in _folders(root) if not is_owned(path)]
    aside = [path for path in idle if path.name.startswith(_ASIDE)]
    ended = [path for path in idle if path not in aside and _about(path).get("ended")]
    others = [path for path in idle if path not in aside and path not in ended]
    return [
        *aside,
        *_beyond(ended, MAX_FINISHED, MAX_FINISHED_BYTES),
        *_beyond(others, MAX_UNFINISHED, MAX_UNFINISHED_BYTES),
    ]


def _beyond(paths: Sequence[Path], most: int, room: float) -> list[Path]:
    """Return the folders that are not among the latest `most`, or do not fit into `room` bytes with the latest.

    A run that is larger than the remaining room takes no room from older runs.
    """
    found, number = [], 0
    for path in sorted(paths, key=_last_word, reverse=True):
        size = _bytes(path)
        if number >= most or size > room:
            found.append(path)
        else:
            room, number = room - size, number + 1
    return found


def _put_aside(surplus: Sequence[Path]) -> list[Path]:
    """Rename folders that still have no owner, so that no run resumes them; return the new paths."""
    aside = [path for path in surplus if path.name.startswith(_ASIDE)]
    for path in surplus:
        if path in aside or is_owned(path):
            continue
        about = _about(path)
        with contextlib.suppress(OSError):  # another process has removed the folder or has a file open
            aside.append(_renamed(path))
            if not about.get("ended"):  # the user has the model of a finished run
                logger.warning(
                    "the unfinished fit started at %s is deleted; only the latest %d, and at most %.0f GB, are kept.",
                    about.get("started", "an unknown time"),
                    MAX_UNFINISHED,
                    MAX_UNFINISHED_BYTES / 1e9,
                )
    return aside


def _renamed(path: Path) -> Path:
    """Rename a folder so that no run resumes it; return the new path."""
    return path.rename(path.with_name(f"{_ASIDE}{os.urandom(4).hex()}-{path.name}"))


def _folders(root: Path) -> list[Path]:
    """Return the run folders; other contents of `root`, which has a common name, are ignored."""
    found = [path for path in sorted(root.iterdir()) if path.is_dir()] if root.is_dir() else []
    return [
        path for path in found if path.name.startswith(_ASIDE) or any((path / n).exists() for n in ("trials", _ABOUT))
    ]


def _last_word(path: Path) -> float:
    """Return the time of the last write; 0 for a folder that was removed meanwhile."""
    try:
        return max([file.stat().st_mtime for file in path.iterdir()], default=0.0)
    except OSError:
        return 0.0


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Run folder in the list of `seasoned runs`.

    Attributes:
        name: Name of the folder.
        about: Facts about the run: rows, columns, task, start time.
        megabytes: Size on disk in MB.
        running: True if a process owns the folder.
    """

    name: str
    about: dict[str, Any]
    megabytes: float
    running: bool


def list_runs() -> list[RunInfo]:
    """Return all run folders, the oldest first."""
    root = cache_folder()
    found = [path for path in _folders(root) if not path.name.startswith(_ASIDE)]
    runs = [RunInfo(path.name, _about(path), _bytes(path) / 1e6, is_owned(path)) for path in found]
    return sorted(runs, key=lambda run: str(run.about.get("started", "")))


def clear_runs() -> int:
    """Delete all run folders without an owner; return their number."""
    root = cache_folder()
    found = _folders(root)
    aside = [path for path in found if path.name.startswith(_ASIDE)]
    cleared = []
    for path in found:
        if path not in aside:
            with contextlib.suppress(OSError), one_at_a_time(root):  # no process takes it meanwhile
                if not is_owned(path):
                    cleared.append(_renamed(path))
    for path in (*cleared, *aside):
        shutil.rmtree(path, ignore_errors=True)
    return len(cleared)


def _about(path: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads((path / _ABOUT).read_text())
    except (OSError, ValueError):  # the run was killed before the file was written
        return {}
    return about


def _bytes(path: Path) -> int:
    """Return the size of a folder on disk in bytes; files removed meanwhile do not count."""
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            with contextlib.suppress(OSError):
                total += (Path(folder) / name).stat().st_size
    return total
