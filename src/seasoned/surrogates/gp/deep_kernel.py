"""Deep kernel: a Gaussian process on the outputs of a small network, with likelihood and gradient in numpy.

    y ~ N(0, s (M(|f(x) - f(x')|) + n I)),   f(x) = W_L tanh(... tanh(W_1 x + b_1) ...) + b_L

M is the Matern-5/2 kernel. With s at its maximum, the negative log-likelihood of t targets is

    NLL = t/2 log(y' C^-1 y / t) + 1/2 log |C|,   C = M + n I,
    dNLL/dC = 1/2 (C^-1 - t alpha alpha' / (y' alpha)),   alpha = C^-1 y.

A few gradient steps adapt the network to a new task (`adapt`). `knowledge/transfer/deep_kernel_training.py` trains the
network on past tasks.

Sources: Wilson, Hu, Salakhutdinov and Xing (2016), Deep kernel learning; Wistuba and Grabocka (2021), Few-shot Bayesian
optimization with deep kernel surrogates.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.surrogates.gp.kernel import matern, squared_distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DeepKernel", "Layer", "likelihood"]

_STEPS: Final = 5  # number of adaptation steps, with the learning rate of meta-training


class Layer(NamedTuple):
    """Layer: weights of shape (inputs, outputs), and offsets of shape (outputs,)."""

    weight: NDArray[np.float64]
    offset: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DeepKernel:
    """Deep kernel: a trained network with noise variance and adaptation rate.

    Attributes:
        layers: Layers of the network, with tanh between consecutive layers.
        noise: Noise variance n, as a share of the signal variance.
        rate: Learning rate of the adaptation in meta-training; 0 for no adaptation.
    """

    layers: tuple[Layer, ...]
    noise: float
    rate: float = 0.0

    def embed(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outputs f(x) of points of shape (n, inputs), in units of the length scale, shape (n, outputs).

        Raises:
            InvalidInput: If the points have a wrong number of columns.
        """
        if points.ndim != 2 or points.shape[1] != len(self.layers[0].weight):
            raise InvalidInput(
                f"points have shape {points.shape}; give rows of {len(self.layers[0].weight)} numbers, as in training."
            )
        return _passed(self.layers, points)[-1]

    def adapt(
        self, points: NDArray[np.float64], targets: NDArray[np.float64], *, rate: float = 0.01, steps: int = 10
    ) -> DeepKernel:
        """Adapt the network to trials by gradient descent on the NLL per trial; return the best network of all steps.

        Args:
            points: Points of the trials, shape (t, inputs).
            targets: Standardised scores of the trials, shape (t,).
            rate: Learning rate.
            steps: Number of gradient steps.

        Example:
            >>> kernel = DeepKernel((Layer(np.eye(1), np.zeros(1)),), 0.01)
            >>> x = np.linspace(0, 1, 8)[:, None]
            >>> adapted = kernel.adapt(x, np.sin(9 * x[:, 0]), steps=20, rate=0.3)
            >>> float(adapted.layers[0].weight[0, 0]) > 1.0  # shorter lengths
            True
        """
        best, least = self, np.inf
        now = self
        for _ in range(steps + 1):
            loss, slopes = likelihood(now, points, targets)
            if loss < least:
                best, least = now, loss
            moved = tuple(
                Layer(layer.weight - rate * slope.weight, layer.offset - rate * slope.offset)
                for layer, slope in zip(now.layers, slopes, strict=True)
            )
            now = DeepKernel(moved, self.noise, self.rate)
        return best

    def adapted(self, points: NDArray[np.float64], targets: NDArray[np.float64]) -> DeepKernel:
        """Adapt as in meta-training; unchanged if `rate` is 0 (without MAML) or all targets are equal."""
        if not (self.rate > 0.0 and np.ptp(targets) > 0.0):
            return self
        return self.adapt(points, targets, rate=self.rate, steps=_STEPS)

    def to_text(self) -> str:
        """Return the deep kernel as JSON, without loss of precision."""
        layers = [{"weight": layer.weight.tolist(), "offset": layer.offset.tolist()} for layer in self.layers]
        return json.dumps({"layers": layers, "noise": self.noise, "rate": self.rate}) + "\n"

    @classmethod
    def of_text(cls, text: str) -> DeepKernel:
        """Read a deep kernel from the JSON of `to_text`.

        Raises:
            InvalidInput: If the text does not describe a deep kernel, shapes do not fit, or a number is not finite.

        Example:
            >>> kernel = DeepKernel((Layer(np.eye(2), np.zeros(2)),), 0.01)
            >>> DeepKernel.of_text(kernel.to_text()).embed(np.array([[0.1, 0.7]])).tolist()
            [[0.1, 0.7]]
        """
        try:
            held = json.loads(text)
            layers = tuple(Layer(*(np.array(one[key], np.float64) for key in Layer._fields)) for one in held["layers"])
            kernel = cls(layers, float(held["noise"]), float(held["rate"]))
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidInput(
                f"{text[:40]!r} is not a deep kernel ({error}); give text that DeepKernel.to_text returned."
            ) from error
        if not kernel._sound():
            raise InvalidInput(
                f"the {len(layers)} layers do not fit each other or are not finite; train the kernel anew."
            )
        return kernel

    def _sound(self) -> bool:
        """Return True if the shapes of consecutive layers fit, and all numbers are finite and in range."""
        flat = all(layer.weight.ndim == 2 and layer.offset.shape == layer.weight.shape[1:] for layer in self.layers)
        joined = flat and all(one.weight.shape[1] == two.weight.shape[0] for one, two in pairwise(self.layers))
        finite = all(np.isfinite(part).all() for layer in self.layers for part in layer)
        return bool(self.layers and joined and finite and 0.0 < self.noise < np.inf and 0.0 <= self.rate < np.inf)


