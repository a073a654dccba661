"""Adapted model of one task. It predicts in numpy: neither this module nor its files need JAX."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.arrays import as_numbers
from seasoned.metagrad._common.npz_files import flatten, read, require_kept, unflatten, write
from seasoned.metagrad.networks.forward import softmax
from seasoned.metagrad.networks.networks import MLP, ConvNet, Prototypes
from seasoned.metagrad.networks.wide_deep import Offset, WideDeep

if TYPE_CHECKING:
    import os

__all__ = ["AdaptedModel", "describe_network", "network_of"]

Params = Any

NETWORKS: Final = {kind.__name__: kind for kind in (MLP, ConvNet, WideDeep)}


@dataclass(frozen=True)
class AdaptedModel:
    """Model adapted to one task, the result of `adapt`.

    Attributes:
        network: The network, a pure function.
        params: Its adapted parameters, numpy arrays.
        shape: Shape of one input.
        classes: Labels in the order of the outputs; None for regression.
        single: True if targets are one number per row.
        steps: Number of inner steps.
        rate_scale: Factor on the learner's own inner rates.
    """

    network: Any
    params: Params
    shape: tuple[int, ...]
    classes: np.ndarray | None = None
    single: bool = True
    steps: int = 0
    rate_scale: float = 1.0

    def outputs(self, X: Any) -> np.ndarray:
        """The network's outputs [rows, outputs]: predictions, or logits of classes."""
        X = np.asarray(X)
        if X.ndim != 1 + len(self.shape) or X.shape[1:] != self.shape:
            raise InvalidInput(f"X has shape {X.shape}, and the model takes [rows, {', '.join(map(str, self.shape))}].")
        kinds = [leaf.dtype for leaf in flatten(self.params).values() if leaf.dtype.kind == "f"]
        rows = as_numbers(X, kinds[0] if kinds else np.dtype(np.float32), "X")
        if not np.isfinite(rows).all():  # a ReLU would turn NaN into 0
            raise InvalidInput("X has missing or infinite values, and networks take numbers: fill them first.")
        some = rows if len(rows) else np.zeros((1, *self.shape), rows.dtype)  # some networks fail on zero rows
        result: np.ndarray = self.network.forward(self.params, some)[: len(rows)]
        if np.ndim(result) == 1:  # a user's function with a user's loss
            result = result[:, None]
        return result if self.classes is None else result[:, : len(self.classes)]

    def predict(self, X: Any) -> np.ndarray:
        """Return the targets [rows] (or [rows, outputs]), or the most likely class of each row."""
        outputs = self.outputs(X)
        if self.classes is not None:
            labels: np.ndarray = self.classes[outputs.argmax(axis=1)]
            return labels
        return outputs[:, 0] if self.single else outputs

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities [rows, classes], in the order of `classes`."""
        if self.classes is None:
            raise InvalidInput("This model predicts numbers, not classes: use predict.")
        return softmax(self.outputs(X))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one .npz file, without pickle."""
        network = describe_network(self.network)
        if "Function" in json.dumps(network):  # parameters of our own networks can always be stored
            require_kept(self.params, "the model's parameters")
        about = {
            "network": network,
            "shape": list(self.shape),
            "single": self.single,
            "steps": self.steps,
            "rate_scale": self.rate_scale,
        }
        arrays = {f"params/{name}": leaf for name, leaf in flatten(self.params).items()}
        if self.classes is not None:
            arrays["classes"] = np.asarray(self.classes)
        write(path, "AdaptedModel", about, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str], network: Any = None) -> AdaptedModel:
        """Read a file of `save`; a `Function` network must be passed again, because files contain no code."""
        about, arrays = read(path)
        if about["kind"] != "AdaptedModel":
            raise InvalidInput(f"{path} holds a {about['kind']}: use seasoned.metagrad.load_learner.")
        params = unflatten({name[7:]: leaf for name, leaf in arrays.items() if name.startswith("params/")})
        network = network_of(about["network"], network)
        shape = tuple(int(size) for size in about["shape"])
        steps, scale = int(about["steps"]), float(about["rate_scale"])
        return cls(network, params, shape, arrays.get("classes"), bool(about["single"]), steps, scale)


def describe_network(network: Any) -> dict[str, Any]:
    """Return a network's settings in JSON types."""
    if isinstance(network, Prototypes):
        return {"kind": "Prototypes", "body": describe_network(network.body)}
    if isinstance(network, Offset):
        return {"kind": "Offset", "body": describe_network(network.body), "count": network.count}
    if type(network) in NETWORKS.values():
        return {"kind": type(network).__name__, **dataclasses.asdict(network)}
    return {"kind": "Function"}


def network_of(about: dict[str, Any], given: Any = None) -> Any:
    """Return the network of a description by `describe_network`.

    `given` replaces a network that a file cannot store.
    """
    about = dict(about)
    kind = about.pop("kind", None)
    if kind == "Function":
        if given is None:
            raise InvalidInput(
                "The file's network is a function of your own: load it with network=, as it was trained."
            )
        return given
    if kind == "Prototypes":
        return given if isinstance(given, Prototypes) else Prototypes(network_of(about["body"], given))
    if kind == "Offset":
        return given if isinstance(given, Offset) else Offset(network_of(about["body"], given), int(about["count"]))
    if kind not in NETWORKS:
        raise InvalidInput(f"The file names a network {kind!r}, and there are {', '.join(NETWORKS)}: update seasoned.")
    return NETWORKS[kind](**about)
