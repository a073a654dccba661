"""Row-compressing network: cheap layers over the cells of each column, then one token for each row.

1. Column layers: learned inducing vectors read the context cells of a column, the column's cells read these (induced
   set attention, Lee and others, 2019, arXiv 1810.00825).
2. Row layer: a few readout vectors read the cells of each row; together they are the row's token.
3. Row layers: attention of all rows to the context rows.

Source: TabICL (Qu and others, 2025, arXiv 2502.05564).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

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
    from seasoned.incontext.backend import Arrays, Backend, Masks, Weights
    from seasoned.incontext.settings import NetworkSettings

__all__ = ["init", "query", "read_context"]

CELL_HEADS = 4
READOUT_ROUNDS = 2


_WAVELENGTHS = 2.0 ** np.arange(1, 8)
"""Wavelengths, in columns, of the sines that say a cell's place in its row."""


def init(rng: np.random.Generator, s: NetworkSettings) -> dict[str, dict[str, np.ndarray]]:
    """Return random weights; those that write to the residual stream begin at zero."""
    c = s.cell_width

    def cell_layers(layers: int) -> dict[str, np.ndarray]:
        gather, spread = (attention_weights(rng, name, layers, c) for name in ("gather", "spread"))
        return gather | spread | feed_forward_weights(rng, "mlp", layers, c, 2 * c)

    columns = cell_layers(s.cell_layers)
    columns["inducing"] = random_weights(rng, s.cell_layers, s.inducing, c)
    readout = cell_layers(READOUT_ROUNDS)
    rows = attention_weights(rng, "rows", s.layers, s.width)
    rows |= feed_forward_weights(rng, "mlp", s.layers, s.width, s.hidden)
    rows["rows.sharpening"] = np.zeros(s.layers, dtype=np.float32)
    ends = {
        "cell": random_weights(rng, CELL, c),
        "cell_target": random_weights(rng, TARGET, c),
        "target": random_weights(rng, TARGET, s.width),
        "place": random_weights(rng, 2 * len(_WAVELENGTHS), c),
        "readouts": random_weights(rng, s.width // c, c),
        "unknown": random_weights(rng, 1, s.width)[0],
        "thinking": random_weights(rng, s.thinking, s.width),
    }
    return {"ends": ends, "column_layers": columns, "readout_layers": readout, "layers": rows}


def read_context(
    backend: Backend, weights: Weights, s: NetworkSettings, cells: Any, targets: Any, masks: Masks
) -> Arrays:
    """Return what query rows need of the context: summaries of columns, keys and values of the row layers.

    Args:
        backend: Array library.
        weights: Weights of `init`.
        s: Settings.
        cells: Encoded cells, (context, columns, CELL).
        targets: Encoded targets, (context, TARGET).
        masks: Padding.
    """
    xp, ends = backend.xp, weights["ends"]

    def column_step(h: Any, stacked: tuple[Arrays]) -> tuple[Any, Arrays]:
        (p,) = stacked
        summary = p["inducing"] + attend(
            backend,
            p,
            "gather",
            p["inducing"],
            keys_and_values(xp, p, "gather", h, CELL_HEADS),
            CELL_HEADS,
            mask=masks.rows,
        )
        kept = keys_and_values(xp, p, "spread", summary, CELL_HEADS)
        return _spread(backend, p, h, kept), kept

    h = (cells @ ends["cell"] + (targets @ ends["cell_target"])[:, None]).swapaxes(0, 1)
    h, columns = backend.scan(column_step, h, (weights["column_layers"],))
    rows = _rows(backend, weights, s, h, masks) + targets @ ends["target"]
    rows = xp.concatenate([ends["thinking"], rows], axis=0)
    mask, count = _row_mask(xp, s, rows.shape[0], masks)

    def row_step(h: Any, stacked: tuple[Arrays]) -> tuple[Any, Arrays]:
        (p,) = stacked
        kept = keys_and_values(xp, p, "rows", h, s.heads)
        h = h + attend(backend, p, "rows", h, kept, s.heads, mask=mask, count=count)
        return h + feed_forward(xp, p, "mlp", h), kept

    _, kept = backend.scan(row_step, rows, (weights["layers"],))
    return {"columns": columns, "rows": kept}


def query(backend: Backend, weights: Weights, s: NetworkSettings, memory: Arrays, cells: Any, masks: Masks) -> Any:
    """Return the final token of each query row, (queries, width).

    Args:
        backend: Array library.
        weights: Weights of `init`.
        s: Settings.
        memory: Result of `read_context`.
        cells: Encoded cells, (queries, columns, CELL).
        masks: Padding of the context rows and of the columns.
    """
    xp, ends = backend.xp, weights["ends"]

    def column_step(h: Any, stacked: tuple[Arrays, Arrays]) -> tuple[Any, Arrays]:
        p, kept = stacked
        return _spread(backend, p, h, kept), {}

    h, _ = backend.scan(
        column_step, (cells @ ends["cell"]).swapaxes(0, 1), (weights["column_layers"], memory["columns"])
    )
    rows = _rows(backend, weights, s, h, masks) + ends["unknown"]
    mask, count = _row_mask(xp, s, memory["rows"]["k"][0].shape[-2], masks)

    def row_step(h: Any, stacked: tuple[Arrays, Arrays]) -> tuple[Any, Arrays]:
        p, kept = stacked
        h = h + attend(backend, p, "rows", h, kept, s.heads, mask=mask, count=count)
        return h + feed_forward(xp, p, "mlp", h), {}

    return normalise(xp, backend.scan(row_step, rows, (weights["layers"], memory["rows"]))[0])


def _spread(backend: Backend, p: Arrays, h: Any, kept: Arrays) -> Any:
    """Return cells (columns, rows, width) that have read the summary of their column."""
    h = h + attend(backend, p, "spread", h, kept, CELL_HEADS)
    return h + feed_forward(backend.xp, p, "mlp", h)


def _rows(backend: Backend, weights: Weights, s: NetworkSettings, h: Any, masks: Masks) -> Any:
    """Return a token for each row, (rows, width), from cells (columns, rows, cell_width)."""
    xp, ends = backend.xp, weights["ends"]
    angles = 2 * np.pi * np.arange(h.shape[0])[:, None] / _WAVELENGTHS
    places = np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32) @ ends["place"]
    cells = h.swapaxes(0, 1) + places
    readouts = xp.broadcast_to(ends["readouts"], (h.shape[1], *ends["readouts"].shape))

    def step(carry: tuple[Any, Any], stacked: tuple[Arrays]) -> tuple[tuple[Any, Any], Arrays]:
        cells, readouts = carry
        (p,) = stacked
        kept = keys_and_values(xp, p, "gather", cells, CELL_HEADS)
        readouts = readouts + attend(backend, p, "gather", readouts, kept, CELL_HEADS, mask=masks.columns)
        readouts = readouts + feed_forward(xp, p, "mlp", readouts)
        cells = cells + attend(
            backend, p, "spread", cells, keys_and_values(xp, p, "spread", readouts, CELL_HEADS), CELL_HEADS
        )
        return (cells, readouts), {}

    (_, readouts), _ = backend.scan(step, (cells, readouts), (weights["readout_layers"],))
    return readouts.reshape(h.shape[1], s.width)


def _row_mask(xp: Any, s: NetworkSettings, rows: int, masks: Masks) -> tuple[Any, Any]:
    """Return the mask of thinking and context rows, and their number."""
    if masks.rows is None:
        return None, rows
    mask = xp.concatenate([xp.ones(s.thinking), masks.rows])
    return mask, mask.sum()
