"""Forward pass of RealMLP, for numpy and JAX (argument `xp`), and its initial parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = ["ACTIVATIONS", "Build", "forward", "initial", "shapes"]

Arrays = Any
"""Arrays of the library `xp`."""
Params = dict[str, Any]

_ALPHA, _LAMBDA = 1.6732632423543772, 1.0507009873554805  # constants of SELU
_WAVES: Final = 16  # cosines per embedded column
_FEATURES: Final = 3  # embedding dimensions per column, in addition to the column itself


def _selu(xp: Any, x: Arrays) -> Arrays:
    return _LAMBDA * xp.where(x > 0, x, _ALPHA * xp.expm1(xp.minimum(x, 0.0)))


def _silu(xp: Any, x: Arrays) -> Arrays:
    return x * 0.5 * (xp.tanh(0.5 * x) + 1.0)


def _mish(xp: Any, x: Arrays) -> Arrays:
    return x * xp.tanh(xp.logaddexp(x, xp.zeros((), x.dtype)))


def _relu(xp: Any, x: Arrays) -> Arrays:
    return xp.maximum(x, 0.0)


ACTIVATIONS: Final[Mapping[str, Callable[[Any, Arrays], Arrays]]] = {
    "selu": _selu,
    "mish": _mish,
    "silu": _silu,
    "relu": _relu,
}


@dataclass(frozen=True, slots=True)
class Build:
    """Architecture; hashable.

    Attributes:
        inputs: Number of columns; numeric columns come first.
        quantities: Number of columns with numerical embeddings.
        hidden: Width of the hidden layers.
        layers: Number of hidden layers.
        activation: A key of `ACTIVATIONS`.
        outputs: Number of logits, or 1 for a number.
    """

    inputs: int
    quantities: int
    hidden: int
    layers: int
    activation: str
    outputs: int

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of all layers, from the embedded inputs to the outputs."""
        return (self.inputs + _FEATURES * self.quantities, *(self.hidden,) * self.layers, self.outputs)


def shapes(build: Build) -> dict[str, tuple[int, ...]]:
    """Shape of every parameter, in the order of a file."""
    found: dict[str, tuple[int, ...]] = {}
    if build.quantities:
        found["frequency"] = found["phase"] = (build.quantities, _WAVES)
        found["mix"] = (build.quantities, _WAVES, _FEATURES)
        found["offset"] = (build.quantities, _FEATURES)
    found["scale"] = (build.widths[0],)
    for place in range(build.layers + 1):
        found[f"w{place}"] = build.widths[place : place + 2]
        found[f"b{place}"] = (build.widths[place + 1],)
        if place < build.layers:
            found[f"a{place}"] = (build.widths[place + 1],)
    return found


def initial(build: Build, waves: float, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Initialise: scales and slopes 1, weights and biases N(0, 1), last layer 0; `waves` scales the frequencies."""
    found: dict[str, NDArray[np.float32]] = {}
    last = {f"w{build.layers}", f"b{build.layers}"}
    for name, shape in shapes(build).items():
        if name == "scale" or name[0] == "a":
            found[name] = np.ones(shape, np.float32)
        elif name in last:
            found[name] = np.zeros(shape, np.float32)
        elif name == "frequency":
            found[name] = (2 * math.pi * waves * rng.standard_normal(shape)).astype(np.float32)
        elif name == "phase":
            found[name] = rng.uniform(-math.pi, math.pi, shape).astype(np.float32)
        elif name in {"mix", "offset"}:
            found[name] = rng.uniform(-1, 1, shape).astype(np.float32) / np.float32(math.sqrt(_WAVES))
        else:
            found[name] = rng.standard_normal(shape, dtype=np.float32)
    return found


def forward(
    xp: Any, build: Build, params: Params, X: Arrays, drop: Callable[[int, Arrays], Arrays] | None = None
) -> Arrays:
    """Outputs, shape (n, outputs).

    A numeric column x becomes (x, mix' cos(frequency x + phase) + offset) (PBLD embeddings). All columns are scaled.
    Then h_i = h + a (act(h) - h) with h = h_{i-1} W_i / sqrt(fan-in) + b_i; the last layer has no activation.

    Args:
        xp: numpy or jax.numpy.
        build: The architecture.
        params: Arrays with the shapes of `shapes`.
        X: Shape (n, inputs), numeric columns first.
        drop: Dropout of a hidden layer, called with its index and activations; None without dropout.
    """
    h = X
    if build.quantities:
        x = X[:, : build.quantities]
        waves = xp.cos(x[:, :, None] * params["frequency"] + params["phase"])
        made = xp.einsum("nqw,qwf->nqf", waves, params["mix"]) + params["offset"]
        h = xp.concatenate([X, made.reshape(X.shape[0], -1)], axis=1)
    h = h * params["scale"]
    act = ACTIVATIONS[build.activation]
    for place in range(build.layers + 1):
        h = h @ params[f"w{place}"] * np.float32(1.0 / math.sqrt(max(1, build.widths[place]))) + params[f"b{place}"]
        if place < build.layers:
            h = h + params[f"a{place}"] * (act(xp, h) - h)
            h = h if drop is None else drop(place, h)
    return h
