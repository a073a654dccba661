"""Run folders: where an unfinished fit lives, so that a killed one can go on.

A folder holds the canonical table (Arrow), the target, the folds, the matrices, the study's event log, and models of
trials' folds. It lies in the user's cache under a fingerprint of data, target and settings, and is readable by its
owner only. Of a fit that has come to its end only what is needed to go on with it stays: log, losses, which rows are in
which fold, and what trials predicted for rows they had not seen; nothing of the table. Of unfinished and of ended fits
the latest are kept, up to a number and a size.
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
_MOST_IDLE: Final = 20  # unfinished runs that wait for a resume; the oldest are forgotten beyond that
_MOST_BYTES: Final = 10_000_000_000  # of these together
_MOST_ENDED: Final = 5  # the same for runs that have come to their end
_MOST_ENDED_BYTES: Final = 1_000_000_000
_STAYS: Final = frozenset(
    {_ABOUT, _LOG, f"{_LOG}-wal", f"{_LOG}-shm", "folds.npz", "texts.json", "bars.json", "quick.json", "trials"}
    | {"experience.npz", "experience.none"}
)
"""What a run that has come to its end keeps: none of it holds a cell or a target of the table."""
_OF_TRIALS: Final = frozenset({".json", ".npy"})  # what it keeps of trials: records, and predictions out of fold
_ASIDE: Final = ".forgotten-"
_GLANCE: Final = 0.05  # seconds to wait for a lock that somebody only looks at
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})


def cache_folder() -> Path:
    """Where run folders lie: `SEASONED_CACHE`, or the user's cache."""
    import platformdirs

    cache = os.environ.get("SEASONED_CACHE") or platformdirs.user_cache_dir("seasoned", appauthor=False)
    return Path(cache).absolute() / "runs"


