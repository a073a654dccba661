"""Files of meta-learners and adapted models."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from meta_tasks import lines, pairs
from seasoned.errors import InvalidInput
from seasoned.metagrad import (
    MAML,
    MLP,
    AdamW,
    AdaptedModel,
    Function,
    PrototypicalNetworks,
    RidgeHead,
    Sinusoids,
    Training,
    WideDeep,
    load_learner,
)
from seasoned.metagrad._common.npz_files import flatten, unflatten

QUICK = Training(steps=4, every=2, tasks=2, validation_tasks=2)
RNG = np.random.default_rng(0)
SHORT = Training(steps=4, tasks=4, every=2, validation_tasks=4)


@pytest.fixture(scope="module")
def classes():
    return MAML(network=MLP((4,), 3), training=SHORT).fit(pairs([0, 1, 2, 0]), progress=False)


@pytest.mark.slow
def test_linear_head_without_hidden_layers_survives_its_file(tmp_path):
    fitted = RidgeHead(network=WideDeep(hidden=()), training=QUICK).fit(lines(), progress=False)
    X = RNG.normal(size=(5, 2))
    model = fitted.adapt(X, X[:, 0])
    model.save(tmp_path / "linear.npz")
    np.testing.assert_array_equal(AdaptedModel.load(tmp_path / "linear.npz").predict(X), model.predict(X))


def haiku_like(names):
    def init(key):
        return {names: {"w": 0.1 * jax.random.normal(key, (2, 1)), "b": jnp.zeros(1)}}

    def apply(params, X):
        return X @ params[names]["w"] + params[names]["b"]

    return Function(apply, init)


def test_parameter_names_with_slashes_survive_their_file(tmp_path):
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


def test_adapted_model_is_loaded_with_its_own_network(tmp_path):
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


def test_text_labels_of_pandas_survive_their_file(classes, tmp_path):
    X = RNG.normal(size=(4, 3))
    model = classes.adapt(X, pd.Series(["cat", "dog", "cat", "dog"]))
    model.save(tmp_path / "m.npz")
    assert AdaptedModel.load(tmp_path / "m.npz").predict(X).tolist() == model.predict(X).tolist()


@dataclass(frozen=True, kw_only=True)
class Own(MAML):
    """A learner of one's own."""


@pytest.mark.slow
def test_own_learner_class_is_loaded_where_it_is_given(tmp_path):
    fitted = Own(training=dataclasses.replace(SHORT, steps=np.int64(4))).fit(Sinusoids(), progress=False)
    fitted.save(tmp_path / "m.npz")
    with pytest.raises(InvalidInput, match=r"kinds=\[Own\]"):
        load_learner(tmp_path / "m.npz")
    again = load_learner(tmp_path / "m.npz", kinds=[Own])
    X, y = np.zeros((2, 1)), np.array([0.5, 1.0])
    np.testing.assert_array_equal(again.adapt(X, y).predict(X), fitted.adapt(X, y).predict(X))


def test_setting_that_a_file_cannot_contain_is_named(tmp_path):
    fitted = MAML(inner_lr=0.01, training=SHORT).fit(Sinusoids(), progress=False)
    model = fitted.adapt(np.zeros((2, 1)), np.zeros(2), steps=np.int64(2))
    model.save(tmp_path / "m.npz")
    assert AdaptedModel.load(tmp_path / "m.npz").steps == 2
    with pytest.raises(InvalidInput, match="a setting is"):
        dataclasses.replace(model, rate_scale=object()).save(tmp_path / "n.npz")


def test_learner_file_keeps_the_outer_optimizer(tmp_path):
    from seasoned.metagrad import Sinusoids, load_learner

    training = Training(steps=2, tasks=2, optimizer=AdamW(0.2), every=1, validation_tasks=2)
    learner = MAML(network=MLP((4,)), training=training).fit(Sinusoids(), progress=False)
    learner.save(tmp_path / "learner.npz")
    assert load_learner(tmp_path / "learner.npz").training == dataclasses.replace(training)
