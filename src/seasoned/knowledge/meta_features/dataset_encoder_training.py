"""Training of the data set encoder: samples of one table become near, samples of two tables far apart (extra `grad`).

    loss = - mean over pairs of one table of log p  -  mean over other pairs of log(1 - p),   p = exp(-|v - v'|).

A sample consists of some rows, columns and targets of a table. All pairs of samples of a training step count. Some
tables are held out for validation.

Source: Jomaa, Schmidt-Thieme and Grabocka (2021), Dataset2Vec: learning dataset meta-features, eqs. 8-10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.meta_features.dataset_encoder import WIDEST, Cells, SetEncoder, cells_of, encoded, first_layers
from seasoned.metagrad._common.jax_imports import jax, jnp
from seasoned.metagrad.tasks.tasks import cut
from seasoned.metagrad.training.loop import Training, begin, train

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.knowledge.meta_features.row_sample import Table

__all__ = ["Samples", "Tables", "similarity_loss", "train_set_encoder"]

Array = Any
_ROWS: Final = 48  # rows of a sample
_COLUMNS: Final = 6  # columns of a sample
_TARGETS: Final = 2  # targets of a sample
_TABLES: Final = 8  # tables of a training step
_ASIDE: Final = 0.2  # share of the tables that is held out for validation
_MIN_TABLES: Final = 10  # least number of tables
_SQUARED_DISTANCE_OFFSET: Final = 1e-6  # added to squared distances, so that the gradient at 0 is finite


class Tables(NamedTuple):
    """Tables as arrays of equal size, padded with 0.

    Attributes:
        cells: Cells of all tables; the first axis of each array is the table.
        counts: Numbers of rows, columns and targets of each table, shape (tables, 3).
    """

    cells: Cells
    counts: Array


@dataclass(frozen=True)
class Samples:
    """Training program for `metagrad`; the meta-parameters are the layers of the encoder."""

    frozen: ClassVar[tuple[str, ...]] = ()

    training: Training

    def draw(self, family: Tables, key: Array) -> dict[str, Array]:
        """Draw distinct tables, and two samples of each, as indices of rows, columns and targets."""
        keys = jax.random.split(key, 2)
        total = len(family.counts)
        tables = jax.random.permutation(keys[0], total)[: min(_TABLES, total)]
        shapes = (_ROWS, _COLUMNS, _TARGETS)
        found = {"tables": tables}
        for name, place, size, one in zip(
            ("rows", "columns", "targets"), range(3), shapes, jax.random.split(keys[1], 3), strict=True
        ):
            share = jax.random.uniform(one, (2, len(tables), size))
            found[name] = jnp.floor(share * family.counts[tables, place][None, :, None]).astype(jnp.int32)
        return found

    def update(
        self, theta: Any, memory: Any, family: Tables, drawn: dict[str, Array], progress: Array
    ) -> tuple[Array, Any, Any]:
        """Return the loss of one step, its gradient, and `memory` unchanged."""
        del progress
        loss, slope = jax.value_and_grad(_loss)(theta, family, drawn)
        return loss, slope, memory

    def validate(self, theta: Any, family: Tables, keys: Array) -> Array:
        """Mean loss on one draw for each key."""
        losses: Array = jax.vmap(lambda key: _loss(theta, family, self.draw(family, key)))(keys)
        return losses.mean()


def _loss(theta: Any, family: Tables, drawn: dict[str, Array]) -> Array:
    def code(table: Array, rows: Array, columns: Array, targets: Array) -> Array:
        cells = family.cells
        part = Cells(
            cells.values[table][rows][:, columns],
            cells.missing[table][rows][:, columns],
            cells.category[table][columns],
            cells.targets[table][rows][:, targets],
            cells.classes[table],
        )
        return encoded(jnp, theta, part)

    codes = jax.vmap(lambda rows, columns, targets: jax.vmap(code)(drawn["tables"], rows, columns, targets))(
        drawn["rows"], drawn["columns"], drawn["targets"]
    )
    return similarity_loss(codes)


def similarity_loss(codes: Array) -> Array:
    """Training loss (module docstring) of encoded samples.

    Args:
        codes: Encodings of two samples of each table, shape (2, tables, outputs).

    Example:
        >>> near = jnp.array([[[0.0], [3.0]], [[0.1], [3.1]]])
        >>> bool(similarity_loss(near) < similarity_loss(near[:, ::-1] * jnp.array([[[1.0]], [[-1.0]]])))
        True
    """
    flat = codes.reshape(-1, codes.shape[-1])
    owner = jnp.tile(jnp.arange(codes.shape[1]), 2)
    square = jnp.square(flat[:, None] - flat[None]).sum(axis=-1)
    distance = jnp.sqrt(square + _SQUARED_DISTANCE_OFFSET)
    pair = ~jnp.eye(len(flat), dtype=bool)
    same = (owner[:, None] == owner) & pair
    apart = (owner[:, None] != owner) & pair
    near = jnp.where(same, distance, 0.0).sum() / same.sum()
    far = jnp.where(apart, -jnp.log(-jnp.expm1(-distance)), 0.0).sum() / jnp.maximum(apart.sum(), 1)
    return near + far


def train_set_encoder(
    tables: Sequence[Table], *, width: int = 16, outputs: int = 8, steps: int = 1000, seed: int = 0
) -> SetEncoder:
    """Train a data set encoder, which recognises samples of the same table.

    Args:
        tables: At least 10 tables.
        width: Units of a hidden layer, 1 to 1,024.
        outputs: Size of the encoding of a table, 1 to 1,024.
        steps: Number of training steps.
        seed: Random seed.

    Raises:
        InvalidInput: If there are fewer than 10 tables, or a size is out of range.
        MissingExtra: If JAX is not installed (on import of this module).
    """
    if len(tables) < _MIN_TABLES or min(width, outputs, steps) < 1 or max(width, outputs) > WIDEST:
        raise InvalidInput(
            f"there are {len(tables)} tables, width is {width}, outputs {outputs} and steps {steps}; give at least "
            f"{_MIN_TABLES} tables and sizes of at least 1, and at most {WIDEST} for width and outputs."
        )
    training = Training(
        steps=steps,
        tasks=1,
        lr=3e-3,
        schedule="cosine",
        clip=5.0,
        every=max(1, steps // 10),
        validation_tasks=16,
        seed=seed,
    )
    found = [cells_of(table) for table in tables]
    families = tuple(_stacked([found[place] for place in part]) for part in cut(len(found), _ASIDE, seed))
    layers = jax.tree.map(jnp.asarray, first_layers(width, outputs, np.random.default_rng(seed)))
    state = begin(Samples(training), layers, ())
    for after, _ in train(Samples(training), families, state, steps):  # type: ignore[arg-type]  # two parts
        state = after
    return SetEncoder(jax.tree.map(lambda leaf: np.asarray(leaf, dtype=np.float32), state.best))


def _stacked(found: Sequence[Cells]) -> Tables:
    counts = np.array([(*one.values.shape, one.targets.shape[1]) for one in found])
    rows, columns, targets = counts.max(axis=0)
    sizes = ((rows, columns), (rows, columns), (columns,), (rows, targets), ())
    parts = []
    for place, size in enumerate(sizes):
        part = np.zeros((len(found), *size), dtype=np.float32)
        for at, one in enumerate(found):
            part[at, ...][tuple(map(slice, one[place].shape))] = one[place]
        parts.append(jnp.asarray(part))
    return Tables(Cells(*parts), jnp.asarray(counts))
