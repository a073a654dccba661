"""Search spaces of meta-learners: the default is the learner itself, and every point is a learner."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from seasoned import Choice, Float, Space
from seasoned.errors import InvalidInput
from seasoned.knowledge.tuning.learner_spaces import check_names, configured, space_of
from seasoned.knowledge.tuning.learner_spaces import configured as learner_of
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
def test_default_of_a_learner_space_is_the_learner_itself(name, architecture):
    learner = LEARNERS[name]
    found = configured(learner, space_of(learner, architecture=architecture).default, outputs=3)
    if learner.training.optimizer == "adam":  # the same steps, in a program that is shared with all decays
        learner = dataclasses.replace(learner, training=dataclasses.replace(learner.training, optimizer=AdamW(0.0)))
    assert found == learner


@pytest.mark.parametrize("name", LEARNERS)
def test_default_learner_space_has_few_programs_to_compile(name):
    learner, rng = LEARNERS[name], np.random.default_rng(0)
    space = space_of(learner)
    drawn = [configured(learner, space.decode(point), outputs=3) for point in rng.random((60, len(space)))]
    assert len(set(drawn)) > 30
    assert len({shared(one) for one in drawn}) <= 3


@pytest.mark.parametrize("name", LEARNERS)
def test_every_point_of_a_learner_space_is_a_learner(name):
    learner, rng = LEARNERS[name], np.random.default_rng(0)
    space = space_of(learner, architecture=True)
    check_names(learner, space)
    points = [*rng.random((30, len(space))), *rng.integers(0, 2, (10, len(space))).astype(float)]
    drawn = {configured(learner, space.decode(point), outputs=3) for point in points}
    assert len(drawn) > 20
    assert all(type(one) is type(learner) and one.training.steps == learner.training.steps for one in drawn)


def test_learner_space_has_the_parameters_of_its_learner():
    imaml = {"inner_lr", "inner_steps", "strength", "lr", "decay"}
    assert set(space_of(IMAML()).parameters) == imaml
    assert set(space_of(IMAML(), architecture=True).parameters) == imaml | {"network"}
    own = space_of(LEARNERS["own function"], architecture=True)
    assert set(own.parameters) == {"inner_lr", "inner_steps", "lr", "decay"}
    assert set(space_of(LEARNERS["MLP rule"], architecture=True).parameters) == {"sigma", "lr", "decay", "rule"}
    assert "decay" not in space_of(LEARNERS["SGD"]).parameters


@pytest.mark.parametrize(("own", "steps"), [(1, (1, 3, 9)), (2, (1, 2, 6)), (5, (1, 5, 15)), (32, (10, 32, 96))])
def test_learner_space_has_few_step_counts_around_the_own_count(own, steps):
    assert space_of(MAML(inner_steps=own)).parameters["inner_steps"].choices == steps


def test_network_left_open_gets_the_outputs_of_the_tasks():
    config = {"network": {"3": {"width": 12, "activation": "silu"}}}
    assert configured(MAML(), config, outputs=5).network == MLP((12, 12, 12), 5, "silu")
    assert configured(PrototypicalNetworks(), config, outputs=5).network == MLP((12, 12, 12), 64, "silu")


def test_parameter_names_are_settings_of_the_learner_and_its_training():
    config = {"clip": 1.5, "tasks": 3, "first_order": True, "decay": {"adamw": {"rate": 0.2}}}
    found = configured(MAML(), config, outputs=1)
    assert found == MAML(first_order=True, training=Training(clip=1.5, tasks=3, optimizer=AdamW(0.2)))
    assert configured(found, {"decay": {"none": {}}}, outputs=1).training.optimizer == AdamW(0.0)


def test_learner_space_errors_name_the_wrong_parameter():
    with pytest.raises(InvalidInput, match=r"names penalty, and MAML has .*inner_lr"):
        check_names(MAML(), Space(penalty=Float(0, 1)))
    with pytest.raises(InvalidInput, match="names rule"):
        check_names(MAML(), Space(rule=Choice(a=Space())))
    with pytest.raises(InvalidInput, match="Function has no depth"):
        configured(LEARNERS["own function"], {"network": {"2": {"width": 8}}}, outputs=1)
    with pytest.raises(InvalidInput, match="decay is -1"):
        AdamW(-1)


def test_ridge_head_without_a_network_keeps_its_own_network():
    learner = RidgeHead()
    space = space_of(learner, architecture=True)
    assert "network" not in space.parameters
    found = configured(learner, space.default, outputs=3)
    assert found.resolved(3, labels=True).network.outputs == 3


def test_default_of_a_learner_space_keeps_a_decay_of_zero():
    learner = MAML(training=Training(optimizer=AdamW(0.0)))
    assert learner_of(learner, space_of(learner).default, 1).training.optimizer == AdamW(0.0)
