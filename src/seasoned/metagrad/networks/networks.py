"""Networks as frozen settings with pure functions: `init(key, shape) -> params`, `apply(params, X) -> outputs`.

`forward` is the same function in numpy. Importing this module does not import JAX.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad.networks.forward import ACTIVATIONS, convnet, distances, mlp

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MLP", "ConvNet", "Function", "Network", "Prototypes"]

Params = Any


class Network(Protocol):
    """Network: a pure function of (params, inputs) with an initialiser."""

    def init(self, key: Any, shape: tuple[int, ...]) -> Params:
        """Return the first parameters, from a JAX key and the shape of one input."""

    def apply(self, params: Params, X: Any) -> Any:
        """Return the outputs [rows, outputs] of inputs [rows, *shape], in JAX."""

    def forward(self, params: Params, X: np.ndarray) -> np.ndarray:
        """Same as `apply`, in numpy."""

    def head(self, params: Params) -> Params:
        """Return a tree like `params` of booleans: True for the leaves of the last layer."""


@dataclass(frozen=True)
class MLP:
    """Dense layers with an activation between them; weights and biases are initialised uniformly in +-1 / sqrt(inputs).

    Biases are not initialised to 0, so that the kinks of ReLU units are spread over the inputs.

    Args:
        hidden: Units of the hidden layers.
        outputs: Units of the last layer.
        activation: `"relu"`, `"tanh"`, `"sigmoid"` or `"silu"`.

    Example:
        >>> import jax
        >>> from seasoned.metagrad import MLP
        >>> network = MLP(hidden=(8,), outputs=2)
        >>> params = network.init(jax.random.key(0), shape=(3,))
        >>> network.apply(params, jax.numpy.ones((5, 3))).shape
        (5, 2)
    """

    hidden: tuple[int, ...] = (40, 40)
    outputs: int = 1
    activation: str = "relu"

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))  # a list, for example from JSON, is not hashable
        if self.activation not in ACTIVATIONS:
            raise InvalidInput(f"activation is {self.activation!r}: choose one of {', '.join(ACTIVATIONS)}.")
        if min((*self.hidden, self.outputs)) < 1:
            raise InvalidInput(f"{self} has an empty layer: every layer needs at least one unit.")

    def init(self, key: Any, shape: tuple[int, ...]) -> Params:
        """See `Network`."""
        import jax

        if len(shape) != 1:
            raise InvalidInput(f"an MLP takes rows of numbers, not inputs of shape {shape}: flatten them first.")
        sizes = (shape[0], *self.hidden, self.outputs)
        layers = []
        for place, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
            draws = jax.random.uniform(jax.random.fold_in(key, place), (inputs + 1, outputs), minval=-1, maxval=1)
            draws = draws * inputs**-0.5
            layers.append({"w": draws[1:], "b": draws[0]})
        return {"layers": layers}

    def apply(self, params: Params, X: Any) -> Any:
        """See `Network`."""
        import jax.numpy as jnp

        return mlp(jnp, params["layers"], X, self.activation)

    def forward(self, params: Params, X: np.ndarray) -> np.ndarray:
        """See `Network`."""
        return np.asarray(mlp(np, params["layers"], X, self.activation))

    def head(self, params: Params) -> Params:
        """See `Network`."""
        last = len(params["layers"]) - 1
        return {"layers": [dict.fromkeys(layer, place == last) for place, layer in enumerate(params["layers"])]}


@dataclass(frozen=True)
class ConvNet:
    """Convolutional network of the few-shot literature: small blocks of 3x3 convolution (stride 2), norm and ReLU.

    Args:
        filters: Number of filters of every block.
        blocks: Number of blocks; each halves height and width.
        outputs: Units of the dense layer at the end.
        normalization: `"batch"` (statistics of the current rows: the papers' transductive setting) or `"instance"` (the
            outputs of a row depend on that row alone).

    Source: Vinyals et al. 2016 (arXiv:1606.04080), Finn et al. 2017 (arXiv:1703.03400), section 5.2.

    Example:
        >>> import jax
        >>> from seasoned.metagrad import ConvNet
        >>> network = ConvNet(filters=4, blocks=2, outputs=5)
        >>> params = network.init(jax.random.key(0), shape=(8, 8))
        >>> network.apply(params, jax.numpy.ones((3, 8, 8))).shape
        (3, 5)
    """

    filters: int = 32
    blocks: int = 4
    outputs: int = 5
    normalization: Literal["batch", "instance"] = "batch"

    def __post_init__(self) -> None:
        if self.normalization not in ("batch", "instance"):
            raise InvalidInput(f"normalization is {self.normalization!r}: choose 'batch' or 'instance'.")
        if min(self.filters, self.blocks, self.outputs) < 1:
            raise InvalidInput(f"{self} has an empty part: filters, blocks and outputs must be at least 1.")

    def init(self, key: Any, shape: tuple[int, ...]) -> Params:
        """See `Network`."""
        import jax
        import jax.numpy as jnp

        if len(shape) not in (2, 3):
            raise InvalidInput(f"a ConvNet takes images [height, width(, channels)], not inputs of shape {shape}.")
        height, width, channels = (*shape, 1)[:3]
        blocks = []
        for place in range(self.blocks):
            inputs = 9 * channels
            weights = jax.random.normal(jax.random.fold_in(key, place), (inputs, self.filters)) * (2 / inputs) ** 0.5
            blocks.append({"w": weights, "scale": jnp.ones(self.filters), "b": jnp.zeros(self.filters)})
            height, width, channels = -(-height // 2), -(-width // 2), self.filters
        size = height * width * channels
        weights = jax.random.normal(jax.random.fold_in(key, self.blocks), (size, self.outputs)) * (1 / size) ** 0.5
        return {"blocks": blocks, "head": {"w": weights, "b": jnp.zeros(self.outputs)}}

    def apply(self, params: Params, X: Any) -> Any:
        """See `Network`."""
        import jax.numpy as jnp

        return convnet(jnp, params, X, self.normalization)

    def forward(self, params: Params, X: np.ndarray) -> np.ndarray:
        """See `Network`."""
        return np.asarray(convnet(np, params, X, self.normalization))

    def head(self, params: Params) -> Params:
        """See `Network`."""
        return {
            "blocks": [dict.fromkeys(block, False) for block in params["blocks"]],
            "head": dict.fromkeys(params["head"], True),
        }


@dataclass(frozen=True)
class Function:
    """Any pure function of (params, inputs) as a network: a Flax or Equinox module, or a user's function.

    Args:
        function: (params, X) -> outputs [rows, outputs].
        initial: key -> params, a tree of float arrays.
        last_layer: params -> a tree of booleans of the same structure; only `ANIL` needs it.
        outputs: Number of values in an output; only `PrototypicalNetworks` needs it.

    Example (Flax: `Function(module.apply, lambda key: module.init(key, example))`; Equinox: partition the module into
    arrays and the rest, and let `function` combine them again):
        >>> import jax.numpy as jnp
        >>> from seasoned.metagrad import Function
        >>> line = Function(lambda p, X: X * p["slope"] + p["offset"],
        ...                 lambda key: {"slope": jnp.ones(()), "offset": jnp.zeros(())})
        >>> line.forward(line.init(None, (1,)), [[2.0]]).item()
        2.0
    """

    function: Callable[[Params, Any], Any]
    initial: Callable[[Any], Params]
    last_layer: Callable[[Params], Params] | None = None
    outputs: int | None = None

    def init(self, key: Any, shape: tuple[int, ...]) -> Params:
        """See `Network`; the shape is not used."""
        del shape
        return self.initial(key)

    def apply(self, params: Params, X: Any) -> Any:
        """See `Network`."""
        return self.function(params, X)

    def forward(self, params: Params, X: np.ndarray) -> np.ndarray:
        """Return the function's result as a numpy array; the function receives a JAX array."""
        import jax.numpy as jnp

        return np.asarray(self.function(params, jnp.asarray(X)))

    def head(self, params: Params) -> Params:
        """See `Network`."""
        if self.last_layer is None:
            raise InvalidInput("This Function does not say which leaves are its last layer: pass last_layer=.")
        return self.last_layer(params)


@dataclass(frozen=True)
class Prototypes:
    """Classifier of prototypical networks: logits are the negative squared distances to class means.

    Args:
        body: The embedding network; its outputs are the embedding.
    """

    body: Any

    def init(self, key: Any, shape: tuple[int, ...]) -> Params:
        """Return the body's parameters; prototypes are computed from a support set."""
        return self.body.init(key, shape)

    def apply(self, params: Params, X: Any) -> Any:
        """Return logits [rows, classes] for params `{"body", "prototypes" [classes, size]}`."""
        import jax.numpy as jnp

        return -distances(jnp, self.body.apply(params["body"], X), params["prototypes"])

    def forward(self, params: Params, X: np.ndarray) -> np.ndarray:
        """Same as `apply`, in numpy."""
        return np.asarray(-distances(np, self.body.forward(params["body"], X), params["prototypes"]))

    def head(self, params: Params) -> Params:
        """Prototypes are computed, not trained."""
        del params
        raise InvalidInput(f"{type(self).__name__} has no trained last layer: use the body with ANIL.")
