"""Small network that tunes its weight decay and loss weights by hypergradients during training."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned import metagrad
from seasoned._util.blas_threads import one_thread
from seasoned._util.optional_packages import require
from seasoned.errors import InvalidInput
from seasoned.metagrad.networks.forward import ACTIVATIONS, mlp, softmax
from seasoned.metagrad.networks.networks import MLP
from seasoned.space import Categorical, Float, Int, Space
from seasoned.tabular.safe_files import npz

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

    Array = NDArray[np.float64]

__all__ = ["SelfTuned", "TunedMLP"]

_FILE: Final = {"vector": ("float32", 1), "widths": ("int64", 1), "target": ("float64", 1)}
_ACTIVATIONS: Final = tuple(ACTIVATIONS)  # a file stores an index into this tuple
_QUANTILES: Final = 4  # number of quantile groups of a regression's target; each group has a loss weight
_MIN_ROWS: Final = 20  # smallest number of rows of a training; with fewer rows the model predicts a constant
_MOST_LAYERS, _MOST_WIDTH = 10, 2**20  # limits of a network in a file


@dataclass(slots=True)
class SelfTuned:
    """Network with scikit-learn's `predict` and `predict_proba`; predictions run in numpy.

    Attributes:
        config: Hyperparameters.
        n_classes: Number of classes; 0 for regression.
        seed: Random seed of the split, initial weights and batches.
        layers: `w` [inputs, outputs] and `b` [outputs] of each fitted layer.
        activation: Activation of the hidden layers.
        target: Mean, standard deviation, smallest and largest target of a regression.
    """

    config: dict[str, Any]
    n_classes: int
    seed: int = 0
    layers: list[dict[str, NDArray[np.float32]]] | None = None
    activation: str = "relu"
    target: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 0.0)

    @property
    def classes_(self) -> NDArray[np.int64]:
        """All class codes, including classes absent from the training rows."""
        return np.arange(self.n_classes)

    def fit(self, X: Array, y: NDArray[Any], seconds: float | None = None, weight: Array | None = None) -> None:
        """Train weights and hyperparameters together (`metagrad.JointTraining`); row weights are optional."""
        aim, groups = self._aim(y)
        config = self.config
        self.activation = config["activation"]
        hidden = (config["width"],) * config["layers"]
        if len(y) < _MIN_ROWS or not X.shape[1]:
            self.layers = _constant(X.shape[1], aim, self.n_classes, weight)
            return
        loss = "cross_entropy" if self.n_classes else "squared_error"
        network = MLP(hidden, self.n_classes or 1, self.activation)
        training = metagrad.JointTraining(network, loss, rounds=config["rounds"])
        learned = training.fit(
            np.asarray(X, dtype=np.float32),
            aim,
            groups,
            rate=config["rate"],
            outer_rate=config["outer_rate"],
            decay=config["decay"],
            seed=self.seed,
            seconds=seconds,
            weight=weight,
        )
        self.layers = learned.layers

    def predict(self, X: Array) -> Array:
        """Predict numbers, shape (n,), within the range of the training target."""
        mean, deviation, low, high = self.target
        return np.clip(self._outputs(X)[:, 0] * deviation + mean, low, high)

    def predict_proba(self, X: Array) -> Array:
        """Predict probabilities, shape (n, n_classes)."""
        return softmax(self._outputs(X))

    def _outputs(self, X: Array) -> Array:
        assert self.layers is not None, "fitted or loaded first"
        if X.shape[1] != len(self.layers[0]["w"]):
            raise InvalidInput(f"X has {X.shape[1]} columns, and the model was fitted on {len(self.layers[0]['w'])}.")
        with one_thread("blas"):
            return np.asarray(mlp(np, self.layers, X.astype(np.float32), self.activation), dtype=np.float64)

    def _aim(self, y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Target of the network, and the loss weight group of each row: its class, or the quarter of its target."""
        if self.n_classes:
            codes = np.asarray(y, dtype=np.int64)
            return codes, codes
        mean, deviation = float(y.mean()), float(y.std()) or 1.0
        self.target = mean, deviation, float(y.min()), float(y.max())
        borders = np.quantile(y, np.arange(1, _QUANTILES) / _QUANTILES)
        return np.asarray((y - mean) / deviation), np.searchsorted(borders, y)


