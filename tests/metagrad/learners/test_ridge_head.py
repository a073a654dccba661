"""Ridge head: adaptation in NumPy and JAX, shrinkage and the learned prior."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.metagrad import MLP, GroupedRows, Offset, RidgeHead, Training, WideDeep, adapt_groups
from seasoned.metagrad.learners.shrinkage import HeadAdapter, draw_episodes

TRAINING = Training(steps=200, tasks=8, lr=1e-2, every=100, validation_tasks=32)


def grouped(labels):
    """Groups with an intercept of their own."""
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(30), 12)
    X = rng.normal(size=(len(codes), 3)).astype(np.float32)
    y = X[:, 0] + rng.normal(size=30)[codes] + 0.3 * rng.normal(size=len(codes))
    return X, (y > 0).astype(np.int32) if labels else y.astype(np.float32), codes


@pytest.fixture(scope="module", params=[False, True], ids=["numbers", "classes"])
def fitted(request):
    X, y, codes = grouped(request.param)
    if request.param:
        X = np.column_stack([np.zeros((len(X), 2), np.float32), X])
    network = Offset(WideDeep((4,), outputs=2), 2) if request.param else WideDeep((4,))
    learner = RidgeHead(inner_steps=3 if request.param else 1, network=network, training=TRAINING)
    return learner.fit(GroupedRows.of(X, y, codes, shots=6, queries=6, least=1)), X, y, codes


def adapter_of(learner):
    params = jax.tree.map(np.asarray, learner.theta["params"])
    variance = np.asarray(learner.variances(learner.theta), np.float64)
    return HeadAdapter(learner.network, params, variance, learner.loss, learner.inner_steps, *[np.zeros(0)] * 3)


def test_ridge_head_adapts_in_numpy_as_in_jax(fitted):
    learner, X, y, _ = fitted
    params, steps, scale = adapter_of(learner).adapt(X[:7], y[:7], tune=True)  # nothing judged yet: the trained setting
    assert (steps, scale) == (learner.inner_steps, 1.0)
    np.testing.assert_allclose(params["head"], learner.adapt(X[:7], y[:7]).params["head"], atol=1e-4)


def test_groups_adapted_together_equal_groups_one_by_one(fitted):
    learner, X, y, codes = fitted
    groups = [np.flatnonzero(codes == 0), np.flatnonzero(codes == 1)[:5]]
    together = adapt_groups(learner, X, y, groups)
    for place, rows in enumerate(groups):
        alone = learner.adapt(X[rows], y[rows]).params["head"]
        np.testing.assert_allclose(together["head"][place], alone, atol=1e-4)


def test_shrinkage_settings_are_learned_from_validation_tasks(fitted):
    learner, X, y, codes = fitted
    rng = np.random.default_rng(0)
    groups = [np.flatnonzero(codes == code) for code in range(30)]
    episodes = [(size, draw_episodes(groups, size, 6, 60, rng)) for size in (3, 6)]
    assert all(drawn.support_weight.sum(axis=1).tolist() == [size] * 60 for size, drawn in episodes)
    judged = adapter_of(learner).judged(X, y, episodes)
    assert judged.losses.shape == (2, 9, judged.most_steps + 1)
    assert (judged.losses[:, :, 0] > judged.losses.min(axis=(1, 2))[:, None]).all(), "to adapt beats not to"
    _, steps, scale = judged.adapt(X[:6], y[:6], tune=True)
    assert 0 <= steps <= judged.most_steps
    assert scale > 0


def test_validation_losses_are_relative_for_squared_errors_alone(fitted):
    """Else tasks of one class, which have next to no loss, would call for more certainty in all others."""
    learner, X, y, codes = fitted
    groups = [np.flatnonzero(codes == code) for code in range(30)]
    drawn = draw_episodes(groups, 6, 6, 40, np.random.default_rng(1))
    adapter = adapter_of(learner)
    judged = adapter.judged(X, y, [(6, drawn)])
    at_trained_setting = judged.losses[0, 4, learner.inner_steps]
    if learner.loss == "squared_error":
        assert at_trained_setting < 1.0  # loss / (loss + floor)
    else:
        plain = []
        for support, query in zip(drawn.support, drawn.query, strict=True):
            probabilities = learner.adapt(X[support], y[support]).predict_proba(X[query])
            plain.append(-np.log(probabilities[np.arange(len(query)), y[query]]).mean())
        assert at_trained_setting == pytest.approx(np.mean(plain), rel=1e-3)


@pytest.mark.slow
def test_ridge_head_learns_its_prior_variances():
    """Only intercepts differ between the groups: their variance must come out above that of the slopes."""
    X, y, codes = grouped(labels=False)
    network = WideDeep(())
    learner = RidgeHead(network=network, training=Training(steps=600, tasks=8, lr=2e-2, every=200, validation_tasks=64))
    learner = learner.fit(GroupedRows.of(X, y, codes, shots=6, queries=6, least=1))
    variance = np.asarray(learner.variances(learner.theta))
    assert variance[0] > 2 * variance[1:].max()
    assert abs(float(learner.theta["params"]["head"][1, 0]) - 1) < 0.2, "the slope that all share is in the mean"


def test_ridge_head_refuses_networks_and_losses_without_a_solution():
    X, y, codes = grouped(labels=False)
    family = GroupedRows.of(X, y, codes)
    with pytest.raises(InvalidInput, match="use WideDeep"):
        RidgeHead(network=MLP()).fit(family)
    with pytest.raises(InvalidInput, match="squared_error"):
        RidgeHead(loss="accuracy").fit(family)
    with pytest.raises(InvalidInput, match="inner_steps is 0"):
        RidgeHead(inner_steps=0)
