"""Training of in-context networks: the forward pass of numpy, padding, continuation after a kill, learning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optional import package
from seasoned.errors import InvalidInput
from seasoned.incontext import row_axis
from seasoned.incontext.backend import Masks, softmax_attention
from seasoned.incontext.batches import Bucket, draw_batch
from seasoned.incontext.encoding import CellEncoder, encode_classes
from seasoned.incontext.network import outputs
from seasoned.incontext.prior import DrawnTable
from small_networks import SMALL, random_network, random_table

package("optax")
from seasoned.incontext import training  # noqa: E402 - needs JAX
from seasoned.incontext.training import Recipe, checkpoint, network_of, resume, start, train  # noqa: E402
from seasoned.metagrad._common.jax_imports import jnp  # noqa: E402

RECIPE = Recipe(steps=6, learning_rate=3e-3, buckets=(Bucket(16, 8, 4, 2),))


def threshold(rng, rows, columns):
    """Draw a table whose class or number is that of its first column."""
    X = rng.standard_normal((rows, columns)).astype(np.float32)
    if rng.random() < 0.5:
        return DrawnTable(X, np.zeros(columns, dtype=bool), (X[:, 0] > 0).astype(np.float32), 2)
    return DrawnTable(X, np.zeros(columns, dtype=bool), X[:, 0], 0)


def test_jax_and_numpy_agree_and_padding_changes_nothing():
    net = random_network()
    X, y = random_table(0, 20, 3)
    expected = net.fit_context(X, y, np.zeros(3, dtype=bool), 3).predict(X[:5])
    cells = CellEncoder.of(X, np.zeros(3, dtype=bool)).encode(X)
    padded = np.full((26, 5, cells.shape[2]), 7.0, dtype=np.float32)
    padded[:20, :3] = cells
    targets = np.full((26, encode_classes(y).shape[1]), 7.0, dtype=np.float32)
    targets[:20] = encode_classes(y)
    masks = Masks(jnp.asarray(np.arange(26) < 20, dtype=jnp.float32), jnp.asarray(np.arange(5) < 3, dtype=jnp.float32))
    memory = row_axis.read_context(training.JAX, net.weights, net.settings, padded, targets, masks)
    tokens = row_axis.query(training.JAX, net.weights, net.settings, memory, padded[:5], masks)
    logits = np.asarray(outputs(jnp, net.weights["head"], tokens)[0])[:, :3]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(odds / odds.sum(axis=1, keepdims=True), expected, atol=1e-5)


@pytest.mark.parametrize("queries", [5, 80])
def test_attention_head_by_head_equals_the_attention_of_one_array(queries):
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((2, 3, rows, 8)).astype(np.float32) for rows in (queries, 90, 90))
    mask = (np.arange(90) < 70).astype(np.float32)
    for part in (q, q[0, 0]):
        np.testing.assert_allclose(
            training.JAX.attention(part, k, v, mask), softmax_attention(np, part, k, v, mask), atol=1e-5
        )


def test_batch_holds_tables_within_its_bucket():
    bucket = Bucket(16, 8, 6, 5)
    batch = draw_batch(np.random.default_rng(0), threshold, bucket)
    assert batch["cells"].shape[:3] == (5, 16, 6)
    assert batch["queries"].shape[:3] == (5, 8, 6)
    rows, columns = batch["rows"].sum(axis=1), batch["columns"].sum(axis=1)
    assert rows.min() >= 8
    assert len(set(rows)) > 1
    assert columns.min() >= 2
    assert set(batch["slots"].sum(axis=1)) == {0, 2}
    assert not batch["cells"][batch["rows"] == 0].any()


def test_linear_predictions_are_a_column_or_leave_residuals():
    def total(rng, rows, columns):
        X = rng.standard_normal((rows, columns)).astype(np.float32)
        y = X.sum(axis=1) + 0.1 * rng.standard_normal(rows)
        return DrawnTable(X, np.zeros(columns, dtype=bool), y.astype(np.float32), 0)

    batch = draw_batch(np.random.default_rng(0), total, Bucket(200, 400, 20, 20, linear=1.0))
    strongest = []
    for cells, numbers, columns in zip(batch["queries"], batch["numbers"], batch["columns"], strict=True):
        scores = cells[:, columns > 0, 0]
        strongest.append(max(abs(np.corrcoef(column, numbers)[0, 1]) for column in scores.T))
    assert sum(value > 0.95 for value in strongest) >= 5
    assert sum(value < 0.3 for value in strongest) >= 5
    assert not any(0.3 <= value <= 0.95 for value in strongest)


def test_continued_training_equals_an_uninterrupted_one(tmp_path):
    settings, path = SMALL, tmp_path / "checkpoint.npz"
    whole = train(start(settings, RECIPE), settings, RECIPE, threshold)

    def stop(state, losses):
        if state.step == 3:
            checkpoint(state, path)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(start(settings, RECIPE), settings, RECIPE, threshold, before_step=stop)
    resumed = train(resume(settings, RECIPE, path), settings, RECIPE, threshold)
    assert resumed.step == whole.step == 6
    for part, arrays in network_of(whole, settings, {}).weights.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(network_of(resumed, settings, {}).weights[part][name], array)


def test_checkpoint_of_other_settings_is_refused(tmp_path):
    checkpoint(start(SMALL, RECIPE), tmp_path / "c.npz")
    with pytest.raises(InvalidInput, match="other sizes"):
        resume(replace(SMALL, hidden=16), RECIPE, tmp_path / "c.npz")


def test_time_limit_ends_training():
    state = train(start(SMALL, RECIPE), SMALL, RECIPE, threshold, seconds=0.0)
    assert state.step == 0


@pytest.mark.slow
def test_training_learns_to_read_a_threshold_from_the_context():
    recipe = Recipe(steps=300, learning_rate=3e-3, buckets=(Bucket(32, 16, 2, 8),))
    state = train(start(SMALL, recipe), SMALL, recipe, threshold)
    net = network_of(state, SMALL, {})
    X = np.random.default_rng(5).standard_normal((300, 2))
    y = (X[:, 0] > 0).astype(float)
    predicted = net.fit_context(X[:100], y[:100], np.zeros(2, dtype=bool), 2).predict(X[100:])
    assert ((predicted[:, 1] > 0.5) == y[100:]).mean() > 0.85
