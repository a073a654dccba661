"""In-context network: it reads the training rows as context and predicts without being fitted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned import incontext
from seasoned._util.blas_threads import one_thread
from seasoned.errors import InvalidInput
from seasoned.incontext.network import LEVELS
from seasoned.incontext.shipped import shipped_digest
from seasoned.space import Space
from seasoned.tabular.models._common.row_sample import some_rows
from seasoned.tabular.safe_files import npz

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["MOST_COLUMNS", "MOST_ROWS", "ContextRows", "InContext"]

MOST_ROWS: Final = 2_000
"""Largest number of context rows: the limit of the network."""
MOST_COLUMNS: Final = 100
"""Largest number of columns of a context; of more columns each context has its own subset."""
_MOST_CLASSES: Final = 10  # number of classes that the network tells apart at once
_MOST_CLASSES_OF_A_FILE: Final = 1_000
_FILE: Final = {
    "X": ("float64", 2),
    "gaps": ("bool", 2),
    "y": ("float64", 1),
    "categorical": ("int64", 1),
    "settings": ("int64", 1),  # number of classes, digest of the network
}
_MAYBE: Final = {"quantile": ("float64", 1)}


@dataclass(slots=True)
class ContextRows:
    """Training rows as the context of the shipped network.

    Attributes:
        n_classes: Number of classes; 0 for regression.
        categorical: Places of columns of level codes.
        quantile: Quantile to predict; None for the mean. Levels outside 0.01 to 0.99 are predicted as the nearest one.
        seed: Seed of the row sample of a large table.
        X: Stored rows, shape (n, p).
        y: Class codes or numbers of the rows, shape (n,).
    """

    n_classes: int
    categorical: tuple[int, ...] = ()
    quantile: float | None = None
    seed: int = 0
    X: NDArray[np.float64] | None = None
    y: NDArray[np.float64] | None = None
    _reader: Any = field(default=None, init=False)

    @property
    def classes_(self) -> NDArray[np.int64]:
        """Class codes of the stored rows."""
        return np.asarray(self._read().classes_, dtype=np.int64)

    def fit(self, X: NDArray[np.float64], y: NDArray[Any]) -> None:
        """Store at most 2,000 rows, plus one row of each class that the sample lacks, and read them."""
        rows = some_rows(y, MOST_ROWS, np.random.default_rng(self.seed), classes=self.n_classes > 0)
        self.X, self.y = np.asarray(X[rows], dtype=np.float64), np.asarray(y[rows], dtype=np.float64)
        self._read()

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict probabilities of `classes_`, shape (n, classes)."""
        with one_thread("blas"):
            return np.asarray(self._read().predict_proba(X))

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict means or the quantile, shape (n,)."""
        reader = self._read()
        with one_thread("blas"):
            if self.quantile is None:
                return np.asarray(reader.predict(X))
            level = float(np.clip(self.quantile, LEVELS[0], LEVELS[-1]))
            return np.asarray(reader.predict_quantiles(X, [level])[:, 0])

    def _read(self) -> Any:
        """Return the estimator that has read the rows; after a load, they are read at the first prediction."""
        if self._reader is None:
            assert self.X is not None, "fitted or loaded first"
            assert self.y is not None
            kind = incontext.InContextClassifier if self.n_classes else incontext.InContextRegressor
            targets = self.y.astype(np.int64) if self.n_classes else self.y
            with one_thread("blas"):
                self._reader = kind(categorical=self.categorical, max_context=MOST_ROWS).fit(self.X, targets)
        return self._reader


@dataclass(frozen=True, slots=True)
class InContext:
    """In-context network that ships with the package (`seasoned.incontext`), on codes of levels and plain numbers.

    The network has no hyperparameters, so a search tries it once. A fitted model holds its training rows.
    """

    name: str = "incontext"
    diet: Diet = "codes"
    quantiles: bool = True
    seeded: bool = False
    stores_rows: bool = True
    weighs: bool = False

    def suits(self, rows: int, columns: int, classes: int) -> bool:
        """True within the limits of one context: 2,000 rows, 100 columns, 10 classes."""
        return rows <= MOST_ROWS and columns <= MOST_COLUMNS and classes <= _MOST_CLASSES

    def space(self, task: Task) -> Space:  # noqa: ARG002 - the protocol's signature
        """Empty space."""
        return Space()

    def build(self, config: dict[str, Any], job: Job) -> ContextRows:  # noqa: ARG002 - the protocol's signature
        """Return a model without rows."""
        return ContextRows(job.n_classes, job.categorical, job.quantile, job.seed)

    def fit(
        self,
        estimator: ContextRows,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,  # noqa: ARG002 - the protocol's signature
        seconds: float | None = None,  # noqa: ARG002
        weights: Weights | None = None,  # noqa: ARG002
    ) -> None:
        """Read (X, y)."""
        estimator.fit(*train)

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:  # noqa: ARG002
        """Return the configuration unchanged: the model has no rounds."""
        return config

    def dump(self, estimator: ContextRows) -> bytes:
        """Serialise the stored rows; the network itself is part of the package."""
        assert estimator.X is not None, "only what was fitted is stored"
        assert estimator.y is not None
        gaps = np.isnan(estimator.X)
        arrays: dict[str, NDArray[Any]] = {
            "X": np.where(gaps, 0.0, estimator.X),
            "gaps": gaps,
            "y": estimator.y,
            "categorical": np.array(estimator.categorical, dtype=np.int64),
            "settings": np.array([estimator.n_classes, shipped_digest()], dtype=np.int64),
        }
        if estimator.quantile is not None:
            arrays["quantile"] = np.array([estimator.quantile])
        return npz.dump(arrays)

    def load(self, data: bytes) -> ContextRows:
        """Deserialise the stored rows after a check."""
        found = npz.load(data, _FILE, _MAYBE)
        X, gaps, y, categorical, settings = (found[name] for name in _FILE)
        quantiles = found.get("quantile", np.zeros(0)).tolist()
        n_classes, digest = settings.tolist() if len(settings) == 2 else (-1, shipped_digest())
        if digest != shipped_digest():
            raise InvalidInput(
                "a member of this model is the in-context network of another version of seasoned, whose predictions "
                "differ: install that version, or fit again."
            )
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
        X = np.where(gaps, np.nan, X)
        return ContextRows(n_classes, tuple(categorical.tolist()), quantiles[0] if quantiles else None, 0, X, y)
