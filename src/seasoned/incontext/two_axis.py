"""Two-axis network: a token for each cell, attention over the columns of a row and over the rows of a column.

The target is one further column. Context rows see each other; a query row sees the context rows and itself only. The
learned "thinking" rows stand in front of the context and hold what the network computes about the whole table.

    h <- h + attention over the columns of each row
    h <- h + attention of each column's cells to the context rows of the column
    h <- h + feed-forward(h)

Source: TabPFN v2 (Hollmann and others, 2025, Nature 637); thinking rows and grouped columns: arXiv 2606.03681.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.incontext.backend import Masks
from seasoned.incontext.blocks import (
    attend,
    attention_weights,
    feed_forward,
    feed_forward_weights,
    keys_and_values,
    normalise,
    random_weights,
)
from seasoned.incontext.encoding import CELL, TARGET

if TYPE_CHECKING:
    from seasoned.incontext.backend import Arrays, Backend, Weights
    from seasoned.incontext.settings import NetworkSettings

__all__ = ["init", "query", "read_context"]


def init(rng: np.random.Generator, s: NetworkSettings) -> dict[str, dict[str, np.ndarray]]:
    """Return random weights; those that write to the residual stream begin at zero."""
    layers: dict[str, np.ndarray] = {}
    for block in ("columns", "rows"):
        layers |= attention_weights(rng, block, s.layers, s.width)
    layers["rows.sharpening"] = np.zeros(s.layers, dtype=np.float32)
    layers |= feed_forward_weights(rng, "mlp", s.layers, s.width, s.hidden)
    ends = {
        "cell": random_weights(rng, CELL, s.width),
        "target": random_weights(rng, TARGET, s.width),
        "unknown": random_weights(rng, 1, s.width)[0],
        "thinking": random_weights(rng, s.thinking, s.width),
    }
    return {"ends": ends, "layers": layers}


def read_context(
    backend: Backend, weights: Weights, s: NetworkSettings, cells: Any, targets: Any, masks: Masks
) -> Arrays:
    """Return what query rows need of the context: keys and values of each layer.

    Args:
        backend: Array library.
        weights: Weights of `init`.
        s: Settings.
        cells: Encoded cells, (context, columns, CELL).
        targets: Encoded targets, (context, TARGET).
        masks: Padding.
    """
    xp, ends = backend.xp, weights["ends"]
    h = xp.concatenate([cells @ ends["cell"], (targets @ ends["target"])[:, None]], axis=1)
    thinking = xp.broadcast_to(ends["thinking"][:, None], (s.thinking, *h.shape[1:]))
    h = xp.concatenate([thinking, h], axis=0)
    if masks.rows is not None:
        masks = Masks(xp.concatenate([xp.ones(s.thinking), masks.rows]), masks.columns)

    def step(h: Any, stacked: tuple[Arrays]) -> tuple[Any, Arrays]:
        (p,) = stacked
        return _layer(backend, p, s.heads, h, None, _with_target(xp, masks))

    return dict(backend.scan(step, h, (weights["layers"],))[1])


def query(backend: Backend, weights: Weights, s: NetworkSettings, memory: Arrays, cells: Any, masks: Masks) -> Any:
    """Return the final token of each query row, (queries, width): its target token and the mean of its cell tokens.

    Args:
        backend: Array library.
        weights: Weights of `init`.
        s: Settings.
        memory: Result of `read_context`.
        cells: Encoded cells, (queries, columns, CELL).
        masks: Padding of the context rows and of the columns.
    """
    xp, ends = backend.xp, weights["ends"]
    unknown = xp.broadcast_to(ends["unknown"], (cells.shape[0], 1, s.width))
    h = xp.concatenate([cells @ ends["cell"], unknown], axis=1)
    if masks.rows is not None:
        masks = Masks(xp.concatenate([xp.ones(s.thinking), masks.rows]), masks.columns)

    def step(h: Any, stacked: tuple[Arrays, Arrays]) -> tuple[Any, Arrays]:
        p, kept = stacked
        return _layer(backend, p, s.heads, h, kept, _with_target(xp, masks))[0], {}

    h = normalise(xp, backend.scan(step, h, (weights["layers"], memory))[0])
    if masks.columns is None:
        return h[:, -1] + h[:, :-1].mean(axis=1)
    share = masks.columns / masks.columns.sum()
    return h[:, -1] + (h[:, :-1] * share[:, None]).sum(axis=1)


def _with_target(xp: Any, masks: Masks) -> Masks:
    """Return masks with the target as last column."""
    if masks.columns is None:
        return masks
    return Masks(masks.rows, xp.concatenate([masks.columns, xp.ones(1)]))


def _layer(backend: Backend, p: Arrays, heads: int, h: Any, memory: Arrays | None, masks: Masks) -> tuple[Any, Arrays]:
    """Return the tokens (rows, columns, width) after one layer, and the keys and values of its rows.

    Without `memory` the rows are the context and attend to themselves.
    """
    xp = backend.xp
    kept = keys_and_values(xp, p, "columns", h, heads)
    h = h + attend(backend, p, "columns", h, kept, heads, mask=masks.columns)
    by_column = h.swapaxes(0, 1)
    if memory is None:
        memory = keys_and_values(xp, p, "rows", by_column, heads)
    count = memory["k"].shape[-2] if masks.rows is None else masks.rows.sum()
    h = h + attend(backend, p, "rows", by_column, memory, heads, mask=masks.rows, count=count).swapaxes(0, 1)
    return h + feed_forward(xp, p, "mlp", h), memory
