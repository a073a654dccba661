"""What is tuned about a meta-learner: the defaults are its own settings, and every point is a learner."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from seasoned import Choice, Float, Space
from seasoned.errors import InvalidInput
from seasoned.knowledge.tuning.learner_spaces import check_names, configured, space_of
from seasoned.metagrad import (
    ANIL,
    IMAML,
    MAML,
    MLP,
    AdamW,
    ConvNet,
    Function,
    LearnedOptimizer,
    LSTMRule,
    MAMLPlusPlus,
    MetaSGD,
    MLPRule,
    PrototypicalNetworks,
    Reptile,
    RidgeHead,
    Training,
)
from seasoned.metagrad.training.learned_rates import shared

LEARNERS = {
    "MAML": MAML(inner_lr=0.05, inner_steps=3, network=MLP((16, 16), activation="tanh")),
    "uneven layers": MAML(network=MLP((32, 8))),
    "a linear network": MAML(network=MLP(())),
    "images": ANIL(network=ConvNet(filters=8, blocks=2)),
    "AdamW": MetaSGD(network=MLP((200,)), training=Training(optimizer=AdamW(0.3))),
    "steps": MAMLPlusPlus(network=MLP((16,) * 6)),
    "SGD": Reptile(inner_lr=2.0, network=MLP((8,)), training=Training(optimizer="sgd", lr=0.1)),
    "strength": IMAML(strength=100.0, network=MLP((8,))),
    "own function": MAML(network=Function(lambda p, X: X @ p, lambda key: np.zeros((2, 1)))),
    "prototypes": PrototypicalNetworks(network=MLP((64,), 32)),
    "LSTM rule": LearnedOptimizer(LSTMRule(7, 1), network=MLP((8,))),
    "MLP rule": LearnedOptimizer(MLPRule(), estimator="pes", network=MLP((8,))),
}


@pytest.mark.parametrize("architecture", [False, True])
@pytest.mark.parametrize("name", LEARNERS)
def test_the_default_is_the_learner_itself(name, architecture):
    learner = LEARNERS[name]
    found = configured(learner, space_of(learner, architecture=architecture).default, outputs=3)
    if learner.training.optimizer == "adam":  # the same steps, in a program that is shared with all decays
        learner = dataclasses.replace(learner, training=dataclasses.replace(learner.training, optimizer=AdamW(0.0)))
    assert found == learner


@pytest.mark.parametrize("name", LEARNERS)
def test_the_default_space_has_few_programs_to_compile(name):
    learner, rng = LEARNERS[name], np.random.default_rng(0)
    space = space_of(learner)
    drawn = [configured(learner, space.decode(point), outputs=3) for point in rng.random((60, len(space)))]
    assert len(set(drawn)) > 30
    assert len({shared(one) for one in drawn}) <= 3


@pytest.mark.parametrize("name", LEARNERS)
def test_every_point_is_a_learner(name):
    learner, rng = LEARNERS[name], np.random.default_rng(0)
    space = space_of(learner, architecture=True)
    check_names(learner, space)
    points = [*rng.random((30, len(space))), *rng.integers(0, 2, (10, len(space))).astype(float)]
    drawn = {configured(learner, space.decode(point), outputs=3) for point in points}
    assert len(drawn) > 20
    assert all(type(one) is type(learner) and one.training.steps == learner.training.steps for one in drawn)


def test_what_each_learner_has_is_tuned():
    imaml = {"inner_lr", "inner_steps", "strength", "lr", "decay"}
    assert set(space_of(IMAML()).parameters) == imaml
    assert set(space_of(IMAML(), architecture=True).parameters) == imaml | {"network"}
    own = space_of(LEARNERS["own function"], architecture=True)
    assert set(own.parameters) == {"inner_lr", "inner_steps", "lr", "decay"}
    assert set(space_of(LEARNERS["MLP rule"], architecture=True).parameters) == {"sigma", "lr", "decay", "rule"}
    assert "decay" not in space_of(LEARNERS["SGD"]).parameters


@pytest.mark.parametrize(("own", "steps"), [(1, (1, 3, 9)), (2, (1, 2, 6)), (5, (1, 5, 15)), (32, (10, 32, 96))])
def test_few_numbers_of_steps_around_the_learner_s_own(own, steps):
    assert space_of(MAML(inner_steps=own)).parameters["inner_steps"].choices == steps


def test_a_network_that_is_left_open_gets_the_outputs_of_the_tasks():
    config = {"network": {"3": {"width": 12, "activation": "silu"}}}
    assert configured(MAML(), config, outputs=5).network == MLP((12, 12, 12), 5, "silu")
    assert configured(PrototypicalNetworks(), config, outputs=5).network == MLP((12, 12, 12), 64, "silu")


def test_own_names_are_settings_of_the_learner_and_its_training():
    config = {"clip": 1.5, "tasks": 3, "first_order": True, "decay": {"adamw": {"rate": 0.2}}}
    found = configured(MAML(), config, outputs=1)
    assert found == MAML(first_order=True, training=Training(clip=1.5, tasks=3, optimizer=AdamW(0.2)))
    assert configured(found, {"decay": {"none": {}}}, outputs=1).training.optimizer == AdamW(0.0)


def test_errors_name_what_is_wrong():
    with pytest.raises(InvalidInput, match=r"names penalty, and MAML has .*inner_lr"):
        check_names(MAML(), Space(penalty=Float(0, 1)))
    with pytest.raises(InvalidInput, match="names rule"):
        check_names(MAML(), Space(rule=Choice(a=Space())))
    with pytest.raises(InvalidInput, match="Function has no depth"):
        configured(LEARNERS["own function"], {"network": {"2": {"width": 8}}}, outputs=1)
    with pytest.raises(InvalidInput, match="decay is -1"):
        AdamW(-1)


def test_weight_decay_shrinks_the_meta_parameters():
    import jax

    from seasoned.metagrad import Sinusoids

    def size(optimizer):
        training = Training(steps=60, tasks=4, lr=0.01, optimizer=optimizer, every=30, validation_tasks=0)
        theta = MAML(network=MLP((8,)), training=training).fit(Sinusoids(), progress=False).theta
        return sum(float((leaf**2).sum()) for leaf in jax.tree.leaves(theta))

    assert size(AdamW(3.0)) < 0.5 * size("adam")


def test_no_decay_makes_the_steps_of_adam():
    import jax

    from seasoned.metagrad import Sinusoids

    training = Training(steps=6, tasks=2, lr=0.01, every=3, validation_tasks=0, schedule="cosine", clip=1.0)
    plain, decayed = (
        MAML(network=MLP((4,)), training=dataclasses.replace(training, optimizer=optimizer)).fit(
            Sinusoids(), progress=False
        )
        for optimizer in ("adam", AdamW(0.0))
    )
    assert all(map(np.array_equal, jax.tree.leaves(plain.theta), jax.tree.leaves(decayed.theta)))


def test_a_file_keeps_the_outer_optimiser(tmp_path):
    from seasoned.metagrad import Sinusoids, load_learner

    training = Training(steps=2, tasks=2, optimizer=AdamW(0.2), every=1, validation_tasks=2)
    learner = MAML(network=MLP((4,)), training=training).fit(Sinusoids(), progress=False)
    learner.save(tmp_path / "learner.npz")
    assert load_learner(tmp_path / "learner.npz").training == dataclasses.replace(training)


def test_a_ridge_head_without_a_network_keeps_its_own():
    learner = RidgeHead()
    space = space_of(learner, architecture=True)
    assert "network" not in space.parameters
    found = configured(learner, space.default, outputs=3)
    assert found.resolved(3, labels=True).network.outputs == 3
