"""A Gaussian process on the outputs of a small network: its forward pass, likelihood and gradient in numpy.

    y ~ N(0, s (M(|f(x) - f(x')|) + n I)),   f(x) = W_L tanh(... tanh(W_1 x + b_1) ...) + b_L,

M being Matern-5/2. With s at its maximum, the negative log-likelihood of t targets is

    NLL = t/2 log(y' C^-1 y / t) + 1/2 log |C|,   C = M + n I,
    dNLL/dC = 1/2 (C^-1 - t alpha alpha' / (y' alpha)),   alpha = C^-1 y.

A few steps down this gradient fit the network to a new task (`adapt`). Wilson, Hu, Salakhutdinov and Xing (2016), Deep
kernel learning; few-shot use in hyperparameter optimisation: Wistuba and Grabocka (2021), Few-shot Bayesian
optimization with deep kernel surrogates. The network is trained on past tasks by `knowledge/deep_training.py`.
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

_STEPS: Final = 5  # steps of adaptation, each of the size that the kernel was trained for


class Layer(NamedTuple):
    """Attributes: weights of shape (inputs, outputs), and offsets of shape (outputs,)."""

    weight: NDArray[np.float64]
    offset: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DeepKernel:
    """The network.

    Attributes:
        layers: With tanh between them, none after the last.
        noise: n, a share of the signal's variance.
        rate: Learning rate of the adaptation that it was trained for; 0 if it is used as it is.
    """

    layers: tuple[Layer, ...]
    noise: float
    rate: float = 0.0

    def embed(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """f(x) of each row, in units of the kernel's length; shape (n, d).

        Raises:
            InvalidInput: If points have another number of columns than the network takes.
        """
        if points.ndim != 2 or points.shape[1] != len(self.layers[0].weight):
            raise InvalidInput(
                f"points have shape {points.shape}; give rows of {len(self.layers[0].weight)} numbers, as in training."
            )
        return _passed(self.layers, points)[-1]

    def adapt(
        self, points: NDArray[np.float64], targets: NDArray[np.float64], *, rate: float = 0.01, steps: int = 10
    ) -> DeepKernel:
        """The network after some steps down the likelihood's gradient; as it is where that does not help.

        Args:
            points: The trials' points, shape (t, inputs).
            targets: Their standardised scores, shape (t,).
            rate: Learning rate; the gradient is that of the likelihood per trial.
            steps: How many.

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
        """The network after some steps on these; as it is without a rate (no MAML), or if all targets are equal."""
        if not (self.rate > 0.0 and np.ptp(targets) > 0.0):
            return self
        return self.adapt(points, targets, rate=self.rate, steps=_STEPS)

    def to_text(self) -> str:
        """As JSON, without loss."""
        layers = [{"weight": layer.weight.tolist(), "offset": layer.offset.tolist()} for layer in self.layers]
        return json.dumps({"layers": layers, "noise": self.noise, "rate": self.rate}) + "\n"

    @classmethod
    def of_text(cls, text: str) -> DeepKernel:
        """From JSON, as `to_text` writes it.

        Raises:
            InvalidInput: If the text is no deep kernel: a key is missing, shapes do not fit, or a number is not finite.

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
        """Whether every layer takes what the one before it gives, and all numbers are finite."""
        flat = all(layer.weight.ndim == 2 and layer.offset.shape == layer.weight.shape[1:] for layer in self.layers)
        joined = flat and all(one.weight.shape[1] == two.weight.shape[0] for one, two in pairwise(self.layers))
        finite = all(np.isfinite(part).all() for layer in self.layers for part in layer)
        return bool(self.layers and joined and finite and 0.0 < self.noise < np.inf and 0.0 <= self.rate < np.inf)


def likelihood(
    kernel: DeepKernel, points: NDArray[np.float64], targets: NDArray[np.float64]
) -> tuple[float, tuple[Layer, ...]]:
    """Negative log-likelihood per trial, and its gradient in the form of the layers.

    Args:
        kernel: The network.
        points: Shape (t, inputs).
        targets: Finite, not all 0, shape (t,).
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
    back = 4.0 * (pull.sum(axis=1)[:, None] * latent - pull @ latent)  # by both points of r^2_ij, each pair twice
    found: list[Layer] = []
    for layer, into in zip(reversed(kernel.layers), reversed(passed[:-1]), strict=True):
        found.append(Layer(into.T @ back, back.sum(axis=0)))
        back = (back @ layer.weight.T) * (1.0 - into * into)  # slope of tanh; that of the first input is not used
    return float(loss), tuple(reversed(found))


def _passed(layers: tuple[Layer, ...], points: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The input of each layer, and the output of the last."""
    passed = [points]
    for place, layer in enumerate(layers):
        out = passed[-1] @ layer.weight + layer.offset
        passed.append(np.tanh(out) if place < len(layers) - 1 else out)
    return passed
