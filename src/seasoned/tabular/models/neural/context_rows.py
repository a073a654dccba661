"""Training rows as the context of a network that is not fitted: stored, read at the first prediction, and checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from seasoned._util.blas_threads import one_thread
from seasoned.errors import InvalidInput
from seasoned.tabular.models._common.row_sample import some_rows
from seasoned.tabular.safe_files import npz

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ContextRows", "RowReader", "dump", "load"]

_MOST_CLASSES_OF_A_FILE: Final = 1_000
_FILE: Final = {
    "X": ("float64", 2),
    "gaps": ("bool", 2),
    "y": ("float64", 1),
    "categorical": ("int64", 1),
    "settings": ("int64", 1),  # number of classes, digest of the network
}
_MAYBE: Final = {"quantile": ("float64", 1)}


class RowReader(Protocol):
    """Network that reads rows."""

    @property
    def most_rows(self) -> int:
        """Largest number of context rows."""
        ...

    @property
    def most_columns(self) -> int:
        """Largest number of columns for which the network is meant."""
        ...

    @property
    def mismatch(self) -> str:
        """Message of the error for stored rows of another network."""
        ...

    def check(self) -> None:
        """Check that the network is there.

        Raises:
            InvalidInput: Its files are missing.
        """
        ...

    def digest(self, n_classes: int) -> int:
        """Return 8 bytes of the hash of the network's file as a signed number.

        Raises:
            InvalidInput: There is no such file.
        """
        ...

    def read(self, X: NDArray[np.float64], y: NDArray[Any], categorical: tuple[int, ...], n_classes: int) -> Any:
        """Return an estimator with `predict_proba` and `classes_`, or with `predict`, that has read rows."""
        ...

    def quantile(self, estimator: Any, X: NDArray[np.float64], level: float) -> NDArray[np.float64]:
        """Return a quantile of each row."""
        ...


@dataclass(slots=True)
class ContextRows:
    """Training rows and the network that reads them.

    Attributes:
        reader: The network.
        n_classes: Number of classes; 0 for regression.
        categorical: Places of columns of level codes.
        quantile: Quantile to predict; None for the mean.
        seed: Seed of the row sample of a large table.
        X: Stored rows, shape (n, p).
        y: Class codes or numbers of the rows, shape (n,).
    """

    reader: RowReader
    n_classes: int
    categorical: tuple[int, ...] = ()
    quantile: float | None = None
    seed: int = 0
    X: NDArray[np.float64] | None = None
    y: NDArray[np.float64] | None = None
    _estimator: Any = field(default=None, init=False)

    @property
    def classes_(self) -> NDArray[np.int64]:
        """Class codes of the stored rows."""
        return np.asarray(self._read().classes_, dtype=np.int64)

    def fit(self, X: NDArray[np.float64], y: NDArray[Any]) -> None:
        """Store and read the rows, or a sample of the network's largest size and a row of each class that it lacks."""
        rows = some_rows(y, self.reader.most_rows, np.random.default_rng(self.seed), classes=self.n_classes > 0)
        self.X, self.y = np.asarray(X[rows], dtype=np.float64), np.asarray(y[rows], dtype=np.float64)
        self._read()

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict probabilities of `classes_`, shape (n, classes)."""
        with one_thread("blas"):
            return np.asarray(self._read().predict_proba(X))

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict means or the quantile, shape (n,)."""
        estimator = self._read()
        with one_thread("blas"):
            if self.quantile is None:
                return np.asarray(estimator.predict(X))
            return self.reader.quantile(estimator, X, self.quantile)

    def _read(self) -> Any:
        """Return the estimator that has read the rows; after a load, they are read at the first prediction."""
        if self._estimator is None:
            assert self.X is not None, "fitted or loaded first"
            assert self.y is not None
            targets = self.y.astype(np.int64) if self.n_classes else self.y
            with one_thread("blas"):
                self._estimator = self.reader.read(self.X, targets, self.categorical, self.n_classes)
        return self._estimator


def dump(estimator: ContextRows) -> bytes:
    """Serialise the stored rows and the digest of the network, which is not part of the file."""
    assert estimator.X is not None, "only what was fitted is stored"
    assert estimator.y is not None
    gaps = np.isnan(estimator.X)
    digest = estimator.reader.digest(estimator.n_classes)
    arrays: dict[str, NDArray[Any]] = {
        "X": np.where(gaps, 0.0, estimator.X),
        "gaps": gaps,
        "y": estimator.y,
        "categorical": np.array(estimator.categorical, dtype=np.int64),
        "settings": np.array([estimator.n_classes, digest], dtype=np.int64),
    }
    if estimator.quantile is not None:
        arrays["quantile"] = np.array([estimator.quantile])
    return npz.dump(arrays)


def load(data: bytes, reader: RowReader) -> ContextRows:
    """Deserialise stored rows after a check.

    Raises:
        InvalidInput: The rows do not fit together, or another network has read them.
    """
    found = npz.load(data, _FILE, _MAYBE)
    X, gaps, y, categorical, settings = (found[name] for name in _FILE)
    quantiles = found.get("quantile", np.zeros(0)).tolist()
    n_classes, digest = settings.tolist() if len(settings) == 2 else (-1, 0)
    codes = (y >= 0) & (y < n_classes) & (y == np.round(y))
    if (
        not (X.shape == gaps.shape and len(X) == len(y) >= 2)
        or not 0 <= n_classes <= _MOST_CLASSES_OF_A_FILE
        or not ((categorical >= 0) & (categorical < X.shape[1])).all()
        or (n_classes != 0 and not codes.all())
        or len(quantiles) > (n_classes == 0)
        or not all(0 < quantile < 1 for quantile in quantiles)
    ):
        raise InvalidInput("the rows of the in-context model in the file do not fit together; get another copy.")
    if digest != reader.digest(n_classes):
        raise InvalidInput(reader.mismatch)
    X = np.where(gaps, np.nan, X)
    return ContextRows(reader, n_classes, tuple(categorical.tolist()), quantiles[0] if quantiles else None, 0, X, y)
