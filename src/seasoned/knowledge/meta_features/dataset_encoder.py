"""Data set encoder: a network that encodes a table as a short vector of learned meta-features.

    v = H( mean over columns f and targets t of  G( mean over rows i of  F(x_if, missing_if, y_it, kinds) ) )

x are standard scores; a category is replaced by its frequency first. y is the standard score of a numeric target. For
classes there is one target for each class: the indicator of the class less its share. The means make v independent of
the order of rows, columns, categories and classes. Rows and columns are sampled by content (`row_sample.py`).

The encoder is trained so that two samples of one table are near, and samples of two tables are far apart
(`dataset_encoder_training.py`). Training is separate from the deep metric function: the number of sample pairs is
unlimited, but the number of tasks is small. Prediction needs only numpy. The encoding extends the other meta-features:
`np.concatenate([list(describe(t).values()), e.encode(t)])`.

Source: Jomaa, Schmidt-Thieme and Grabocka (2021), Dataset2Vec: learning dataset meta-features, eqs. 4-7.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.meta_features.row_sample import Table, canonical
from seasoned.metagrad.networks.forward import mlp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Cells", "SetEncoder", "cells_of", "encoded", "first_layers"]

_ROWS: Final = 256  # largest number of sampled rows
_COLUMNS: Final = 24  # largest number of numeric columns, and of categorical columns
_CLASSES: Final = 8  # largest number of classes, the most frequent first
_CLIP: Final = 4.0  # largest absolute standard score
_INPUTS: Final = 5  # inputs of F
_CHAINS: Final = ("cell", "pair", "table")  # names of the networks F, G and H
WIDEST: Final = 1024
"""Largest number of units of a layer."""

Layers = dict[str, Any]


class Cells(NamedTuple):
    """Sample of a table, as inputs of the encoder.

    Attributes:
        values: Standard scores, 0 where missing, shape (rows, columns).
        missing: 1 where a value is missing, shape (rows, columns).
        category: 1 for categorical columns, shape (columns,).
        targets: Standardised target, or centred class indicators, shape (rows, targets).
        classes: 1 if the targets are classes, otherwise 0; a scalar array.
    """

    values: Any
    missing: Any
    category: Any
    targets: Any
    classes: Any


def cells_of(table: Table) -> Cells:
    """Sample at most 256 rows, 24 columns of each sort and the 8 most frequent classes, in canonical order.

    Example:
        >>> table = Table(np.arange(12.0).reshape(6, 2), np.zeros((6, 0), int), np.array([0, 1, 0, 1, 0, 0.0]), 2)
        >>> cells_of(table).values.shape, cells_of(table).targets.shape
        ((6, 2), (6, 2))
    """
    sample = canonical(table, _ROWS)
    numbers, codes = sample.numbers[:, :_COLUMNS], sample.codes[:, :_COLUMNS]
    columns = [_standard(column) for column in numbers.T]
    columns += [_standard(_shares(column)) for column in codes.T]
    values = np.stack(columns, axis=1)
    y = sample.target
    if sample.classes:
        goals = (y[:, None] == np.arange(min(sample.classes, _CLASSES))).astype(np.float64)
        goals = goals - goals.mean(axis=0)
    else:
        goals = np.nan_to_num(_standard(y))[:, None]
    category = np.arange(values.shape[1]) >= numbers.shape[1]
    parts = (np.nan_to_num(values), np.isnan(values), category, goals, np.array(sample.classes > 0))
    return Cells(*(np.asarray(part, dtype=np.float32) for part in parts))


def _standard(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard scores, clipped to +-4, NaN where missing; 0 in a constant column."""
    known = np.isfinite(column)
    largest = float(np.abs(column[known]).max(initial=0.0)) or 1.0
    scaled = np.where(known, column / largest, np.nan)  # squares of large numbers overflow
    if not known.any():
        return scaled
    apart = scaled - scaled[known].mean()
    spread = float(np.sqrt(np.square(apart[known]).mean()))
    return np.clip(apart / spread, -_CLIP, _CLIP) if spread > 1e-12 else 0.0 * scaled


