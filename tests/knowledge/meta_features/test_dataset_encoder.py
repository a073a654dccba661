"""Dataset encoder: invariance, training and text of a network over the rows of a table."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.knowledge.meta_features.dataset_encoder import SetEncoder, cells_of, encoded, first_layers
from seasoned.knowledge.meta_features.row_sample import Table


def encoder_of(seed=0):
    return SetEncoder(first_layers(8, 4, np.random.default_rng(seed)))


def table_of_kind(seed, rows=120, classes=2):
    """Every table has its own noise, skew and share of the classes."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, 4)) ** rng.choice([1, 3])
    numbers[:, 0] += np.exp(rng.normal(size=rows))
    shift, noise = rng.normal(), rng.uniform(0.1, 2.0)
    target = (numbers[:, 1] + noise * rng.normal(size=rows) > shift).astype(float)
    numbers[rng.random(numbers.shape) < rng.uniform(0.0, 0.3)] = np.nan
    codes = rng.integers(0, 5, (rows, 2)) * rng.integers(0, 2, (rows, 2))
    return Table(numbers, codes, target if classes else numbers[:, 2], classes)


@pytest.mark.parametrize("seed", range(4))
def test_encoder_ignores_order_of_rows_columns_categories_and_classes(seed):
    table, rng = table_of_kind(seed), np.random.default_rng(seed)
    rows, left, right = rng.permutation(120), rng.permutation(4), rng.permutation(2)
    names = np.append(rng.permutation(5), -1)
    other = Table(table.numbers[rows][:, left], names[table.codes[rows][:, right]], 1.0 - table.target[rows], 2)
    assert np.array_equal(encoder_of().encode(table), encoder_of().encode(other))


def test_encoder_network_ignores_order_of_cells():
    cells, rng = cells_of(table_of_kind(0)), np.random.default_rng(0)
    rows, columns = rng.permutation(120), rng.permutation(6)
    other = cells._replace(
        values=cells.values[rows][:, columns],
        missing=cells.missing[rows][:, columns],
        category=cells.category[columns],
        targets=cells.targets[rows][:, ::-1],
    )
    layers = encoder_of().layers
    np.testing.assert_allclose(encoded(np, layers, cells), encoded(np, layers, other), atol=1e-5)


def test_encoder_cells_ignore_scale_and_offset_of_numbers():
    table = table_of_kind(1)
    other = Table(1e6 + 1e3 * table.numbers, table.codes, table.target, 2)
    here, there = (np.sort(cells_of(one).values, axis=None) for one in (table, other))  # columns have another order
    np.testing.assert_allclose(here, there, atol=1e-3)


def test_encoder_gives_finite_numbers_for_odd_tables():
    empty = np.zeros((3, 0), dtype=int)
    odd = [
        Table(np.full((3, 2), np.nan), empty, np.zeros(3), 1),
        Table(np.array([[1e300], [-1e300], [np.inf]]), empty, np.arange(3.0), 0),
        Table(np.zeros((3, 0)), np.full((3, 1), -1), np.arange(3.0), 3),
        Table(np.ones((1, 1)), np.zeros((1, 1), dtype=int), np.zeros(1), 1),
    ]
    for table in odd:
        assert np.isfinite(encoder_of().encode(table)).all()


def test_encoder_survives_its_text():
    encoder, table = encoder_of(3), table_of_kind(0)
    assert np.array_equal(SetEncoder.of_text(encoder.to_text()).encode(table), encoder.encode(table))


def bad(change):
    text = encoder_of().to_text()
    assert change[0] in text
    return text.replace(*change, 1)


BAD = [
    lambda: "nonsense",
    lambda: "[]",
    lambda: "[" * 100_000,
    lambda: '{"cell": [], "pair": [], "table": []}',
    lambda: bad(('"pair"', '"pears"')),
    lambda: bad(('"w": [[', '"w": [[NaN, ')),
    lambda: bad(('"w": [[', '"w": [[1e99, ')),
    lambda: bad(('"b": [', '"b": [0.0, ')),
    lambda: bad(('"b": [', '"b": ["a", ')),
]


@pytest.mark.parametrize("text", BAD)
def test_text_that_is_no_encoder_is_refused(text):
    with pytest.raises(InvalidInput):
        SetEncoder.of_text(text())


@pytest.mark.slow
def test_trained_encoder_places_two_parts_of_a_table_near_each_other():
    from seasoned.knowledge.meta_features.dataset_encoder_training import train_set_encoder

    encoder = train_set_encoder([table_of_kind(seed) for seed in range(24)], width=8, outputs=4, steps=300)
    codes = []
    for seed in range(100, 120):
        table = table_of_kind(seed, rows=240)
        parts = (slice(None, 120), slice(120, None))
        codes.append([encoder.encode(Table(table.numbers[at], table.codes[at], table.target[at], 2)) for at in parts])
    left, right = np.moveaxis(np.array(codes), 1, 0)
    distances = np.linalg.norm(left[:, None] - right[None], axis=-1)
    ranks = (distances < np.diag(distances)[:, None]).sum(axis=1)
    assert ranks.mean() < 4.0  # of 20; by luck 9.5, and less than 4 once in 10,000 times


def test_encoder_training_refuses_too_few_tables():
    from seasoned.knowledge.meta_features.dataset_encoder_training import train_set_encoder

    with pytest.raises(InvalidInput, match="at least"):
        train_set_encoder([table_of_kind(seed) for seed in range(9)])


def test_encoder_needs_no_jax():
    code = """
import sys
import numpy as np
from seasoned.knowledge import SetEncoder, table_of
from seasoned.knowledge.meta_features.row_sample import Table
from seasoned.knowledge.meta_features.dataset_encoder import first_layers
encoder = SetEncoder.of_text(SetEncoder(first_layers(8, 4, np.random.default_rng(0))).to_text())
encoder.encode(Table(np.arange(6.0).reshape(3, 2), np.zeros((3, 0), int), np.arange(3.0), 0))
print([name for name in ("jax", "optax") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
