"""What a reading of the learners by fresh eyes found: subclasses, weights, shapes, files, steps that are no numbers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from meta_tasks import lines
from seasoned.errors import InvalidInput
from seasoned.metagrad import (
    MAML,
    MLP,
    AdaptedModel,
    BilevelProblem,
    Function,
    GroupedRows,
    LearnedOptimizer,
    PrototypicalNetworks,
    Quadratics,
    RidgeHead,
    Rows,
    Sinusoids,
    Task,
    Training,
    WideDeep,
    adapt_groups,
    guarded,
    minimize_outer,
)
from seasoned.metagrad._common.npz_files import flatten, unflatten
from seasoned.metagrad.bilevel.joint_training import JointTraining
from seasoned.metagrad.learners.shape_checks import _coded

QUICK = Training(steps=4, every=2, tasks=2, validation_tasks=2)
SMALL = MLP((4,), outputs=1)
RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Halved(MAML):
    """Half of each step, in training as in use."""

    def advance(self, theta, carry, rows, number, scale):
        return MAML.advance(self, theta, carry, rows, number, 0.5 * scale)


@dataclass(frozen=True)
class Doubled(MLP):
    """Twice the outputs."""

    def apply(self, params, inputs):
        return 2.0 * MLP.apply(self, params, inputs)


@pytest.mark.slow
def test_a_subclass_is_trained_with_what_it_defines():
    tasks = lines()
    for own, plain in (
        (Halved(inner_lr=0.1, network=SMALL, training=QUICK), MAML(inner_lr=0.05, network=SMALL, training=QUICK)),
        (MAML(network=Doubled((4,), outputs=1), training=QUICK), None),
    ):
        fitted = own.fit(tasks, progress=False)
        theta = fitted.fitted.state.theta
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[_task(pair) for pair in tasks])
        fast = fitted._program.meta_gradient(theta, stacked, 0.0)[1]
        slow = super(MAML, fitted._program).meta_gradient(theta, stacked, 0.0)[1]
        for one, other in zip(jax.tree.leaves(fast), jax.tree.leaves(slow), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
        if plain is not None:
            same = plain.fit(tasks, progress=False).fitted.state.theta
            for one, other in zip(jax.tree.leaves(theta), jax.tree.leaves(same), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def _task(pair):
    return Task(*(Rows(*(jnp.asarray(part, jnp.float32) for part in half)) for half in pair))


def test_weights_of_given_tasks_count():
    tasks = lines()
    spoilt = [
        ((np.vstack([X, X]), np.append(y, y + 100), np.append(np.ones(len(y)), np.zeros(len(y)))), query)
        for (X, y), query in tasks
    ]
    learner = MAML(network=SMALL, training=QUICK)
    clean, weighted = (learner.fit(given, progress=False).fitted.state.theta for given in (tasks, spoilt))
    for one, other in zip(jax.tree.leaves(clean), jax.tree.leaves(weighted), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    (X, y), query = tasks[0]
    for weight in (np.ones(3), -np.ones(len(y)), np.full(len(y), np.nan)):
        with pytest.raises(InvalidInput, match="give one a row, none below 0 or missing"):
            learner.fit([((X, y, weight), query)], progress=False)


def test_whole_numbers_that_no_label_can_be_are_refused():
    X = RNG.normal(size=(8, 2))
    large = np.full(8, 3_000_000_000)
    with pytest.raises(InvalidInput, match="has the label 3000000000"):
        MAML(loss="squared_error", training=QUICK).fit([((X, large), (X, large))], progress=False)
    prices = np.arange(8) * 50_000
    with pytest.raises(InvalidInput, match="whole numbers up to 350000 as targets, and each would be a class"):
        MAML(training=QUICK).fit([((X, prices), (X, prices))] * 6, progress=False)


@pytest.mark.parametrize(
    "learner", [MAML(training=QUICK), RidgeHead(training=QUICK), PrototypicalNetworks(training=QUICK)]
)
def test_labels_in_columns_are_refused_with_the_way_out(learner):
    tasks = [((X, y[:, None]), (Xq, yq[:, None])) for (X, y), (Xq, yq) in lines(kind=int)]
    with pytest.raises(InvalidInput, match=r"classes are whole numbers, one a row: y.ravel\(\)"):
        learner.fit(tasks, progress=False)


@pytest.mark.parametrize("kind", [MAML, RidgeHead, PrototypicalNetworks])
@pytest.mark.slow
def test_truth_values_of_a_function_are_classes(kind):
    def sample(key):
        X = jax.random.normal(key, (8, 2))
        return Task(Rows(X, X[:, 0] > 0), Rows(X, X[:, 0] > 0))

    fitted = kind(training=QUICK).fit(sample, progress=False)
    assert fitted.loss == "cross_entropy"
    assert fitted.fitted.outputs == 2


def test_tasks_of_another_shape_are_refused_before_hours_are_spent():
    learner = MAML(network=SMALL, training=QUICK)
    with pytest.raises(InvalidInput, match=r"the validation tasks have inputs of shape \(3,\), and the others have"):
        learner.fit(lines(), validation=lines(width=3), progress=False)
    fitted = learner.fit(lines(), progress=False)
    with pytest.raises(InvalidInput, match=r"the test tasks have inputs of shape \(3,\)"):
        fitted.evaluate(lines(width=3))
    two = [((X, np.column_stack([y, y])), (Xq, np.column_stack([yq, yq]))) for (X, y), (Xq, yq) in lines()]
    with pytest.raises(InvalidInput, match="targets of 2 numbers, and the network gives 1"):
        learner.fit(two, progress=False)
    classifier = MAML(training=QUICK).fit(lines(kind=int), progress=False)
    with pytest.raises(InvalidInput, match="the test tasks have targets that are floats, and classes are whole"):
        classifier.evaluate(lines())


@dataclass(frozen=True)
class Likely(MAML):
    """Mean and log-variance of one number a row."""

    def row_loss(self, params, rows, loss=None):
        mean, log = self.predictor.apply(params, rows.X).T
        return jnp.mean(log + (rows.y - mean) ** 2 / jnp.exp(log))


@pytest.mark.slow
def test_a_loss_of_ones_own_says_what_outputs_mean():
    fitted = Likely(network=MLP((4,), outputs=2), training=QUICK).fit(lines(), progress=False)
    assert np.isfinite(fitted.fitted.history[-1].loss)

    def init(key):
        return {"w": 0.1 * jax.random.normal(key, (2, 1))}

    @dataclass(frozen=True)
    class Pair(MAML):
        def row_loss(self, params, rows, loss=None):
            mean, spread = self.predictor.apply(params, rows.X)
            return jnp.mean((mean - rows.y) ** 2 + spread)

    pair = Function(lambda params, X: ((X @ params["w"])[:, 0], jnp.ones(len(X))), init)
    assert Pair(network=pair, training=QUICK).fit(lines(), progress=False).fitted.outputs == 1


@pytest.mark.slow
def test_problems_are_no_tasks_of_rows():
    learner = LearnedOptimizer(network=MLP((4,)), training=QUICK).fit(Sinusoids(), progress=False)
    assert learner.evaluate(Quadratics(3), steps=[2], count=2)[2].shape == (2,)


@pytest.mark.slow
def test_very_many_classes_that_a_learner_is_told_of():
    X = RNG.normal(size=(8, 2))
    codes = np.arange(8) * 1_700
    tasks = [((X, codes), (X, codes))] * 6
    assert MAML(loss="cross_entropy", training=QUICK).fit(tasks, progress=False).fitted.outputs == 11_901


@pytest.mark.slow
def test_steps_that_are_no_numbers_at_the_end_leave_the_best_whoever_resumes():
    def sample(key):
        X = jax.random.normal(key, (4, 1))
        return Task(Rows(X, X[:, 0]), Rows(X, X[:, 0]))

    def never(key):
        X = jnp.full((4, 1), jnp.inf)
        return Task(Rows(X, X[:, 0]), Rows(X, X[:, 0]))

    fitted = MAML(network=SMALL, training=QUICK).fit(sample, stop_at=2, progress=False)
    again = fitted.fit(never, validation=sample, resume=True, progress=False)
    assert len(again.fitted.history) == 2
    assert np.isnan(again.fitted.history[-1].loss)


@pytest.mark.slow
def test_a_linear_head_without_hidden_layers_is_saved(tmp_path):
    fitted = RidgeHead(network=WideDeep(hidden=()), training=QUICK).fit(lines(), progress=False)
    X = RNG.normal(size=(5, 2))
    model = fitted.adapt(X, X[:, 0])
    model.save(tmp_path / "linear.npz")
    np.testing.assert_array_equal(AdaptedModel.load(tmp_path / "linear.npz").predict(X), model.predict(X))


@pytest.mark.slow
def test_a_resumed_learner_refuses_classes_that_it_has_no_output_for():
    few, many = lines(kind=int), lines(kind=int)
    many = [((X, 2 * y), (Xq, 2 * yq)) for (X, y), (Xq, yq) in many]
    fitted = MAML(training=QUICK).fit(few, stop_at=2, progress=False)
    with pytest.raises(InvalidInput, match="the tasks have labels up to 2, and the learner predicts 2 classes"):
        fitted.fit(many, resume=True, progress=False)
    wide = MAML(training=QUICK).fit(many, stop_at=2, progress=False)
    assert wide.fit(few, resume=True, progress=False).fitted.outputs == 3, "it still knows what it has learned"


def test_steps_that_are_no_numbers_change_nothing_and_are_told_of(caplog):
    def sample(key):
        X = jax.random.normal(key, (4, 1))
        y = X[:, 0] * jnp.where(jax.random.bernoulli(key, 0.5), 1.0, jnp.inf)
        return Task(Rows(X, y), Rows(X, y))

    training = Training(steps=40, every=40, tasks=1, validation_tasks=0, lr=0.1)
    with caplog.at_level(logging.WARNING, "seasoned.metagrad"):
        MAML(network=SMALL, training=training).fit(sample, progress=False)
    assert "of the last 40 meta-steps had a loss or a gradient that was not finite, and changed nothing" in caplog.text

    def never(key):
        X = jax.random.normal(key, (4, 1))
        y = X[:, 0] * jnp.where(jax.random.bernoulli(key, 0.999), jnp.inf, 1.0)
        return Task(Rows(X, y), Rows(X, y))

    first = MAML(network=SMALL, training=training)
    start = first.resolved(1, labels=False).initial(jax.random.key(1), (1,))
    with pytest.raises(InvalidInput, match="never saw a finite loss"):
        first.fit(never, progress=False)
    kept = []
    with pytest.raises(InvalidInput):
        first.fit(never, progress=False, on_validation=lambda learner: kept.append(learner.fitted.state.theta))
    for one, other in zip(jax.tree.leaves(start), jax.tree.leaves(kept[0]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_update_outside_of_a_compiled_function_compiles_once():
    counted = []

    def init(params):
        return ()

    def update(updates, state, params=None):
        counted.append(1)
        return jax.tree.map(lambda g: -0.1 * g, updates), state

    optimizer = guarded(optax.GradientTransformation(init, update), optax.sgd(0.1))
    w = jnp.ones(3)
    state = optimizer.init(w)
    for _ in range(10):
        updates, state = optimizer.update(2 * w, state, w, value=jnp.sum(w**2))
        w = optax.apply_updates(w, updates)
    assert len(counted) <= 2
    own = np.ones(3, np.float32)
    state = optimizer.init(own)
    own[:] = 7.0
    np.testing.assert_array_equal(state.best, np.ones(3))


# ------------------------------------------------------------------------------------------------ parameters and files


def haiku_like(names):
    def init(key):
        return {names: {"w": 0.1 * jax.random.normal(key, (2, 1)), "b": jnp.zeros(1)}}

    def apply(params, X):
        return X @ params[names]["w"] + params[names]["b"]

    return Function(apply, init)


def test_names_with_slashes_are_names(tmp_path):
    network = haiku_like("mlp/~/linear_0")
    model = (
        MAML(network=network, training=QUICK).fit(lines(), progress=False).adapt(RNG.normal(size=(5, 2)), np.ones(5))
    )
    X = RNG.normal(size=(3, 2))
    model.save(tmp_path / "model.npz")
    read = AdaptedModel.load(tmp_path / "model.npz", network=network)
    np.testing.assert_array_equal(read.predict(X), model.predict(X))
    tree = {"a/b": {"~": np.ones(1), "~1": np.zeros(2)}, "c": [np.ones(1), {"d": np.ones(2)}]}
    assert jax.tree.structure(unflatten(flatten(tree))) == jax.tree.structure(tree)


@pytest.mark.parametrize("params", [[(np.ones(1),), ()], {0: np.ones(1)}, {"a": None}, {}, {"a": "text"}])
def test_parameters_that_a_file_would_change_are_not_saved(tmp_path, params):
    model = AdaptedModel(haiku_like("linear"), params, (2,))
    with pytest.raises(InvalidInput, match="a file keeps dictionaries with names, lists, tuples and arrays"):
        model.save(tmp_path / "model.npz")
    assert not list(tmp_path.iterdir())


def test_a_model_is_loaded_with_the_network_that_it_has(tmp_path):
    def init(key):
        return {"w": 0.1 * jax.random.normal(key, (2, 8))}

    network = Function(lambda params, X: X @ params["w"], init, outputs=8)
    fitted = PrototypicalNetworks(network=network, training=QUICK).fit(lines(kind=int), progress=False)
    X = RNG.normal(size=(6, 2))
    model = fitted.adapt(X, np.array([0, 1, 0, 1, 0, 1]))
    model.save(tmp_path / "model.npz")
    for given in (network, model.network):
        read = AdaptedModel.load(tmp_path / "model.npz", network=given)
        np.testing.assert_allclose(read.predict_proba(X), model.predict_proba(X), rtol=1e-6)


# ------------------------------------------------------------------------------------------------ what is given


@pytest.mark.slow
def test_groups_of_rows_that_are_not_there_are_refused():
    X, y = RNG.normal(size=(30, 2)).astype(np.float32), RNG.normal(size=30).astype(np.float32)
    learner = MAML(network=SMALL, training=QUICK).fit(GroupedRows.of(X, y, np.arange(30) % 3), progress=False)
    masks = [np.arange(30) % 3 == group for group in range(3)]
    by_mask, by_number = (adapt_groups(learner, X, y, groups) for groups in (masks, list(map(np.flatnonzero, masks))))
    for one, other in zip(jax.tree.leaves(by_mask), jax.tree.leaves(by_number), strict=True):
        np.testing.assert_array_equal(one, other)
    for groups, given, sentence in (
        ([np.array([0, 30])], (X, y), "a group has the rows"),
        ([np.array([-1, 2])], (X, y), "a group has the rows"),
        ([np.arange(3)], (np.where(X[0, 0] == X, np.nan, X), y), "missing or infinite inputs"),
        ([np.arange(3)], (X, np.array(["a"] * 30)), "which is text"),
        ([np.arange(3)], (X[:, :1], y), "the learner takes rows of"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            adapt_groups(learner, *given, groups)


def test_joint_training_refuses_what_would_spoil_all():
    X, y = RNG.normal(size=(40, 3)).astype(np.float32), RNG.integers(0, 2, 40)
    training = JointTraining(MLP((4,), outputs=2), "cross_entropy", rounds=10)
    groups = np.zeros(40, int)
    with pytest.raises(InvalidInput, match="missing or infinite inputs"):
        training.fit(np.where(X[0, 0] == X, np.nan, X), y, groups)
    with pytest.raises(InvalidInput, match="y has the labels 0 to 2, and the network predicts 2 classes"):
        training.fit(X, np.where(np.arange(40) == 3, 2, y), groups)


def test_a_descent_that_diverges_is_no_result():
    problem = BilevelProblem(
        lambda w, p: jnp.exp(p) * w**4, lambda w, p: (w - 1.0) ** 2, init=lambda p: 10.0 + 0 * p, inner_lr=10.0
    )
    with pytest.raises(InvalidInput, match="none of the 6 outer losses is finite"):
        minimize_outer(problem, jnp.asarray(1.0), steps=5)


def test_one_large_group_among_very_many_takes_no_table_of_all_its_rows():
    groups = np.concatenate([np.zeros(60_000, int), np.repeat(np.arange(1, 20_001), 3)])
    X = np.arange(len(groups), dtype=np.float32)[:, None]
    family = GroupedRows.of(X, X[:, 0], groups)
    assert family.table.shape == (20_001, 2_000)
    rows = np.asarray(family.table[0])
    assert len(np.unique(rows)) == 2_000
    assert rows.max() < 60_000
    small = np.asarray(family.table[7])[: int(family.counts[7])]
    np.testing.assert_array_equal(small, np.flatnonzero(groups == 7))


def test_labels_of_a_small_type_are_codes_of_many_outputs():
    fitted = SimpleNamespace(outputs=300, episodic=False)
    for labels in (np.array([250, 3], np.uint8), np.array([100, 3], np.int8), np.array([250.0, 3.0], np.float16)):
        codes, classes = _coded(labels, fitted)
        assert codes.tolist() == labels.tolist()
        assert classes.tolist() == list(range(300))
