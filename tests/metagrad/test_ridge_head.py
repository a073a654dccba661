"""The ridge head: exact where it claims to be, the same in numpy and JAX, and tuned for its own good."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.metagrad import MLP, GroupedRows, Offset, RidgeHead, Rows, Sinusoids, Training, WideDeep, adapt_groups
from seasoned.metagrad.learners.head_step import head_step
from seasoned.metagrad.learners.shrinkage import HeadAdapter, draw_episodes
from seasoned.metagrad.training import loop as stack

TRAINING = Training(steps=200, tasks=8, lr=1e-2, every=100, validation_tasks=32)


@pytest.mark.parametrize("rows", [3, 12])  # fewer and more rows than features: both forms of the solve
def test_one_step_is_the_weighted_ridge_solution(rows):
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(rows, 5)), rng.normal(size=(rows, 1))
    weight, variance = rng.random(rows), rng.random(5) + 0.1
    centre = rng.normal(size=(5, 1))
    offsets = np.zeros((rows, 1))
    head = head_step(np, "squared_error", (features, offsets, targets, weight), centre, (centre, variance))
    hessian = 2 * features.T @ (weight[:, None] * features) + np.diag(1 / variance)
    right = 2 * features.T @ (weight[:, None] * targets) + centre / variance[:, None]
    np.testing.assert_allclose(head, np.linalg.solve(hessian, right), rtol=1e-9)


def test_steps_for_classes_never_go_up_and_end_at_the_optimum():
    rng = np.random.default_rng(1)
    features, offsets = rng.normal(size=(20, 4)), rng.normal(size=(20, 3))
    targets, variance = np.eye(3)[rng.integers(3, size=20)], np.full(4, 0.5)
    centre = np.zeros((4, 3))

    def objective(head):
        outputs = offsets + features @ head
        logs = outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))
        return -(logs * targets).sum() + 0.5 * ((head - centre) ** 2 / variance[:, None]).sum()

    head, losses = centre, []
    for _ in range(200):
        losses.append(objective(head))
        head = head_step(np, "cross_entropy", (features, offsets, targets, np.ones(20)), head, (centre, variance))
    assert (np.diff(losses) <= 1e-12).all()
    for place in np.ndindex(head.shape):
        for step in (-1e-3, 1e-3):
            moved = head.copy()
            moved[place] += step
            assert objective(moved) >= objective(head)


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


def test_numpy_adapts_as_jax_does(fitted):
    learner, X, y, _ = fitted
    params, steps, scale = adapter_of(learner).adapt(X[:7], y[:7], tune=True)  # nothing judged yet: the trained setting
    assert (steps, scale) == (learner.inner_steps, 1.0)
    np.testing.assert_allclose(params["head"], learner.adapt(X[:7], y[:7]).params["head"], atol=1e-4)


def test_groups_together_are_as_one_by_one(fitted):
    learner, X, y, codes = fitted
    groups = [np.flatnonzero(codes == 0), np.flatnonzero(codes == 1)[:5]]
    together = adapt_groups(learner, X, y, groups)
    for place, rows in enumerate(groups):
        alone = learner.adapt(X[rows], y[rows]).params["head"]
        np.testing.assert_allclose(together["head"][place], alone, atol=1e-4)


def test_settings_learn_from_validation_tasks(fitted):
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


def test_log_losses_count_as_they_are_and_squared_errors_against_the_tasks_own(fitted):
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
def test_the_prior_is_learned():
    """Only intercepts differ between the groups: their variance must come out above that of the slopes."""
    X, y, codes = grouped(labels=False)
    network = WideDeep(())
    learner = RidgeHead(network=network, training=Training(steps=600, tasks=8, lr=2e-2, every=200, validation_tasks=64))
    learner = learner.fit(GroupedRows.of(X, y, codes, shots=6, queries=6, least=1))
    variance = np.asarray(learner.variances(learner.theta))
    assert variance[0] > 2 * variance[1:].max()
    assert abs(float(learner.theta["params"]["head"][1, 0]) - 1) < 0.2, "the slope that all share is in the mean"


@pytest.mark.slow
def test_number_of_shots_varies():
    X, y, codes = grouped(labels=False)
    family = GroupedRows.of(X, y, codes, shots=6, queries=5, least=2)
    keys = jax.random.split(jax.random.key(0), 200)
    counts = np.asarray(jax.vmap(lambda key: jnp.sum(family.sample(key).support.weight))(keys))
    assert set(counts.tolist()) == {2.0, 3.0, 4.0, 5.0, 6.0}


def test_networks_and_losses_that_have_no_solution():
    X, y, codes = grouped(labels=False)
    family = GroupedRows.of(X, y, codes)
    with pytest.raises(InvalidInput, match="use WideDeep"):
        RidgeHead(network=MLP()).fit(family)
    with pytest.raises(InvalidInput, match="squared_error"):
        RidgeHead(loss="accuracy").fit(family)
    with pytest.raises(InvalidInput, match="inner_steps is 0"):
        RidgeHead(inner_steps=0)


def test_the_networks_in_numpy_and_jax():
    X = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    for network in (WideDeep((4, 3), 2), WideDeep((), 2), Offset(WideDeep((4,), 2), 2)):
        params = network.init(jax.random.key(0), (5,))
        params["head"] = params["head"] + 0.5
        plain = jax.tree.map(np.asarray, params)
        np.testing.assert_allclose(network.forward(plain, X), network.apply(params, X), atol=1e-5)
        assert network.head(params)["head"] is True
    with pytest.raises(InvalidInput, match="more than 2"):
        Offset(WideDeep(), 2).init(jax.random.key(0), (2,))
    assert Rows(X, X).weight is None


@pytest.mark.slow
def test_training_compiles_once():
    program = RidgeHead(network=WideDeep((3,)), training=Training(steps=4, every=2, tasks=2, validation_tasks=2))
    before = stack._advance._cache_size(), stack._validated._cache_size()
    fitted = program.fit(Sinusoids(), stop_at=2, progress=False).fit(Sinusoids(), resume=True, progress=False)
    assert len(fitted.fitted.history) == 2
    assert (stack._advance._cache_size(), stack._validated._cache_size()) == (before[0] + 1, before[1] + 1)
