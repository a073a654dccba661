"""Additive model with products of column pairs: hinge functions and one L2 penalty, chosen on held-out rows."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned._util.blas_threads import one_thread
from seasoned.errors import InvalidInput
from seasoned.tabular.models._common.quantile_regression import fit_line
from seasoned.tabular.models._common.row_sample import some_rows
from seasoned.tabular.models._common.target_scaling import Units
from seasoned.tabular.models.linear.penalty_softmax import probabilities
from seasoned.tabular.models.linear.regularization_path import Rotated, classes_path, numbers_path
from seasoned.tabular.models.linear.spline_basis import Basis, best_pairs, blocks, strongest
from seasoned.tabular.validation.folds import dealt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Single = NDArray[np.float32]

__all__ = ["MOST_CELLS", "MOST_COLUMNS", "Additive"]

_GRID: Final = tuple((10.0 ** np.arange(4.0, -2.1, -0.75)).tolist())
_MOST_INPUTS: Final = 400  # largest number of input columns of the model
MOST_COLUMNS: Final = 500
"""Largest number of columns before products."""
MOST_CELLS: Final = 60_000_000
"""Largest number of rows times columns of a fit; a larger table is subsampled."""
# limits for the choice of the penalty; cells are rows times columns times classes
_TUNED_ROWS, _TUNED_CELLS = 6_000, 6_000_000
_LEAST_ROWS: Final = 1_000  # smallest number of rows for the choice of the penalty, for any number of columns
_FOLDS: Final = 3
_PENALTY_TIME_SHARE: Final = 0.6  # share of the time limit for the choice of the penalty
_COARSE, _FINE = 30, 80  # L-BFGS iterations per penalty: in the choice, and in the final fit


class _Choice(NamedTuple):
    """Penalties of the models without and with products; `paired` is None if products do not lower the loss."""

    plain: float
    paired: float | None


@dataclass(slots=True)
class Additive:
    """Additive model with products, and scikit-learn's `predict` and `predict_proba`.

    g(x) = a + sum_j f_j(x_j) + sum_(u, v) c_uv u v, where f_j is a line with hinges (`Basis`). The products uv are the
    products that best explain the residuals of the additive part. All weights share one L2 penalty, which is divided by
    `bend`^2 for hinges and by `bond`^2 for products. The loss of held-out rows decides the penalty and whether the
    model has products. Products are selected again in each fold. All penalties share one matrix decomposition.

    Attributes:
        config: Hyperparameters `knots`, `pairs`, `bend` and `bond`.
        n_classes: Number of classes; 0 for regression.
        seed: Random seed of the folds and of row samples.
        quantile: Quantile to predict; None for the mean.
        basis: Columns of the fitted model.
        weights: Fitted weights, shape (columns + 1, outputs), intercepts last.
        classes: Codes of the seen classes.
        target: Smallest and largest target of a regression.
    """

    config: dict[str, Any]
    n_classes: int
    seed: int = 0
    quantile: float | None = None
    basis: Basis | None = None
    weights: Array | None = None
    classes: NDArray[np.int64] | None = None
    target: tuple[float, float] = (0.0, 0.0)

    @property
    def classes_(self) -> NDArray[np.int64]:
        """Codes of the seen classes."""
        assert self.classes is not None, "fitted or loaded first"
        return self.classes

    def fit(
        self,
        X: Array,
        y: NDArray[Any],
        weight: Array | None = None,
        seconds: float | None = None,
        together: NDArray[np.int64] | None = None,
    ) -> None:
        """Choose the penalty on folds of the rows, then fit the rows, or a sample of a table above `MOST_CELLS`.

        Row weights are optional. Rows with the same number in `together` stay in one fold.
        """
        deadline = None if seconds is None else time.monotonic() + _PENALTY_TIME_SHARE * seconds
        rng = np.random.default_rng(self.seed)
        y = np.asarray(y)
        mass = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
        most = MOST_CELLS // max(MOST_COLUMNS + self.config["pairs"], X.shape[1])
        if len(X) > most:
            rows = some_rows(y, most, rng, classes=self.n_classes > 0)
            X, y, mass = X[rows], y[rows], mass[rows]
            together = None if together is None else together[rows]
        X = np.asarray(X, dtype=np.float64)
        units, ends = Units.of(y, self.n_classes), (y.min(), y.max())
        if self.n_classes:
            self.classes, y = np.unique(y, return_inverse=True)
        else:
            y, self.target = units.forward(y), _pair(units.forward(np.array(ends)))
        with one_thread("blas"):
            self._fit_with(self._chosen((X, y, mass), rng, deadline, together), X, y, mass)
        if not self.n_classes:
            assert self.weights is not None, "just fitted"
            self.weights, self.target = self.weights * units.spread, _pair(ends)
            self.weights[-1] += units.centre

    def predict(self, X: Array) -> Array:
        """Predict numbers, shape (n,), within the range of the training target."""
        return np.clip(self._outputs(X)[:, 0], *self.target)

    def predict_proba(self, X: Array) -> Array:
        """Predict probabilities of the seen classes, shape (n, classes)."""
        if len(self.classes_) == 1:
            return np.ones((len(X), 1))
        found = probabilities(self._outputs(X))
        return np.column_stack([1.0 - found, found]) if len(self.classes_) == 2 else found

    def _outputs(self, X: Array) -> Array:
        assert self.basis is not None, "fitted or loaded first"
        assert self.weights is not None
        if X.shape[1] != self.basis.width:
            raise InvalidInput(f"X has {X.shape[1]} columns, and the model was fitted on {self.basis.width}.")
        outputs = np.empty((len(X), self.weights.shape[1]))
        with one_thread("blas"):
            for part in blocks(len(X)):
                outputs[part] = self.basis.expand(X[part], np.float64) @ self.weights[:-1] + self.weights[-1]
        return outputs

    def _fit_with(self, choice: _Choice, X: Array, y: NDArray[Any], mass: Array) -> None:
        stage = _Stage(self, X, y, mass)
        (weights,) = stage.path((choice.plain,), _FINE)
        if choice.paired is not None:
            stage.add_pairs(weights)
            (weights,) = stage.path((choice.paired,), _FINE)
        self.basis, self.weights = stage.basis, weights
        if self.quantile is not None:
            self.weights = stage.line(choice.plain if choice.paired is None else choice.paired, self.quantile)

    def _chosen(
        self,
        given: tuple[Array, NDArray[Any], Array],
        rng: np.random.Generator,
        deadline: float | None,
        together: NDArray[np.int64] | None,
    ) -> _Choice:
        X, y, mass = given
        rows = np.arange(len(y))
        columns = min(MOST_COLUMNS, X.shape[1] * (1 + self.config["knots"])) + self.config["pairs"]
        most = max(_LEAST_ROWS, min(_TUNED_ROWS, _TUNED_CELLS // (columns * max(1, self.n_classes - 1))))
        if len(y) > most:
            rows = np.sort(rng.choice(len(y), most, replace=False))
        plain, paired = np.zeros(len(_GRID)), np.zeros(len(_GRID))
        parts = dealt(y[rows], rng, None if together is None else together[rows])
        folds = [(rows[train], rows[held]) for train, held in parts[:_FOLDS]]
        if len(folds) < 2 or (self.n_classes and len(self.classes_) == 1):
            return _Choice(1.0, None)
        for train, held in folds:
            stage = _Stage(self, X[train], y[train], mass[train])
            held_out = _HeldOut(self, X[held], y[held], mass[held])
            trace = held_out.trace(stage, deadline)
            plain += trace.losses
            if self.config["pairs"]:
                stage.add_pairs(trace.best)
                paired += held_out.trace(stage, deadline).losses
            if deadline is not None and time.monotonic() > deadline:
                break
        better = self.config["pairs"] and paired.min() < plain.min()
        return _Choice(_GRID[int(plain.argmin())], _GRID[int(paired.argmin())] if better else None)


def _pair(ends: Any) -> tuple[float, float]:
    low, high = ends
    return float(low), float(high)


class _Stage:
    """Rows expanded to the columns of a basis, and fits to them."""

    def __init__(self, model: Additive, X: Array, y: NDArray[Any], mass: Array) -> None:
        self._model, self._X, self._mass = model, X, mass
        if not model.n_classes:
            self._Y = np.asarray(y, dtype=np.float64)[:, None]
        else:
            flags = np.eye(len(model.classes_))[y]
            self._Y = flags[:, 1:] if flags.shape[1] == 2 else flags
        kept = strongest(X, self._Y, mass, _MOST_INPUTS)
        self.basis = Basis.of(X, kept, model.config["knots"], MOST_COLUMNS)
        self._A = self._decompose()

    def path(self, penalties: Sequence[float], steps: int) -> Iterator[Array]:
        """Yield weights at each penalty, from the largest down."""
        if self._model.n_classes:
            return classes_path(self._data, self._Y, penalties, steps)
        return numbers_path(self._data, self._Y[:, 0], penalties)

    def add_pairs(self, weights: Array) -> None:
        """Add the products that best explain the residuals of the model with these weights; callable once."""
        outputs = self._A @ weights[:-1].astype(np.float32) + weights[-1].astype(np.float32)
        residuals = self._Y - (probabilities(outputs) if self._model.n_classes else outputs)
        left = (residuals * self._mass[:, None]).astype(np.float32)
        self.basis = self.basis.with_pairs(best_pairs(self.basis, self._A, left, self._model.config["pairs"]))
        del self._A, self._data  # free memory before larger arrays are allocated
        self._decompose()

    def line(self, penalty: float, quantile: float) -> Array:
        """Weights of the quantile model, fitted on rotated and scaled columns, on which L-BFGS converges fast."""
        data, y = self._data, self._Y[:, 0]
        size = np.sqrt(data.power + penalty)
        slopes, level = fit_line(data.turned / size, y, quantile, penalty / size**2, self._mass)
        return data.weights((slopes / size)[:, None], np.array([level]))

    def _decompose(self) -> Single:
        """Return the columns, and store a rotated copy in `_data`."""
        config, basis = self._model.config, self.basis
        parts = (len(basis.inputs), 1.0), (len(basis.column), config["bend"]), (len(basis.pairs), config["bond"])
        scale = np.concatenate([np.full(count, factor) for count, factor in parts])
        A: Single = basis.expand(self._X)
        self._data = Rotated.of(A, scale, self._mass)
        return A


@dataclass(slots=True)
class _Trace:
    """Held-out losses at the penalties of the grid, and the weights with the lowest loss."""

    losses: Array = field(default_factory=lambda: np.full(len(_GRID), np.inf))
    best: Array = field(default_factory=lambda: np.zeros((1, 1)))


class _HeldOut(NamedTuple):
    """Held-out rows and their loss."""

    model: Additive
    X: Array
    y: NDArray[Any]
    mass: Array

    def trace(self, stage: _Stage, deadline: float | None) -> _Trace:
        """Compute losses down the grid, until two penalties in a row bring no improvement.

        Penalties that were not evaluated get the last loss.
        """
        found, A = _Trace(), stage.basis.expand(self.X)
        least = worse = 0
        for place, weights in enumerate(stage.path(_GRID, _COARSE)):
            loss = self._loss(A @ weights[:-1].astype(np.float32) + weights[-1].astype(np.float32))
            found.losses[place:] = loss
            if not place or loss < found.losses[least]:
                least, worse, found.best = place, 0, weights
            else:
                worse += 1
            if worse == 2 or (deadline is not None and time.monotonic() > deadline):
                break
        return found

    def _loss(self, outputs: Single) -> float:
        model, y = self.model, self.y
        if not model.n_classes:
            return float(self.mass @ (np.clip(outputs[:, 0], *model.target) - y) ** 2)
        P = probabilities(outputs.astype(np.float64))
        P = np.column_stack([1.0 - P, P]) if P.shape[1] == 1 else P
        return float(-self.mass @ np.log(np.maximum(P[np.arange(len(y)), y], 1e-7)))
