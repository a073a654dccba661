"""Published in-context networks of tables, through the packages of their authors: TabICL and TabPFN.

Nothing is downloaded: the weights are files in the folder that the variable SEASONED_NETWORKS names. A bundle contains
the training rows and the hash of the weights, and no weights.

Sources: TabICL (Qu and others, 2026, arXiv 2602.11139); TabPFN (Hollmann and others, 2025, Nature 637).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned._util.optional_packages import require
from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["TABICL", "TABPFN", "VARIABLE", "PublishedReader"]

VARIABLE: Final = "SEASONED_NETWORKS"
"""Environment variable with the folder of the weights."""
_ENDINGS: Final = (".ckpt", ".safetensors")
_KINDS: Final = ("classifier", "regressor")


@dataclass(frozen=True, slots=True)
class PublishedReader:
    """Network of a package whose estimators follow scikit-learn.

    Attributes:
        package: Name of the package, with which the names of its weights begin.
        prefix: Beginning of the names of its estimators.
        arguments: Arguments of the estimators, from the file of the weights and the places of categories.
        levels: Argument of `predict` for the levels of quantiles.
        most_rows: Largest number of context rows, for the time that they take without an accelerator.
        most_columns: Largest number of columns for which the networks are meant.
    """

    package: str
    prefix: str
    arguments: Callable[[Path, tuple[int, ...]], dict[str, Any]]
    levels: str
    most_rows: int = 10_000
    most_columns: int = 500

    @property
    def mismatch(self) -> str:
        """Message of the error for stored rows that other weights have read."""
        return (
            f"a member of this model is {self.package} with other weights than those in {os.environ.get(VARIABLE)}, "
            f"so predictions would differ: set {VARIABLE} to the folder of the weights of the fit, or fit again."
        )

    def check(self) -> None:
        """Check that there are weights for classes or for numbers.

        Raises:
            InvalidInput: There are none.
        """
        if not any(self._files(kind) for kind in _KINDS):
            self._weights(_KINDS[0])

    def digest(self, n_classes: int) -> int:
        """Return 8 bytes of the hash of the weights."""
        path = self._weights(_KINDS[n_classes == 0])
        state = path.stat()
        return _digest(path, state.st_mtime_ns, state.st_size)

    def read(self, X: NDArray[np.float64], y: NDArray[Any], categorical: tuple[int, ...], n_classes: int) -> Any:
        """Return the package's estimator that has read rows."""
        kind = _KINDS[n_classes == 0]
        estimator = getattr(require(self.package), self.prefix + kind.title())
        return estimator(**self.arguments(self._weights(kind), categorical)).fit(X, y)

    def quantile(self, estimator: Any, X: NDArray[np.float64], level: float) -> NDArray[np.float64]:
        """Return a quantile of each row."""
        found = estimator.predict(X, output_type="quantiles", **{self.levels: [level]})
        return np.reshape(found, -1).astype(np.float64)

    def _weights(self, kind: str) -> Path:
        found = self._files(kind)
        if len(found) == 1:
            return found[0]
        folder = os.environ.get(VARIABLE)
        if not folder:
            raise InvalidInput(
                f"{self.package} needs its weights, and seasoned downloads none: set the environment variable "
                f"{VARIABLE} to the folder of the files {self.package}*{kind}*."
            )
        several = f"{len(found)} files {', '.join(file.name for file in found)}" if found else "no file"
        raise InvalidInput(f"{folder} has {several} for the {kind} of {self.package}; it needs just one.")

    def _files(self, kind: str) -> list[Path]:
        """Return the weights for a kind of target: their names contain the kind, or neither of the two."""
        folder = os.environ.get(VARIABLE)
        files = Path(folder).glob(f"{self.package}*") if folder else ()
        other = _KINDS[kind == _KINDS[0]]
        return sorted(file for file in files if file.suffix in _ENDINGS and other not in file.name)


@lru_cache(maxsize=8)
def _digest(path: Path, changed: int, size: int) -> int:  # noqa: ARG001 - a changed file is another key
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return int(np.frombuffer(digest[:8], dtype="<i8")[0])


def _tabicl(weights: Path, categorical: tuple[int, ...]) -> dict[str, Any]:  # noqa: ARG001 - codes are read as numbers
    return {"model_path": weights, "allow_auto_download": False, "device": "cpu", "random_state": 0}


def _tabpfn(weights: Path, categorical: tuple[int, ...]) -> dict[str, Any]:
    places = list(categorical)
    limits = {"ignore_pretraining_limits": True}  # the library has limits of its own
    return {"model_path": weights, "categorical_features_indices": places, "device": "cpu", "random_state": 0, **limits}


TABICL: Final = PublishedReader("tabicl", "TabICL", _tabicl, "alphas")
"""TabICL; code and weights have the licence BSD-3-Clause."""
TABPFN: Final = PublishedReader("tabpfn", "TabPFN", _tabpfn, "quantiles")
"""TabPFN; the code has the licence Apache-2.0, and the licence of newer weights excludes commercial use."""