def fingerprint(frame: pd.DataFrame, y: NDArray[Any], settings: Mapping[str, Any]) -> str:
    """24 hexadecimal digits that change with any cell, target value or setting."""
    import pandas as pd

    digest = hashlib.blake2b(digest_size=12)
    digest.update(json.dumps([list(map(str, frame.columns)), settings], sort_keys=True, default=str).encode())
    if (places := number_places(frame)).any():  # pandas hashes column by column
        digest.update(numbers(frame, places).tobytes())
        frame = frame.loc[:, ~places]
    digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    digest.update(y.tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run's folder, owned by this process.

    Attributes:
        path: Where it is.
        resumed: Whether there was something in it to go on from.
        ended: Whether that had come to its end.
        beside: Whether another folder of this fingerprint holds a run that somebody seems to be at work in.
        lock: The lock of the process at work in it; the system releases that of a process that was killed.
    """

    path: Path
    resumed: bool = False
    ended: bool = False
    beside: bool = False
    lock: FileLock | None = field(default=None, compare=False, repr=False)

    @classmethod
    def open(cls, key: str, about: Mapping[str, Any], *, resume: bool) -> RunFolder:
        """Take the folder of this fingerprint: as it is to resume, emptied otherwise.

        A folder in which a fit is at work is left alone; this run then gets one of its own beside it.

        Raises:
            InvalidInput: If the cache cannot be written at all.
            StorageError: If the disk is full.
        """
        with disk_errors(cache_folder()):
            return cls._opened(key, about, resume=resume)

    @classmethod
    def _opened(cls, key: str, about: Mapping[str, Any], *, resume: bool) -> RunFolder:
        root = cache_folder()
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        surplus = _surplus(root)  # outside the lock: it may take a while, as removing them does
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
        if folder.ended:  # from now on it is an unfinished run again
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
        """What `open` was told when the run first started."""
        found: dict[str, Any] = json.loads((self.path / _ABOUT).read_text())
        return found

    def note(self, **facts: Any) -> None:
        """Add to what is known about the run."""
        self.write_json(_ABOUT, {**self.about, **facts})

    def write_json(self, name: str, content: Any) -> None:
        """Write plain data, whole or not at all."""
        self._write(name, lambda file: file.write(json.dumps(content).encode()))

    def write_array(self, name: str, array: NDArray[Any]) -> None:
        """Write numbers, whole or not at all."""
        self._write(name, lambda file: np.save(file, array))

    def _write(self, name: str, fill: Callable[[IO[bytes]], object]) -> None:
        target = self.path / name
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with partial.open("wb") as file:
                fill(file)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)  # on a full disk it would take what room there is

    def read_json(self, name: str) -> Any:
        """What `write_json` wrote; None if there is nothing."""
        path = self.path / name
        return json.loads(path.read_text()) if path.exists() else None

    def delete(self) -> None:
        """Remove the folder, atomically for others; what cannot be removed now is left to `seasoned runs --clear`."""
        gone = self.path
        with contextlib.suppress(OSError), one_at_a_time(self.path.parent):
            self.release()
            gone = _renamed(self.path)
        shutil.rmtree(gone, ignore_errors=True)

    def finish(self, kept: str | None = None) -> None:
        """The run has come to its end: keep what a later call can go on from, none of the table, and release it.

        Args:
            kept: Its key in the store of experience, if it is there.
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
            stays = _bytes(self.path) <= _MOST_ENDED_BYTES  # else the next fit would remove it
        except (OSError, ValueError):  # a file that is open, a full disk: then nothing stays
            stays = False
        if stays:
            self.release()
        else:
            self.delete()

    def abandon(self) -> None:
        """After a refusal: finished trials of an earlier call stay for a resume; of this one there are none."""
        if self.ended:
            self.finish(self.about.get("kept"))
        elif self.resumed:
            self.release()
        else:
            self.delete()

    def release(self) -> None:
        """Keep the folder for a later resume, and give up its ownership."""
        if self.lock is not None:
            self.lock.release()


def _lock_of(path: Path) -> FileLock:
    """The lock of the folder's owner: a file elsewhere in the cache, so that the folder can be renamed."""
    return FileLock(path.parent.with_name("locks") / f"{path.name}.lock", thread_local=False)


def one_at_a_time(root: Path) -> FileLock:
    """A lock under which one process looks for a folder to take."""
    return FileLock(root.with_name("locks") / ".taking", thread_local=False)


def is_owned(path: Path) -> bool:
    """Whether a process of this machine, this one included, is at work in the folder."""
    try:
        with _lock_of(path).acquire(timeout=_GLANCE, poll_interval=0.01):
            return False
    except Timeout:
        return True


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn the system's errors about a full disk, or a folder that cannot be written, into sentences.

    Args:
        folder: The one that is written to.

    Raises:
        StorageError: The disk is full, or the quota is.
        InvalidInput: The folder cannot be written.
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
    """Remove everything in it."""
    for left in path.iterdir():
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _free(root: Path, key: str, *, resume: bool) -> Path:
    """The first of the key's folders that nobody is at work in; to resume, the first such with something in it."""
    names = (key if number == 1 else f"{key}-{number}" for number in count(1))
    idle = (root / name for name in names if not is_owned(root / name))
    first = next(idle)
    if resume and not (first / _LOG).exists():
        others = (path for path in sorted(root.glob(f"{key}-*")) if (path / _LOG).exists())
        return next((path for path in others if not is_owned(path)), first)
    return first


def _surplus(root: Path) -> list[Path]:
    """Runs that nobody is at work in, ended and unfinished, beyond the latest ones; and those already put aside."""
    idle = [path for path in _folders(root) if not is_owned(path)]
    aside = [path for path in idle if path.name.startswith(_ASIDE)]
    ended = [path for path in idle if path not in aside and _about(path).get("ended")]
    others = [path for path in idle if path not in aside and path not in ended]
    return [*aside, *_beyond(ended, _MOST_ENDED, _MOST_ENDED_BYTES), *_beyond(others, _MOST_IDLE, _MOST_BYTES)]


def _beyond(paths: Sequence[Path], most: int, room: float) -> list[Path]:
    """Those that are not among the latest so many, or do not fit in so many bytes with them.

    A run that is larger than the room that is left goes alone: it takes no room from others.
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
    """The new paths of those that nobody has taken meanwhile: they are renamed, so that no run goes on from them."""
    aside = [path for path in surplus if path.name.startswith(_ASIDE)]
    for path in surplus:
        if path in aside or is_owned(path):
            continue
        about = _about(path)
        with contextlib.suppress(OSError):  # somebody else has removed it, or has a file of it open
            aside.append(_renamed(path))
            if not about.get("ended"):  # of an ended one its user has the model
                logger.warning(
                    "the unfinished fit started at %s is deleted; only the latest %d, and at most %.0f GB, are kept.",
                    about.get("started", "an unknown time"),
                    _MOST_IDLE,
                    _MOST_BYTES / 1e9,
                )
    return aside


def _renamed(path: Path) -> Path:
    """The folder under a name that nobody goes on from."""
    return path.rename(path.with_name(f"{_ASIDE}{os.urandom(4).hex()}-{path.name}"))


def _folders(root: Path) -> list[Path]:
    """The folders of runs; anything else that is kept in a folder of this common name is not ours."""
    found = [path for path in sorted(root.iterdir()) if path.is_dir()] if root.is_dir() else []
    return [
        path for path in found if path.name.startswith(_ASIDE) or any((path / n).exists() for n in ("trials", _ABOUT))
    ]


def _last_word(path: Path) -> float:
    """When something was last written there; 0 for a folder that was removed meanwhile."""
    try:
        return max([file.stat().st_mtime for file in path.iterdir()], default=0.0)
    except OSError:
        return 0.0


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run folder as `seasoned runs` shows it.

    Attributes:
        name: The folder's name.
        about: What the run is about: rows, columns, task, when it started.
        megabytes: Its size on disk.
        running: Whether a process is at work in it.
    """

    name: str
    about: dict[str, Any]
    megabytes: float
    running: bool


def list_runs() -> list[RunInfo]:
    """All run folders, the oldest first."""
    root = cache_folder()
    found = [path for path in _folders(root) if not path.name.startswith(_ASIDE)]
    runs = [RunInfo(path.name, _about(path), _bytes(path) / 1e6, is_owned(path)) for path in found]
    return sorted(runs, key=lambda run: str(run.about.get("started", "")))


def clear_runs() -> int:
    """Delete all run folders that no process is at work in; returns how many."""
    root = cache_folder()
    found = _folders(root)
    aside = [path for path in found if path.name.startswith(_ASIDE)]
    cleared = []
    for path in found:
        if path not in aside:
            with contextlib.suppress(OSError), one_at_a_time(root):  # nobody takes it meanwhile
                if not is_owned(path):
                    cleared.append(_renamed(path))
    for path in (*cleared, *aside):
        shutil.rmtree(path, ignore_errors=True)
    return len(cleared)


def _about(path: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads((path / _ABOUT).read_text())
    except (OSError, ValueError):  # killed before it was written
        return {}
    return about


def _bytes(path: Path) -> int:
    """The size of a folder on disk; files removed meanwhile do not count."""
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            with contextlib.suppress(OSError):
                total += (Path(folder) / name).stat().st_size
    return total