def likelihood(
    kernel: DeepKernel, points: NDArray[np.float64], targets: NDArray[np.float64]
) -> tuple[float, tuple[Layer, ...]]:
    """Negative log-likelihood per trial, and its gradient, in the form of the layers.

    Args:
        kernel: Deep kernel.
        points: Points of the trials, shape (t, inputs).
        targets: Finite targets, not all 0, shape (t,).
    """
    count = len(targets)
    passed = _passed(kernel.layers, points)
    latent = passed[-1]
    covariance, slope = matern(squared_distances(latent, latent))
    covariance[np.diag_indices(count)] += kernel.noise
    factor = np.linalg.cholesky(covariance)
    inverse = np.linalg.inv(covariance)
    alpha = inverse @ targets
    fit = max(float(targets @ alpha), 1e-12)
    loss = 0.5 * np.log(fit / count) + float(np.log(np.diag(factor)).sum()) / count
    by_covariance = 0.5 * (inverse - (count / fit) * np.outer(alpha, alpha)) / count
    pull = by_covariance * (-0.5 * slope)  # dM/d(r^2) = -slope / 2
    back = 4.0 * (pull.sum(axis=1)[:, None] * latent - pull @ latent)  # two points per pair, each pair twice
    found: list[Layer] = []
    for layer, into in zip(reversed(kernel.layers), reversed(passed[:-1]), strict=True):
        found.append(Layer(into.T @ back, back.sum(axis=0)))
        back = (back @ layer.weight.T) * (1.0 - into * into)  # derivative of tanh; unused after the first layer
    return float(loss), tuple(reversed(found))


def _passed(layers: tuple[Layer, ...], points: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Input of each layer, and output of the last layer."""
    passed = [points]
    for place, layer in enumerate(layers):
        out = passed[-1] @ layer.weight + layer.offset
        passed.append(np.tanh(out) if place < len(layers) - 1 else out)
    return passed
