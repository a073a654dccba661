"""Padding of support sets: sets of several sizes share compiled programs, with unchanged results."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from meta_tasks import lines
from seasoned.metagrad import MAML, MLP, ConvNet, Function, RidgeHead, Training, WideDeep
from seasoned.metagrad.learners.meta_testing import adapted, held_out_losses
from seasoned.metagrad.learners.padding import padded
from seasoned.metagrad.tasks.tasks import Rows

SHORT = Training(steps=4, tasks=4, every=2, validation_tasks=4)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("learner", [MAML(inner_lr=0.1, inner_steps=2, network=MLP((4,))), RidgeHead()])
@pytest.mark.slow
def test_padded_sets_of_5_to_8_rows_share_a_program_with_equal_results(learner, monkeypatch):
    learner = dataclasses.replace(learner, training=SHORT).fit(lines(), progress=False)
    X, y = RNG.normal(size=(8, 2)), RNG.normal(size=8)
    adapted.clear_cache()
    held_out_losses.clear_cache()
    short = {rows: learner.adapt(X[:rows], y[:rows], tune=True) for rows in (5, 7, 8)}
    assert adapted._cache_size() == 1
    assert held_out_losses._cache_size() == 1
    for name in ("base", "meta_testing"):
        monkeypatch.setattr(f"seasoned.metagrad.learners.{name}.padded", lambda learner, rows: rows)
    for rows, model in short.items():
        whole = learner.adapt(X[:rows], y[:rows], tune=True)
        assert (whole.steps, whole.rate_scale) == (model.steps, model.rate_scale)
        for one, other in zip(jax.tree.leaves(whole.params), jax.tree.leaves(model.params), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("rows", "size"), [(1, 8), (8, 8), (9, 16), (33, 64)])
def test_padded_sizes_are_powers_of_two(rows, size):
    found = padded(RidgeHead(network=WideDeep((4,))), Rows(jnp.ones((rows, 2)), jnp.arange(rows)))
    assert found.y.shape == (size,)
    assert found.weight.tolist() == [1.0] * rows + [0.0] * (size - rows)


@dataclasses.dataclass(frozen=True)
class Own(MAML):
    """A learner that may not know of weights."""


@pytest.mark.parametrize(
    "learner",
    [Own(network=MLP()), MAML(network=ConvNet()), MAML(network=Function(lambda p, X: X @ p, lambda key: jnp.ones(2)))],
)
def test_rows_stay_unpadded_where_weights_may_not_count(learner):
    rows = Rows(jnp.ones((5, 2)), jnp.ones(5))
    assert padded(learner, rows) is rows
