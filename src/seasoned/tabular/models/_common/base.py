"""What a model family is: a name, a diet, a space, and how to build, fit, stop and store one member."""

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
    """What a model is built for.

    Attributes:
        task: binary, multiclass or regression.
        n_classes: Number of classes; 0 for regression.
        seed: Seed of everything random in the model.
        threads: Threads the model may use; never changes the result.
        categorical: Columns of codes that hold level codes.
        many: Those of them with more than 100 levels.
        seconds: Time for one fit in a trial; None where the result must not depend on time.
        cyclic: Columns of codes that are parts of dates, and the period of each.
        quantile: Which quantile to predict instead of the mean, for regression; families that say `quantiles = True`
            can learn it.
        relative: Whether an error counts relative to the target, so that rows with small targets count more.
        logarithm: The scale on which a configuration may learn the target; None if only the target itself is learned.
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
    """A model family."""

    @property
    def name(self) -> str:
        """Its name in configurations and on the leaderboard."""
        ...

    @property
    def diet(self) -> Diet:
        """Which matrix it takes, `codes` or `dense` (see `ColumnPlan`)."""
        ...

    def space(self, task: Task) -> Space:
        """Its hyperparameters, with good defaults for the task."""
        ...

    def build(self, config: dict[str, Any], job: Job) -> Any:
        """An unfitted estimator with `fit`, and `predict_proba` or `predict`."""
        ...

    def fit(
        self,
        estimator: Any,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None = None,
        weights: Weights | None = None,
    ) -> int | None:
        """Fit on (X, y), and in a trial watch the rows of `valid`.

        `weights` say how much each row of `train` and of `valid` counts, 1 on average; None if all count the same. A
        family that says `weighs = False` is given none. One that says `seeded = False` gives the same fit with any
        seed. One that holds rows out by itself (except a network that watches some of them) says `holds_out = True` and
        takes one more argument, `together`: rows with the same number in it must not be separated (None: all rows are
        independent).

        A family that trains round by round stops when the loss on `valid` gets no better, or when its `seconds` are
        over, keeping what it has rather than being killed with nothing. It returns the rounds it took, others None.
        """
        ...

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:
        """The configuration for a fit without validation rows, on the rounds that the folds took on average."""
        ...

    def dump(self, estimator: Any) -> bytes:
        """The fitted estimator, without pickle."""
        ...

    def load(self, data: bytes) -> Any:
        """The estimator that `dump` wrote.

        Raises:
            InvalidInput: If the data holds anything else.
        """
        ...


def predict(estimator: Any, X: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
    """Probabilities of all classes, shape (n, n_classes), or numbers, shape (n,).

    Classes that the estimator has not seen (a rare class missing from a fold) have probability 0.
    """
    if not len(X):  # scikit-learn refuses to predict zero rows
        return np.zeros((0, n_classes) if n_classes else 0)
    if not n_classes:
        return np.asarray(estimator.predict(X), dtype=np.float64).ravel()
    seen = np.asarray(estimator.predict_proba(X), dtype=np.float64)
    if seen.shape[1] == n_classes:
        return seen
    full = np.zeros((len(seen), n_classes))
    full[:, np.asarray(estimator.classes_, dtype=np.int64)] = seen
    return full
