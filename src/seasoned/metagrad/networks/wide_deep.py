"""Networks for tables: a linear part plus a deep part, and a network that corrects another model's outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad.networks.forward import ACTIVATIONS, mlp
from seasoned.metagrad.networks.networks import MLP

__all__ = ["Offset", "WideDeep"]

Params = Any


@dataclass(frozen=True)
class WideDeep:
    """Linear head on [1, the inputs, the last hidden layer]: X -> phi(X) W.

    The head is initialised to zero, so the initial network is the zero function.

    Args:
        hidden: Units of the hidden layers of the deep part; () for a linear model.
        outputs: Units of the head.
        activation: `"relu"`, `"tanh"`, `"sigmoid"` or `"silu"`.

    Source: Cheng et al. 2016 (arXiv:1606.07792).

    Example:
        >>> import jax
        >>> from seasoned.metagrad import WideDeep
        >>> network = WideDeep(hidden=(8,))
        >>> params = network.init(jax.random.key(0), shape=(3,))
        >>> network.apply(params, jax.numpy.ones((5, 3))).shape
        (5, 1)
    """

    hidden: tuple[int, ...] = (32,)
    outputs: int = 1
    activation: str = "tanh"

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if self.activation not in ACTIVATIONS:
            raise InvalidInput(f"activation is {self.activation!r}: choose one of {', '.join(ACTIVATIONS)}.")
        if min((*self.hidden, self.outputs)) < 1:
            raise InvalidInput(f"{self} has an empty layer: every layer needs at least one unit.")

    def init(self, key: Any, shape: tuple[int, ...]) -> Params:
        """See `Network`."""
        import jax.numpy as jnp

        if len(shape) != 1:
            raise InvalidInput(f"WideDeep takes rows of numbers, not inputs of shape {shape}: flatten them first.")
        deep = MLP(self.hidden[:-1], self.hidden[-1]).init(key, shape)["layers"] if self.hidden else []
        width = 1 + shape[0] + (self.hidden[-1] if self.hidden else 0)
        return {"layers": deep, "head": jnp.zeros((width, self.outputs))}

    def parts(self, xp: Any, params: Params, X: Any) -> tuple[Any, Any]:
        """Return the features of the linear head, [rows, 1 + inputs + hidden], and the offsets of the outputs (zeros).

        Args:
            xp: numpy or jax.numpy.
            params: Parameters.
            X: Inputs [rows, inputs].
        """
        parts = [xp.ones((X.shape[0], 1), X.dtype), X]
        if self.hidden:
            parts.append(ACTIVATIONS[self.activation](xp, mlp(xp, params["layers"], X, self.activation)))
        return xp.concatenate(parts, axis=1), xp.zeros((X.shape[0], self.outputs), X.dtype)

    def apply(self, params: Params, X: Any) -> Any:
        """See `Network`."""
        import jax.numpy as jnp

        return self.parts(jnp, params, X)[0] @ params["head"]

    def forward(self, params: Params, X: np.ndarray) -> np.ndarray:
        """See `Network`."""
        return np.asarray(self.parts(np, params, X)[0] @ params["head"])

    def head(self, params: Params) -> Params:
        """See `Network`."""
        return {"layers": [dict.fromkeys(layer, False) for layer in params["layers"]], "head": True}


@dataclass(frozen=True)
class Offset:
    """Correction of another model's outputs: X -> X[:, :count] + body(X[:, count:]).

    Args:
        body: The correcting network, with `count` outputs.
        count: Number of leading inputs that are another model's outputs (logits, for classes).

    Example:
        >>> import jax
        >>> from seasoned.metagrad import Offset, WideDeep
        >>> network = Offset(WideDeep(hidden=(8,), outputs=2), count=2)
        >>> params = network.init(jax.random.key(0), shape=(5,))
        >>> network.apply(params, jax.numpy.ones((1, 5))).tolist()
        [[1.0, 1.0]]
    """

    body: Any
    count: int = 1

    def init(self, key: Any, shape: tuple[int, ...]) -> Params:
        """See `Network`."""
        if len(shape) != 1 or shape[0] <= self.count:
            raise InvalidInput(f"Offset takes rows of more than {self.count} number(s), not inputs of shape {shape}.")
        return self.body.init(key, (shape[0] - self.count,))

    def parts(self, xp: Any, params: Params, X: Any) -> tuple[Any, Any]:
        """Return the body's features, and the other model's outputs plus the body's offsets."""
        features, added = self.body.parts(xp, params, X[:, self.count :])
        return features, X[:, : self.count] + added

    def apply(self, params: Params, X: Any) -> Any:
        """See `Network`."""
        return X[:, : self.count] + self.body.apply(params, X[:, self.count :])

    def forward(self, params: Params, X: np.ndarray) -> np.ndarray:
        """See `Network`."""
        return np.asarray(X[:, : self.count] + self.body.forward(params, X[:, self.count :]))

    def head(self, params: Params) -> Params:
        """See `Network`."""
        return self.body.head(params)