def _shares(codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Frequency of each cell's category; NaN where missing."""
    counts = np.bincount(codes[codes >= 0], minlength=1)
    return np.where(codes >= 0, counts[np.maximum(codes, 0)] / max(len(codes), 1), np.nan)


def first_layers(width: int, outputs: int, rng: np.random.Generator) -> Layers:
    """Initial layers, uniform in +-1 / sqrt(inputs).

    Args:
        width: Units of all layers except the last.
        outputs: Size of the encoding of a table.
        rng: Random generator.
    """
    sizes = {"cell": (_INPUTS, width, width), "pair": (width, width, width), "table": (width, width, outputs)}
    return {
        name: [
            {
                "w": (rng.uniform(-1.0, 1.0, pair) * pair[0] ** -0.5).astype(np.float32),
                "b": (rng.uniform(-1.0, 1.0, pair[1]) * pair[0] ** -0.5).astype(np.float32),
            }
            for pair in pairwise(chain)
        ]
        for name, chain in sizes.items()
    }


def encoded(xp: Any, layers: Layers, cells: Cells) -> Any:
    """Encode a sample, shape (outputs,).

    Args:
        xp: numpy or jax.numpy.
        layers: Layers of the networks F, G and H.
        cells: Sample of a table.
    """
    shape = (*cells.values.shape, cells.targets.shape[1])
    parts = (
        cells.values[:, :, None],
        cells.missing[:, :, None],
        cells.targets[:, None, :],
        cells.category[None, :, None],
        xp.reshape(cells.classes, (1, 1, 1)),
    )
    inputs = xp.stack([xp.broadcast_to(part, shape) for part in parts], axis=-1)
    pairs = mlp(xp, layers["pair"], mlp(xp, layers["cell"], inputs, "silu").mean(axis=0), "silu")
    return mlp(xp, layers["table"], pairs.mean(axis=(0, 1)), "silu")


@dataclass(frozen=True, slots=True, eq=False)
class SetEncoder:
    """Trained data set encoder.

    Attributes:
        layers: Networks F, G and H under "cell", "pair" and "table", each a list of layers with `w` and `b`.
    """

    layers: Layers

    def encode(self, table: Table) -> NDArray[np.float64]:
        """Encode a table, shape (outputs,).

        Example:
            >>> encoder = SetEncoder(first_layers(8, 4, np.random.default_rng(0)))
            >>> x = np.random.default_rng(1).normal(size=(50, 3))
            >>> one = encoder.encode(Table(x, np.zeros((50, 0), int), x[:, 0], 0))
            >>> other = encoder.encode(Table(x[::-1, [2, 0, 1]], np.zeros((50, 0), int), x[::-1, 0], 0))
            >>> one.shape, bool(np.array_equal(one, other))
            ((4,), True)
        """
        return np.asarray(encoded(np, self.layers, cells_of(table)), dtype=np.float64)

    def to_text(self) -> str:
        """Return the encoder as JSON, without loss of precision."""
        return json.dumps(
            {name: [{key: one[key].tolist() for key in ("w", "b")} for one in self.layers[name]] for name in _CHAINS}
        )

    @classmethod
    def of_text(cls, text: str) -> SetEncoder:
        """Read an encoder from the JSON of `to_text`.

        Raises:
            InvalidInput: If the text does not describe an encoder, shapes do not fit, or numbers are not finite.

        Example:
            >>> encoder = SetEncoder(first_layers(8, 4, np.random.default_rng(0)))
            >>> SetEncoder.of_text(encoder.to_text()).to_text() == encoder.to_text()
            True
        """
        try:
            held = json.loads(text)
            layers = {
                name: [{key: np.array(one[key], dtype=np.float32) for key in ("w", "b")} for one in held[name]]
                for name in _CHAINS
            }
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise InvalidInput(f"{text[:40]!r} is no encoder of tables ({error}); give what to_text wrote.") from error
        if not _sound([one for name in _CHAINS for one in layers[name]], [len(layers[name]) for name in _CHAINS]):
            raise InvalidInput("the encoder's layers do not fit each other or are not finite; train it anew.")
        return cls(layers)


def _sound(layers: Sequence[dict[str, NDArray[np.float32]]], lengths: Sequence[int]) -> bool:
    """Return True if the shapes of consecutive layers fit, no layer is too wide, and all numbers are finite."""
    if min(lengths) < 1 or any(one["w"].ndim != 2 or one["b"].shape != one["w"].shape[1:] for one in layers):
        return False
    joined = all(one["w"].shape[1] == two["w"].shape[0] for one, two in pairwise(layers))
    finite = all(np.isfinite(part).all() for one in layers for part in one.values())
    widest = max(size for one in layers for size in one["w"].shape)
    return bool(joined and finite and layers[0]["w"].shape[0] == _INPUTS and widest <= WIDEST)
