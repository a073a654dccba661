"""RealMLP: multilayer perceptron with numerical embeddings, trained in JAX (the extra `grad`), predicting in numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned._util.blas_threads import one_thread
from seasoned._util.optional_packages import require
from seasoned.errors import InvalidInput
from seasoned.space import Categorical, Float, Int, Space
from seasoned.tabular.models.neural.epochs import watched
from seasoned.tabular.models.neural.realmlp_forward import ACTIVATIONS, Build, forward, shapes
from seasoned.tabular.models.neural.realmlp_training import Plan, Rows, train
from seasoned.tabular.safe_files import npz

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

    Array = NDArray[np.float64]

__all__ = ["EmbeddedPerceptron", "RealMLP"]

_FILE: Final = {
    "vector": ("float32", 1),
    "order": ("int64", 1),
    "build": ("int64", 1),
    "target": ("float64", 1),
}
_ACTIVATIONS: Final = tuple(ACTIVATIONS)  # a file stores an index into this tuple
_MOST_STEPS, _LEAST_EPOCHS = 3_000, 12  # largest number of optimiser steps of one fit, and smallest number of epochs
_MOST_LAYERS, _MOST_WIDTH = 20, 2**20  # limits of a network in a file
_PIECE: Final = 4_096  # rows per block of predictions


@dataclass(slots=True)
class EmbeddedPerceptron:
    """Network with scikit-learn's `predict` and `predict_proba`; predictions run in numpy.

    Attributes:
        config: Hyperparameters; `rounds` fixes the number of epochs.
        n_classes: Number of classes; 0 for regression.
        seed: Random seed of initial parameters, shuffles and dropout.
        quantile: Quantile to predict; None for the mean.
        build: Architecture of the fitted network.
        params: Fitted parameters.
        order: Permutation of the matrix columns into the network's order, numeric columns first.
        target: Mean, standard deviation, smallest and largest target of a regression.
    """

    config: dict[str, Any]
    n_classes: int
    seed: int = 0
    quantile: float | None = None
    build: Build | None = None
    params: dict[str, NDArray[np.float32]] | None = None
    order: NDArray[np.int64] | None = None
    target: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 0.0)

    @property
    def classes_(self) -> NDArray[np.int64]:
        """All class codes, including classes absent from the training rows."""
        return np.arange(self.n_classes)

    def fit(
        self,
        X: Array,
        y: NDArray[Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None,
        weights: Weights | None = None,
    ) -> int:
        """Train; with validation rows, retain the best epoch. Returns the number of epochs of these parameters."""
        if not self.n_classes:
            self.target = float(y.mean()), float(y.std()) or 1.0, float(y.min()), float(y.max())
        weight, weight_valid = weights or (None, None)
        quantities = self._arrange(X)
        width, layers, activation = (self.config[name] for name in ("width", "layers", "activation"))
        self.build = Build(X.shape[1], quantities, width, layers, activation, self.n_classes or 1)
        watched = None
        if valid is not None:  # drop validation rows of classes absent from the training rows
            known = np.isin(valid[1], y) if self.n_classes else np.ones(len(valid[1]), dtype=np.bool_)
            mass = None if weight_valid is None else weight_valid[known]
            watched = self._rows(valid[0][known], valid[1][known], mass) if known.any() else None
        self.params, epochs = train(
            self.build, self._plan(len(X)), self._rows(X, y, weight), watched, seed=self.seed, seconds=seconds
        )
        return epochs

    def predict(self, X: Array) -> Array:
        """Predict numbers, shape (n,), within the range of the training target."""
        mean, deviation, low, high = self.target
        return np.clip(self.outputs(X)[:, 0] * deviation + mean, low, high)

    def predict_proba(self, X: Array) -> Array:
        """Predict probabilities, shape (n, n_classes)."""
        outputs = self.outputs(X)
        shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        found: Array = shares / shares.sum(axis=1, keepdims=True)
        return found

    def outputs(self, X: Array) -> Array:
        """Raw outputs of the network, shape (n, outputs)."""
        assert self.build is not None, "fitted or loaded first"
        assert self.order is not None
        if X.shape[1] != self.build.inputs:
            raise InvalidInput(f"X has {X.shape[1]} columns, and the model was fitted on {self.build.inputs}.")
        inputs = X[:, self.order].astype(np.float32)
        with one_thread("blas"):
            parts = [
                forward(np, self.build, self.params or {}, inputs[start : start + _PIECE])
                for start in range(0, len(X), _PIECE)
            ]
        return np.concatenate(parts).astype(np.float64)

    def _arrange(self, X: Array) -> int:
        """Order the columns, numeric ones first; return the number of columns with embeddings."""
        (some,) = watched((X,), 2000)
        several = np.array([len(np.unique(column)) > 2 for column in some.T], dtype=np.bool_)
        self.order = np.argsort(~several, kind="stable").astype(np.int64)
        return int(several.sum()) if self.config["waves"] > 0 else 0

    def _rows(self, X: Array, y: NDArray[Any], weight: Array | None) -> Rows:
        if self.n_classes:
            Y = np.eye(self.n_classes, dtype=np.float32)[y]
        else:
            Y = np.asarray((y - self.target[0]) / self.target[1], dtype=np.float32)[:, None]
        mass = np.ones(len(y), np.float32) if weight is None else weight.astype(np.float32)
        return Rows(np.ascontiguousarray(X[:, self.order], dtype=np.float32), Y, mass)

    def _plan(self, rows: int) -> Plan:
        config = self.config
        batch = 2 ** int(math.log2(max(1, min(config["batch"], rows))))
        epochs = config.get("rounds") or min(config["epochs"], max(_LEAST_EPOCHS, _MOST_STEPS * batch // rows))
        loss = "classes" if self.n_classes else "squares" if self.quantile is None else "quantile"
        return Plan(
            epochs, batch, config["rate"], config["decay"], config["dropout"], config.get("smoothing", 0.0),
            config["waves"], loss, 0.5 if self.quantile is None else self.quantile,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RealMLP:
    """Hidden layers on embedded numbers and one-hot levels, trained by Adam with early stopping in JAX.

    Source: RealMLP of Holzmüller, Grinsztajn and Steinwart 2024. Robust scaling and smooth clipping are part of the
    input encoding `dense`. The network has periodic embeddings of numbers (PBLD); with `waves` 0 it has none, as
    RealMLP-TD-S. A scaling layer follows, then layers whose weights are divided by the root of their fan-in, with
    activations of a learned strength. The training has four cosine cycles, separate learning rates for scales, biases
    and embeddings, dropout, and weight decay. The network is narrower and trains for fewer epochs than in the paper,
    because a trial has only seconds. Learning rates are smaller: the paper tuned them for accuracy, this family for the
    logarithmic loss.
    """

    name: str = "realmlp"
    diet: Diet = "dense"
    quantiles: bool = True

    def space(self, task: Task) -> Space:
        """Learning rate, size, activation, embeddings and regularisation."""
        classes = task != "regression"
        space: dict[str, Any] = {
            "rate": Float(1e-3, 0.3, log=True, default=0.02 if classes else 0.05),
            "width": Int(32, 256, log=True, default=128),
            "layers": Int(1, 4, default=3),
            "activation": Categorical(("selu", "mish", "silu", "relu")),
            "waves": Float(0.0, 1.0, default=0.1),
            "dropout": Float(0.0, 0.5, default=0.15),
            "decay": Float(1e-4, 0.2, log=True, default=0.02),
            "batch": Int(64, 512, log=True, default=128),
            "epochs": Int(20, 256, log=True, default=256),
        }
        if classes:
            space["smoothing"] = Float(0.0, 0.15, default=0.03)
        return Space(space)

    def build(self, config: dict[str, Any], job: Job) -> EmbeddedPerceptron:
        """Return an unfitted network.

        Raises:
            MissingExtra: If JAX is not installed.
        """
        require("jax")
        return EmbeddedPerceptron(dict(config), job.n_classes, job.seed, job.quantile)

    def fit(
        self,
        estimator: EmbeddedPerceptron,
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

    def dump(self, estimator: EmbeddedPerceptron) -> bytes:
        """Serialise the parameters as arrays."""
        assert estimator.build is not None, "only what was fitted is stored"
        assert estimator.params is not None
        assert estimator.order is not None
        build = estimator.build
        parts = [estimator.params[name].ravel() for name in shapes(build)]
        kind = _ACTIVATIONS.index(build.activation)
        sizes = [build.inputs, build.quantities, build.hidden, build.layers, kind, build.outputs, estimator.n_classes]
        return npz.dump(
            {
                "vector": np.concatenate(parts).astype(np.float32),
                "order": estimator.order,
                "build": np.array(sizes, dtype=np.int64),
                "target": np.array(estimator.target, dtype=np.float64),
            }
        )

    def load(self, data: bytes) -> EmbeddedPerceptron:
        """Deserialise the parameters after a check."""
        found = npz.load(data, _FILE)
        sizes = found["build"].tolist()
        inputs, quantities, hidden, layers, kind, outputs, n_classes = sizes if len(sizes) == 7 else [-1] * 7
        sane = 0 <= quantities <= inputs <= _MOST_WIDTH and 0 < hidden <= _MOST_WIDTH and 0 < layers <= _MOST_LAYERS
        if not sane or not 0 <= kind < len(_ACTIVATIONS) or n_classes < 0 or outputs != (n_classes or 1):
            raise InvalidInput(f"the network in the file has an impossible shape, {sizes}; refused.")
        build = Build(inputs, quantities, hidden, layers, _ACTIVATIONS[kind], outputs)
        expected = shapes(build)
        ends = np.cumsum([math.prod(shape) for shape in expected.values()])
        fits = len(found["vector"]) == ends[-1] and len(found["target"]) == 4
        if not fits or not np.array_equal(np.sort(found["order"]), np.arange(inputs)):
            raise InvalidInput("the arrays of the network in the file do not fit together; get another copy.")
        target = found["target"].tolist()
        if target[2] > target[3]:
            raise InvalidInput("the network in the file has an impossible target; refused.")
        parts = np.split(found["vector"], ends[:-1])
        params = {name: part.reshape(shape) for (name, shape), part in zip(expected.items(), parts, strict=True)}
        return EmbeddedPerceptron({}, n_classes, 0, None, build, params, found["order"], tuple(target))
