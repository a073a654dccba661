"""In-context network: labelled rows go in as context, predictions of query rows come out, in one forward pass.

Arrays of one forward pass, for n context rows, q query rows, d columns and width w:

    X (n, d), y (n,)     -> cells (n, d, CELL), targets (n, TARGET)     `encoding.py`
    cells, targets       -> memory: keys and values of each layer       `row_axis.py`
    memory, queries (q, d) -> tokens (q, w)
    tokens               -> 10 logits of classes and 99 quantiles       `outputs`

The memory is computed once; queries are cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.incontext import row_axis
from seasoned.incontext.backend import NUMPY, Masks
from seasoned.incontext.encoding import MAX_CLASSES, CellEncoder, TargetScale, encode_classes, encode_numbers
from seasoned.incontext.settings import NetworkSettings
from seasoned.metagrad._common.npz_files import flatten, read, unflatten, write

if TYPE_CHECKING:
    import os

    from seasoned.incontext.backend import Arrays, Weights

__all__ = ["LEVELS", "Context", "Network", "init", "outputs"]

LEVELS: Final = np.arange(1, 100) / 100
"""Levels of the predicted quantiles."""
CHUNK: Final = 4096
"""Largest number of cells of query rows in one pass, which bounds the memory."""
_KIND: Final = "InContextNetwork"


def init(rng: np.random.Generator, settings: NetworkSettings) -> Weights:
    """Return random weights of a network."""
    width = settings.width
    scale = np.float32(1 / np.sqrt(width))
    head = {
        "up": rng.standard_normal((width, 2 * width)).astype(np.float32) * scale,
        "classes": np.zeros((2 * width, MAX_CLASSES), dtype=np.float32),
        "quantiles": np.zeros((2 * width, len(LEVELS)), dtype=np.float32),
        "start": np.linspace(-2, 2, len(LEVELS), dtype=np.float32),
    }
    return {**row_axis.init(rng, settings), "head": head}


def outputs(xp: Any, head: Arrays, tokens: Any) -> tuple[Any, Any]:
    """Return logits of the classes, (queries, 10), and quantiles in standard scores, (queries, 99)."""
    hidden = xp.maximum(tokens @ head["up"], 0)
    return hidden @ head["classes"], hidden @ head["quantiles"] + head["start"]


@dataclass(frozen=True)
class Network:
    """In-context network with its weights.

    Attributes:
        settings: Sizes.
        weights: Arrays by part and name.
        card: What a file says about its training, such as prior, steps and seed.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> sizes = NetworkSettings(width=16, layers=1, hidden=16, cell_width=8)
        >>> network = Network(sizes, init(rng, sizes), card={})
        >>> X = rng.random((30, 3))
        >>> context = network.fit_context(X, (X[:, 0] > 0.5) * 1.0, np.zeros(3, dtype=bool), n_classes=2)
        >>> context.predict(X[:5]).shape
        (5, 2)
    """

    settings: NetworkSettings
    weights: Weights
    card: Arrays

    def fit_context(self, X: np.ndarray, y: np.ndarray, categorical: np.ndarray, n_classes: int) -> Context:
        """Return the context of labelled rows.

        Args:
            X: Rows, (n, d), NaN for a gap.
            y: Classes 0 ... n_classes - 1, or numbers, (n,).
            categorical: Whether a column holds codes of categories, (d,).
            n_classes: Number of classes, at most 10; 0 for numbers.
        """
        X = np.asarray(X, dtype=np.float64)
        encoder = CellEncoder.of(X, categorical)
        scale = None if n_classes else TargetScale.of(y)
        targets = encode_classes(y) if scale is None else encode_numbers(scale.standardise(y))
        memory = row_axis.read_context(NUMPY, self.weights, self.settings, encoder.encode(X), targets, Masks())
        return Context(self, encoder, scale, n_classes, memory)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to one file without pickle; weights are stored in float16."""
        arrays = {name: array.astype(np.float16) for name, array in flatten(self.weights).items()}
        write(path, _KIND, {"settings": vars(self.settings), "card": dict(self.card)}, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Network:
        """Return the network of a file of `save`.

        Raises:
            InvalidInput: The file is no such file.
        """
        about, arrays = read(path)
        if about.get("kind") != _KIND:
            raise InvalidInput(f"{path} holds a {about.get('kind')} and no in-context network: give a network's file.")
        weights = unflatten({name: array.astype(np.float32) for name, array in arrays.items()})
        return cls(NetworkSettings(**about["settings"]), weights, about["card"])


@dataclass(frozen=True)
class Context:
    """Labelled rows as a network has read them.

    Attributes:
        network: The network.
        encoder: Statistics of the rows.
        scale: Scale of the target, None for classes.
        n_classes: Number of classes, 0 for numbers.
        memory: Keys and values of each layer.
    """

    network: Network
    encoder: CellEncoder
    scale: TargetScale | None
    n_classes: int
    memory: Arrays

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return predictions of query rows, (q, d).

        Returns:
            Probabilities, (q, n_classes), or the quantiles 0.01 ... 0.99 in units of the target, (q, 99).
        """
        X = np.asarray(X, dtype=np.float64)
        rows = max(CHUNK // (X.shape[1] + 1), 1)
        parts = [self._outputs(X[start : start + rows]) for start in range(0, max(len(X), 1), rows)]
        return np.concatenate(parts)

    def _outputs(self, X: np.ndarray) -> np.ndarray:
        network = self.network
        tokens = row_axis.query(NUMPY, network.weights, network.settings, self.memory, self.encoder.encode(X), Masks())
        logits, quantiles = outputs(np, network.weights["head"], tokens)
        if self.scale is not None:
            return self.scale.restore(np.sort(quantiles, axis=1))
        logits = np.exp(logits[:, : self.n_classes] - logits[:, : self.n_classes].max(axis=1, keepdims=True))
        return np.asarray(logits / logits.sum(axis=1, keepdims=True))
