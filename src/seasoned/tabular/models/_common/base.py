"""Protocol of a model family: name, input encoding, search space, and how to build, fit, stop and store one model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.space import Space
    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.log_target import Logarithm
    from seasoned.tabular.preprocessing.column_plan import Diet

    Weights = tuple[NDArray[np.float64], NDArray[np.float64] | None]

__all__ = ["Job", "Model", "predict"]


@dataclass(frozen=True, slots=True)
class Job:
    """Context of a model: task, seed, resources, and column types.

    Attributes:
        task: binary, multiclass or regression.
        n_classes: Number of classes; 0 for regression.
        seed: Random seed of the model.
        threads: Number of threads; it never changes the result.
        categorical: Indices of the columns of codes that contain level codes.
        many: Subset of `categorical`: the columns with more than 100 levels.
        seconds: Time limit of one fit in a trial; None if the result must not depend on time.
        cyclic: Index and period of each column of codes that is a part of a date.
        quantile: Quantile to predict instead of the mean, for regression; only for families with `quantiles = True`.
        relative: True if errors are relative to the target, so that rows with small targets count more.
        logarithm: Logarithmic scale that a configuration can select for the target; None without that choice.
    """

    task: Task
    n_classes: int
    seed: int
    threads: int = 1
    categorical: tuple[int, ...] = ()
    many: tuple[int, ...] = ()
    seconds: float | None = None
    cyclic: tuple[tuple[int, float], ...] = ()
    quantile: float | None = None
    relative: bool = False
    logarithm: Logarithm | None = None


class Model(Protocol):
    """Model family."""

    @property
    def name(self) -> str:
        """Name in configurations and on the leaderboard."""
        ...

    @property
    def diet(self) -> Diet:
        """Input encoding of the family, `codes` or `dense` (see `ColumnPlan`)."""
        ...

    def space(self, task: Task) -> Space:
        """Return the search space, with good defaults for the task."""
        ...

    def build(self, config: dict[str, Any], job: Job) -> Any:
        """Return an unfitted estimator with `fit`, and `predict_proba` or `predict`."""
        ...

    def fit(
        self,
        estimator: Any,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None = None,
        weights: Weights | None = None,
    ) -> int | None:
        """Fit on (X, y); in a trial, monitor the loss on the rows of `valid`.

        `weights` contains the row weights of `train` and of `valid`, 1 on average; None for equal weights.

        Class attributes declare exceptions:

        - `weighs = False`: the family receives no weights.
        - `seeded = False`: the fit is the same for every seed.
        - `readable = True`: the fitted model is a formula or a single tree.
        - `holds_out = True`: the family holds out rows by itself, and `fit` has the additional argument `together`.
          Rows with the same number in `together` must stay on one side of the split; None for independent rows. A
          network that holds out rows only for early stopping does not set `holds_out`.
        - `stores_rows = True`: the fitted model contains training rows.
        - `suits(rows, columns, classes)`: a method that is False for tables for which the default set of families
          leaves this family out. `classes` is 0 for regression.

        An iterative family stops when the loss on `valid` no longer improves, or when its `seconds` have passed. In
        both cases it returns a usable model. `fit` returns the number of rounds, or None for a family without rounds.
        """
        ...

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:
        """Return the configuration of a refit without validation rows, with the mean number of rounds of the folds."""
        ...

    def dump(self, estimator: Any) -> bytes:
        """Serialise the fitted estimator, without pickle."""
        ...

    def load(self, data: bytes) -> Any:
        """Deserialise the bytes of `dump`.

        Raises:
            InvalidInput: If the data contains anything else.
        """
        ...


def predict(estimator: Any, X: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
    """Predict probabilities of all classes, shape (n, n_classes), or numbers, shape (n,).

    Classes that the estimator has not seen (a rare class absent from a fold) have probability 0.
    """
    if not len(X):  # scikit-learn rejects empty input
        return np.zeros((0, n_classes) if n_classes else 0)
    if not n_classes:
        return np.asarray(estimator.predict(X), dtype=np.float64).ravel()
    seen = np.asarray(estimator.predict_proba(X), dtype=np.float64)
    if seen.shape[1] == n_classes:
        return seen
    full = np.zeros((len(seen), n_classes))
    full[:, np.asarray(estimator.classes_, dtype=np.int64)] = seen
    return full
