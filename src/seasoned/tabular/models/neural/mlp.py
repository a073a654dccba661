"""Multilayer perceptron."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned._util.blas_threads import one_thread
from seasoned.errors import InvalidInput
from seasoned.space import Float, Int, Space
from seasoned.tabular.models._common.target_scaling import Units
from seasoned.tabular.models.neural.numpy_network import Loss, Shape, forward, initial
from seasoned.tabular.models.neural.numpy_training import Recipe, train
from seasoned.tabular.safe_files import npz

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.models.neural.numpy_network import Rows
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["MLP", "Perceptron"]

_FILE: Final = {"vector": ("float32", 1), "widths": ("int64", 1), "target": ("float64", 1)}
_PIECE: Final = 4_096  # rows per block of predictions
_MOST_STEPS: Final = 10_000  # largest number of optimiser steps of one fit; large tables get fewer epochs
_MOST_LAYERS, _MOST_WIDTH = 20, 2**24  # limits of a network in a file


@dataclass(slots=True)
class Perceptron:
    """Network with scikit-learn's `predict` and `predict_proba`.

    Attributes:
        config: Hyperparameters; `rounds` fixes the number of epochs.
        n_classes: Number of classes; 0 for regression.
        seed: Random seed of initial weights, shuffles and dropout.
        shape: Layers of the fitted network.
        vector: All fitted parameters.
        target: Location, scale, smallest and largest target of a regression. Location and scale are mean and standard
            deviation, or for a quantile the quantile and the spread of `Units`.
        quantile: Quantile to predict; None for the mean.
    """

    config: dict[str, Any]
    n_classes: int
    seed: int = 0
    shape: Shape | None = None
    vector: NDArray[np.float32] | None = None
    target: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 0.0)
    quantile: float | None = None

    @property
    def classes_(self) -> NDArray[np.int64]:
        """All class codes, including classes absent from the training rows."""
        return np.arange(self.n_classes)

    def fit(
        self,
        X: NDArray[np.float64],
        y: NDArray[Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None,
        weights: Weights | None = None,
    ) -> int:
        """Train; with validation rows, retain the best epoch. Returns the number of epochs of these parameters.

        BLAS uses one thread: the layers are too small for more, and sums do not depend on the number of cores.
        """
        if not self.n_classes:
            level = float(y.mean() if self.quantile is None else np.quantile(y, self.quantile))
            spread = float(y.std()) or 1.0 if self.quantile is None else Units.of(y).spread
            self.target = level, spread, float(y.min()), float(y.max())
        rng = np.random.default_rng(self.seed)
        hidden = (self.config["width"],) * self.config["layers"]
        self.shape = Shape((X.shape[1], *hidden, self.n_classes or 1))
        weight, weight_valid = weights or (None, None)
        data = X.astype(np.float32), self._targets(y), None if weight is None else weight.astype(np.float32)
        watched = None if valid is None else self._watched(valid, y, weight_valid)
        recipe = self._recipe(len(X))
        with one_thread("blas"):
            start = initial(self.shape, rng)
            self.vector, epochs = train(self.shape, start, data, watched, recipe, rng=rng, seconds=seconds)
        return epochs

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict numbers, shape (n,), within the range of the training target."""
        mean, deviation, low, high = self.target
        return np.clip(self._outputs(X)[:, 0] * deviation + mean, low, high)

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict probabilities, shape (n, n_classes)."""
        outputs = self._outputs(X)
        shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        found: NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
        return found

    def _outputs(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        assert self.shape is not None, "fitted or loaded first"
        assert self.vector is not None
        with one_thread("blas"):
            parts = [
                forward(self.shape, self.vector, X[start : start + _PIECE].astype(np.float32))
                for start in range(0, max(len(X), 1), _PIECE)  # the activations of a long table would take gigabytes
            ]
        return np.concatenate(parts).astype(np.float64)

    def _watched(self, valid: tuple[Any, Any], y: NDArray[Any], weight: NDArray[np.float64] | None) -> Rows | None:
        """Validation rows of classes that occur in the training rows; None if no row remains."""
        known = np.isin(valid[1], y) if self.n_classes else np.ones(len(valid[1]), dtype=np.bool_)
        if not known.any():
            return None
        rows, targets = valid[0][known].astype(np.float32), self._targets(valid[1][known])
        return rows, targets, None if weight is None else weight[known].astype(np.float32)

    def _targets(self, y: NDArray[Any]) -> NDArray[np.float32]:
        """One-hot classes, or the standardised number as one column."""
        if self.n_classes:
            return np.asarray(np.eye(self.n_classes, dtype=np.float32)[y])
        return np.asarray((y - self.target[0]) / self.target[1], dtype=np.float32)[:, None]

    def _recipe(self, rows: int) -> Recipe:
        config = self.config
        batch = min(config["batch"], rows)
        affordable = max(10, _MOST_STEPS * batch // rows)
        epochs = config.get("rounds") or min(config["epochs"], affordable)
        smoothing = config.get("smoothing", 0.0)
        rate, decay, dropout = config["rate"], config["decay"], config["dropout"]
        return Recipe(epochs, batch, rate, decay, dropout, smoothing, self._loss())

    def _loss(self) -> Loss:
        if self.n_classes:
            return Loss("classes")
        return Loss("squares") if self.quantile is None else Loss("quantile", self.quantile)


@dataclass(frozen=True, slots=True)
class MLP:
    """Three hidden layers on scaled numbers and one-hot levels, trained by Adam with early stopping.

    Source: RealMLP-TD-S of Holzmüller, Grinsztajn and Steinwart 2024: scaling layer, weights divided by the root of
    their fan-in, SELU, four cosine cycles. Differences: some dropout and weight decay of the larger RealMLP-TD, and 128
    units per layer because it runs in numpy on one core. The learning rates are smaller: the paper tuned them for
    accuracy, this family for the logarithmic loss.

    scikit-learn's network has no dropout, no schedule and no time limit, and accepts no external validation rows.
    docs/decisions/0005-models.md compares the test losses.
    """

    name: str = "mlp"
    diet: Diet = "dense"
    quantiles: bool = True

    def space(self, task: Task) -> Space:
        """Learning rate, size and regularisation."""
        classes = task != "regression"
        space: dict[str, Any] = {
            "rate": Float(1e-3, 0.2, log=True, default=0.015 if classes else 0.05),
            "width": Int(32, 256, log=True, default=128),
            "layers": Int(1, 4, default=3),
            "dropout": Float(0.0, 0.5, default=0.15 if classes else 0.1),
            "decay": Float(1e-4, 0.2, log=True, default=0.02),
            "batch": Int(32, 512, log=True, default=128),
            "epochs": Int(20, 256, log=True, default=128),
        }
        if classes:
            space["smoothing"] = Float(0.0, 0.15, default=0.03)
        return Space(space)

    def build(self, config: dict[str, Any], job: Job) -> Perceptron:
        """Return an unfitted network."""
        return Perceptron(dict(config), job.n_classes, job.seed, quantile=job.quantile)

    def fit(
        self,
        estimator: Perceptron,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None = None,
        weights: Weights | None = None,
    ) -> int | None:
        """Fit on (X, y) and monitor the loss of the validation rows; returns the best epoch."""
        epochs = estimator.fit(*train, valid, seconds, weights)
        return None if valid is None else epochs

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:
        """Return the configuration with a fixed number of epochs; the schedule spans all of them."""
        return config if rounds is None else {**config, "rounds": rounds}

    def dump(self, estimator: Perceptron) -> bytes:
        """Serialise the parameters as arrays."""
        assert estimator.shape is not None, "only what was fitted is stored"
        assert estimator.vector is not None
        return npz.dump(
            {
                "vector": estimator.vector,
                "widths": np.array([*estimator.shape.widths, estimator.n_classes], dtype=np.int64),
                "target": np.array(estimator.target, dtype=np.float64),
            }
        )

    def load(self, data: bytes) -> Perceptron:
        """Deserialise the parameters after a check."""
        found = npz.load(data, _FILE)
        *widths, n_classes = found["widths"].tolist() or [0]
        if not 2 <= len(widths) <= _MOST_LAYERS or not all(0 <= width <= _MOST_WIDTH for width in widths):
            raise InvalidInput(f"the network in the file has layers of widths {widths}; refused.")
        shape = Shape(tuple(widths))
        fits = len(found["vector"]) == shape.size and len(found["target"]) == 4
        if not fits or widths[-1] != (n_classes or 1):
            raise InvalidInput("the arrays of the network in the file do not fit together; get another copy.")
        target = found["target"].tolist()
        if n_classes < 0 or target[2] > target[3]:
            raise InvalidInput("the network in the file has an impossible target; refused.")
        return Perceptron({}, n_classes, 0, shape, found["vector"], tuple(target))