def _constant(
    columns: int, aim: NDArray[Any], n_classes: int, weight: Array | None
) -> list[dict[str, NDArray[np.float32]]]:
    """Build a network with the same prediction for every row."""
    if n_classes:
        level = np.log(np.bincount(aim, weight, minlength=n_classes) + 1e-3)
    else:
        level = np.average(aim, weights=weight, keepdims=True)
    return [{"w": np.zeros((columns, len(level)), np.float32), "b": level.astype(np.float32)}]


@dataclass(frozen=True, slots=True)
class TunedMLP:
    """Small network on scaled numbers and one-hot levels, with learned penalties and loss weights.

    Each layer, each column and each class (or quarter of a regression's target) has its own hyperparameter. The run
    that trains the weights also tunes the hyperparameters, along the gradient of the held-out loss. Training uses JAX
    (the extra `grad`); predictions run in numpy.
    """

    name: str = "tuned_mlp"
    diet: Diet = "dense"

    def space(self, task: Task) -> Space:  # noqa: ARG002 - the protocol's signature
        """Size, learning rates of weights and hyperparameters, and initial penalties."""
        return Space(
            width=Int(16, 128, log=True, default=64),
            layers=Int(1, 3, default=2),
            activation=Categorical(("silu", "relu", "tanh")),
            rate=Float(1e-3, 0.03, log=True, default=5e-3),
            outer_rate=Float(0.01, 0.3, log=True, default=0.1),
            decay=Float(1e-5, 0.1, log=True, default=1e-3),
            rounds=Int(50, 300, log=True, default=100),
        )

    def build(self, config: dict[str, Any], job: Job) -> SelfTuned:
        """Return an unfitted network.

        Raises:
            MissingExtra: If JAX is not installed.
        """
        require("jax")
        return SelfTuned(dict(config), job.n_classes, job.seed)

    def fit(
        self,
        estimator: SelfTuned,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,  # noqa: ARG002 - the protocol's signature
        seconds: float | None = None,
        weights: Weights | None = None,
    ) -> None:
        """Fit on (X, y); the fit holds out rows of X by itself."""
        estimator.fit(*train, seconds, None if weights is None else weights[0])

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:  # noqa: ARG002 - the protocol's signature
        """Return the configuration unchanged: the training determines its rounds itself."""
        return config

    def dump(self, estimator: SelfTuned) -> bytes:
        """Serialise the parameters as arrays."""
        assert estimator.layers is not None, "only what was fitted is stored"
        sizes = [len(estimator.layers[0]["w"]), *(len(layer["b"]) for layer in estimator.layers)]
        parts = [part.ravel() for layer in estimator.layers for part in (layer["w"], layer["b"])]
        kind = _ACTIVATIONS.index(estimator.activation)
        return npz.dump(
            {
                "vector": np.concatenate(parts).astype(np.float32),
                "widths": np.array([*sizes, kind, estimator.n_classes], dtype=np.int64),
                "target": np.array(estimator.target, dtype=np.float64),
            }
        )

    def load(self, data: bytes) -> SelfTuned:
        """Deserialise the parameters after a check."""
        found = npz.load(data, _FILE)
        *sizes, kind, n_classes = found["widths"].tolist() if len(found["widths"]) > 3 else [0, 0, 0]
        if not 2 <= len(sizes) <= _MOST_LAYERS or not all(0 <= size <= _MOST_WIDTH for size in sizes):
            raise InvalidInput(f"the network in the file has layers of widths {sizes}; refused.")
        shapes = [shape for a, b in itertools.pairwise(sizes) for shape in ((a, b), (b,))]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        fits = len(found["vector"]) == ends[-1] and len(found["target"]) == 4 and sizes[-1] == (n_classes or 1)
        if not fits or n_classes < 0 or not 0 <= kind < len(_ACTIVATIONS):
            raise InvalidInput("the arrays of the network in the file do not fit together; get another copy.")
        target = found["target"].tolist()
        if target[2] > target[3]:
            raise InvalidInput("the network in the file has an impossible target; refused.")
        parts = [part.reshape(shape) for part, shape in zip(np.split(found["vector"], ends[:-1]), shapes, strict=True)]
        layers = [{"w": w, "b": b} for w, b in zip(parts[::2], parts[1::2], strict=True)]
        return SelfTuned({}, n_classes, 0, layers, _ACTIVATIONS[kind], tuple(target))
