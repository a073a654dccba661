"""Family of in-context networks: they read the training rows as context, and no weight is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned import incontext
from seasoned.incontext.network import LEVELS
from seasoned.incontext.shipped import shipped_digest
from seasoned.space import Space
from seasoned.tabular.models.neural import context_rows
from seasoned.tabular.models.neural.context_rows import ContextRows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.models.neural.context_rows import RowReader
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["MOST_COLUMNS", "MOST_ROWS", "InContext", "ShippedReader"]

MOST_ROWS: Final = 2_000
"""Largest number of context rows: the limit of the network."""
MOST_COLUMNS: Final = 100
"""Largest number of columns of a context; of more columns each context has its own subset."""
_MOST_CLASSES: Final = 10  # number of classes that a network tells apart at once


@dataclass(frozen=True, slots=True)
class ShippedReader:
    """The network that ships with the package (`seasoned.incontext`)."""

    most_rows: int = MOST_ROWS
    most_columns: int = MOST_COLUMNS
    mismatch: str = (
        "a member of this model is the in-context network of another version of seasoned, whose predictions differ: "
        "install that version, or fit again."
    )

    def check(self) -> None:
        """Do nothing: the network is part of the package."""

    def digest(self, n_classes: int) -> int:  # noqa: ARG002 - one network for classes and numbers
        """Return 8 bytes of the hash of the network's file."""
        return shipped_digest()

    def read(self, X: NDArray[np.float64], y: NDArray[Any], categorical: tuple[int, ...], n_classes: int) -> Any:
        """Return the estimator that has read rows."""
        kind: Any = incontext.InContextClassifier if n_classes else incontext.InContextRegressor
        return kind(categorical=categorical, max_context=self.most_rows).fit(X, y)

    def quantile(self, estimator: Any, X: NDArray[np.float64], level: float) -> NDArray[np.float64]:
        """Return a quantile of each row; levels outside 0.01 to 0.99 are predicted as the nearest one."""
        return np.asarray(estimator.predict_quantiles(X, [float(np.clip(level, LEVELS[0], LEVELS[-1]))])[:, 0])


@dataclass(frozen=True, slots=True)
class InContext:
    """In-context network, on codes of levels and plain numbers.

    The network has no hyperparameters, so a search tries it once. A fitted model holds its training rows.

    Attributes:
        name: Name of the family.
        reader: The network.
    """

    name: str = "incontext"
    reader: RowReader = ShippedReader()
    diet: Diet = "codes"
    quantiles: bool = True
    seeded: bool = False
    stores_rows: bool = True
    weighs: bool = False

    def suits(self, rows: int, columns: int, classes: int) -> bool:
        """True within the limits of one context: the network's rows and columns, and 10 classes."""
        return rows <= self.reader.most_rows and columns <= self.reader.most_columns and classes <= _MOST_CLASSES

    def space(self, task: Task) -> Space:  # noqa: ARG002 - the protocol's signature
        """Empty space."""
        return Space()

    def build(self, config: dict[str, Any], job: Job) -> ContextRows:  # noqa: ARG002 - the protocol's signature
        """Return a model without rows."""
        return ContextRows(self.reader, job.n_classes, job.categorical, job.quantile, job.seed)

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
        """Serialise the stored rows; the network itself is no part of the file."""
        return context_rows.dump(estimator)

    def load(self, data: bytes) -> ContextRows:
        """Deserialise the stored rows after a check."""
        return context_rows.load(data, self.reader)
