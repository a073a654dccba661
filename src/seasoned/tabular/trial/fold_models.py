"""Stored fold models of a trial: they replace the refit on all rows if the refit is not ready in time.

A shared machine can be much slower at the end of a search than on average, so that forecasts of the last fits fail. The
fold models of a trial exist already, and were fitted on most of the rows.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import shutil
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, Final, Self

from seasoned.tabular.models._common.log_target import Exponential
from seasoned.tabular.trial.featured_model import Featured
from seasoned.tabular.trial.seed_average import Repeated, with_shared_makers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

__all__ = ["MIN_SECONDS", "MIN_TRAINING_SHARE", "FoldModelCache", "by_fold", "largest_folds", "load_fold_models"]

logger = logging.getLogger("seasoned.tabular")

MIN_SECONDS: Final = 0.5
"""Smallest time in seconds of a trial's first fit for stored fold models; faster refits are ready in time."""

_MAX_MODEL_BYTES: Final = (
    2**26
)  # largest size in bytes of a trial's models; larger ones, such as forests, take long to write
_FREE: Final = 16  # free disk space that storage requires, as a multiple of `_MAX_MODEL_BYTES`
_MAX_FOLD_MODELS: Final = 5  # largest number of fold models that predict together, as in seed averaging
MIN_TRAINING_SHARE: Final = 0.8  # smallest training set of a usable fold model, as a share of the largest training set


class FoldModelCache:
    """Writer of the fold models of a trial to a file, one after the other; a context manager.

    The file exists after a call of `done`; the models of a trial that ends earlier are discarded. An error of the
    writer never fails the trial.

    Args:
        path: The file; None to store nothing.
        least: Smallest time in seconds of the first fit for stored models.
    """

    def __init__(self, path: Path | None, least: float = MIN_SECONDS) -> None:
        self._path = path
        self._least = least
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._forget()

    def add(self, estimator: Any, seconds: float) -> None:
        """Add a model and the seconds of its fit; None, for a fold without a model of the family, discards all."""
        if self._path is None:
            return
        if estimator is None or (self._file is None and seconds < self._least):
            self._forget()
            return
        import cloudpickle  # a class of the caller's `__main__` travels by value

        try:
            if self._file is None:
                self._file = self._opened()
            cloudpickle.Pickler(_Bounded(self._file, _MAX_MODEL_BYTES), protocol=5).dump(estimator)
        except Exception as error:  # noqa: BLE001 - pickling runs code of the model's classes, which may raise anything
            logger.debug("the models of a trial's folds are not kept: %s: %s", type(error).__name__, error)
            self._forget()

    def done(self) -> None:
        """Complete the file after the last model."""
        if self._file is not None and self._path is not None:
            try:
                self._file.close()
                self._partial.replace(self._path)
            except OSError as error:
                logger.debug("the models of a trial's folds are not kept: %s", error)
        self._forget()

    def _opened(self) -> IO[bytes]:
        free = shutil.disk_usage(self._partial.parent).free
        if free < _FREE * _MAX_MODEL_BYTES:
            raise OSError(f"only {free / 1e6:.0f} MB are free")
        return open(self._partial, "wb", opener=lambda path, flags: os.open(path, flags, 0o600))

    @property
    def _partial(self) -> Path:
        assert self._path is not None, "nobody asks once nothing is kept"
        return self._path.with_name(f".{self._path.name}.{os.getpid()}")

    def _forget(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # on a full disk, closing raises the error once more
                self._file.close()
            with contextlib.suppress(OSError):
                self._partial.unlink(missing_ok=True)
        self._path = self._file = None


class _Bounded:
    """File with a size limit in bytes."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file = file
        self._most = most

    def write(self, data: bytes) -> int:
        """Write the bytes.

        Raises:
            ValueError: If the file would exceed the limit.
        """
        size = memoryview(data).nbytes
        if self._file.tell() + size > self._most:
            raise ValueError(f"they take more than {self._most / 1e6:.0f} MB")
        return self._file.write(data)


def largest_folds(rows: Sequence[int], *, one: bool) -> list[int]:
    """Return the folds whose models can replace a fit on all rows: those with nearly the most rows, at most five.

    Args:
        rows: Number of training rows of each fold.
        one: True if only one model may predict.

    Example:
        >>> largest_folds([80, 80, 79], one=False), largest_folds([80, 80, 79], one=True)
        ([0, 1, 2], [0])
    """
    order = sorted(range(len(rows)), key=lambda fold: -rows[fold])
    return sorted(
        fold for fold in order[: 1 if one else _MAX_FOLD_MODELS] if rows[fold] >= MIN_TRAINING_SHARE * rows[order[0]]
    )


def by_fold(path: Path, folds: Sequence[int], factor: float) -> dict[int, Any]:
    """Return the models of some folds from a file, by fold; empty if there are none.

    Args:
        path: The file of a worker of this process; a file that other users can write or own is refused.
        folds: Folds of the requested models.
        factor: Factor of the predictions of models that learned logarithms.
    """
    try:
        return {fold: _scaled(model, factor) for fold, model in enumerate(_read(path)) if fold in folds}
    except FileNotFoundError:
        return {}
    except Exception as error:  # noqa: BLE001 - unpickling runs code of the model's classes, which may raise anything
        logger.warning("the models of a trial's folds cannot be read: %s: %s", type(error).__name__, error)
        return {}


def load_fold_models(path: Path, folds: Sequence[int], factor: float) -> Any:
    """Return the models of some folds as one that predicts by their mean; None if there are none."""
    found = list(by_fold(path, folds, factor).values())
    if len(found) < 2:
        return found[0] if found else None
    return Repeated(with_shared_makers(found), (1 / len(found),) * len(found))


def _read(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        about = os.fstat(file.fileno())
        if hasattr(os, "getuid") and (about.st_uid != os.getuid() or about.st_mode & 0o077):
            raise PermissionError(f"{path} may be somebody else's")  # unpickling their file could run any code
        while True:
            try:
                yield pickle.load(file)  # noqa: S301 - our own process wrote it
            except EOFError:
                return


def _scaled(estimator: Any, factor: float) -> Any:
    """Return the model with the factor from all folds of its trial."""
    if isinstance(estimator, Featured):
        return replace(estimator, estimator=_scaled(estimator.estimator, factor))
    return replace(estimator, factor=factor) if isinstance(estimator, Exponential) else estimator
