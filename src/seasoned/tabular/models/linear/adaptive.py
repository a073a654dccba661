"""Linear models with a separate penalty per column (per category), tuned by hypergradients."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned._util.blas_threads import one_thread
from seasoned.errors import InvalidInput
from seasoned.space import Float, Space
from seasoned.tabular.models.linear.penalty_softmax import SoftmaxFit, SoftmaxFolds, probabilities
from seasoned.tabular.models.linear.penalty_tuning import RidgeFolds, levels_together, ridge, tune_penalties
from seasoned.tabular.safe_files import npz
from seasoned.tabular.validation.folds import dealt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

    Array = NDArray[np.float64]

__all__ = ["AdaptiveLinear", "PenalisedLinear"]

# classification: limit of rows times columns (times classes) for penalty tuning; the final fit uses all rows
_CELLS: Final = 1_600_000
_ROWS_EACH: Final = 20  # rows per penalty; with fewer rows the prior's spread shrinks by the square root of the share
_MIN_ROWS: Final = 1_000  # classification: smallest number of rows for penalty tuning, for any number of columns
_TUNING_TIME_SHARE: Final = 0.6  # share of the time limit for penalty tuning
_FILE: Final = {"weights": ("float64", 2), "classes": ("int64", 1), "target": ("float64", 1)}


@dataclass(slots=True)
class PenalisedLinear:
    """Ridge, logistic or softmax regression with scikit-learn's `predict` and `predict_proba`.

    Attributes:
        n_classes: Number of classes; 0 for regression.
        spread: See `tune_penalties`.
        seed: Random seed of the folds and of the rows for penalty tuning.
        weights: Fitted weights, shape (p + 1, logits), intercepts last.
        classes: Codes of the seen classes.
        target: Mean and standard deviation of a regression's target.
        penalties: Fitted penalty of each column, shape (p,); not serialised.
    """

    n_classes: int
    spread: float = 2.0
    seed: int = 0
    weights: Array | None = None
    classes: NDArray[np.int64] | None = None
    target: tuple[float, float] = (0.0, 1.0)
    penalties: Array | None = None

    @property
    def classes_(self) -> NDArray[np.int64]:
        """Codes of the seen classes."""
        assert self.classes is not None, "fitted or loaded first"
        return self.classes

    def fit(
        self,
        X: Array,
        y: NDArray[Any],
        seconds: float | None = None,
        weight: Array | None = None,
        together: NDArray[np.int64] | None = None,
    ) -> None:
        """Tune the penalties on folds of the rows, then fit all rows.

        Row weights are optional. Rows with the same number in `together` stay in one fold.
        """
        start = time.monotonic()
        deadline = None if seconds is None else start + _TUNING_TIME_SHARE * seconds
        X = np.asarray(X, dtype=np.float64)
        mass = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
        aim = self._aim(y)
        with one_thread("blas"):
            rho = self._tuned(X, aim, mass, deadline, together)
            self.penalties = np.exp(rho)
            if not self.n_classes:
                self.weights = ridge(X, aim, rho, mass)
            else:
                last = None if seconds is None else start + seconds
                self.weights = SoftmaxFit.of(X, aim, len(self.classes_), mass).move(rho, last)

    def predict(self, X: Array) -> Array:
        """Predict numbers, shape (n,)."""
        return self._outputs(X)[:, 0] * self.target[1] + self.target[0]

    def predict_proba(self, X: Array) -> Array:
        """Predict probabilities of the seen classes, shape (n, classes)."""
        if len(self.classes_) == 1:
            return np.ones((len(X), 1))
        found = probabilities(self._outputs(X))
        return np.column_stack([1.0 - found, found]) if len(self.classes_) == 2 else found

    def _aim(self, y: NDArray[Any]) -> NDArray[Any]:
        """Class codes renumbered from 0, or standardised numbers."""
        if self.n_classes:
            self.classes, codes = np.unique(y, return_inverse=True)
            return codes
        self.target = float(y.mean()), float(y.std()) or 1.0
        return np.asarray((y - self.target[0]) / self.target[1])

    def _outputs(self, X: Array) -> Array:
        assert self.weights is not None, "fitted or loaded first"
        if X.shape[1] + 1 != len(self.weights):
            raise InvalidInput(f"X has {X.shape[1]} columns, and the model was fitted on {len(self.weights) - 1}.")
        with one_thread("blas"):
            outputs: Array = X @ self.weights[:-1] + self.weights[-1]
        return outputs

    def _tuned(
        self, X: Array, y: NDArray[Any], mass: Array, deadline: float | None, together: NDArray[np.int64] | None
    ) -> Array:
        """Tuned log-penalties, shape (p,)."""
        logits = max(1, self.n_classes if self.n_classes > 2 else 1)
        most = len(y) if not self.n_classes else max(_MIN_ROWS, _CELLS // max(1, X.shape[1] * logits))
        rng = np.random.default_rng(self.seed)
        rows = np.sort(rng.choice(len(y), most, replace=False)) if most < len(y) else np.arange(len(y))
        folds = dealt(y[rows], rng, None if together is None else together[rows])
        if len(folds) < 2 or not X.shape[1] or (self.n_classes and len(self.classes_) == 1):
            return np.zeros(X.shape[1])
        problem: Any
        if self.n_classes:
            problem = SoftmaxFolds.of(X[rows], y[rows], len(self.classes_), folds, mass[rows])
        else:
            problem = RidgeFolds.of(X, y, folds, mass)
        groups = levels_together(X[rows])
        known = min(1.0, float(np.sqrt(len(rows) / (_ROWS_EACH * (groups.max() + 1)))))
        return tune_penalties(problem, groups, self.spread * known, deadline=deadline).rho


@dataclass(frozen=True, slots=True)
class AdaptiveLinear:
    """Linear model with tuned penalties: one per numeric column, and one per category for all its levels.

    The penalties follow the gradient of the held-out likelihood of five folds, from the implicit function theorem
    (`penalty_tuning.py`). numpy runs this descent faster than JAX compiles it, so that the family needs no extra.
    `spread` limits the differences between penalties, in natural logarithms; 0 would give one common penalty. With
    fewer than 20 rows per penalty, the limit is tighter, because the penalties would overfit the held-out rows.

    Source: adaptive ridge (Grandvalet 1998) with the hypergradients of Bengio 2000 and Lorraine et al. 2020.
    """

    name: str = "adaptive_linear"
    diet: Diet = "dense"
    readable: bool = True
    holds_out: bool = True

    def space(self, task: Task) -> Space:  # noqa: ARG002 - the protocol's signature
        """Spread of the penalties."""
        return Space(spread=Float(0.2, 6.0, log=True, default=2.0))

    def build(self, config: dict[str, Any], job: Job) -> PenalisedLinear:
        """Return an unfitted model."""
        return PenalisedLinear(job.n_classes, config["spread"], job.seed)

    def fit(
        self,
        estimator: PenalisedLinear,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,  # noqa: ARG002 - the protocol's signature
        seconds: float | None = None,
        weights: Weights | None = None,
        together: NDArray[np.int64] | None = None,
    ) -> None:
        """Fit on (X, y); the fit holds out rows of X by itself."""
        estimator.fit(*train, seconds, None if weights is None else weights[0], together)

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:  # noqa: ARG002 - the protocol's signature
        """Return the configuration unchanged: the model has no rounds."""
        return config

    def dump(self, estimator: PenalisedLinear) -> bytes:
        """Serialise the weights as arrays."""
        assert estimator.weights is not None, "only what was fitted is stored"
        classes = np.array([], dtype=np.int64) if estimator.classes is None else estimator.classes
        counted = np.append(classes, estimator.n_classes).astype(np.int64)
        return npz.dump({"weights": estimator.weights, "classes": counted, "target": np.array(estimator.target)})

    def load(self, data: bytes) -> PenalisedLinear:
        """Deserialise the weights after a check."""
        found = npz.load(data, _FILE)
        weights = found["weights"]
        classes: list[int] = found["classes"].tolist()
        n_classes = classes.pop() if classes else -1
        logits = 1 if len(classes) <= 2 else len(classes)
        fits = weights.shape[1] == logits and len(weights) > 0 and len(found["target"]) == 2
        ordered = all(a < b for a, b in zip([-1, *classes], [*classes, n_classes], strict=True)) if classes else True
        if not fits or not ordered or (n_classes > 0) != bool(classes) or n_classes < 0:
            raise InvalidInput("the arrays of the linear model in the file do not fit together; get another copy.")
        mean, deviation = found["target"].tolist()
        seen = np.array(classes, dtype=np.int64) if classes else None
        return PenalisedLinear(n_classes, 0.0, 0, weights, seen, (mean, deviation))
