"""Joint training of shared weights and groups: rounds, divergence and refused inputs."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.metagrad import MLP, JointTraining

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("rounds", [3, 10, 13])
def test_joint_training_takes_the_requested_rounds(rounds):
    X = RNG.normal(size=(60, 3))
    found = JointTraining(MLP((4,)), "squared_error", rounds=rounds).fit(X, X[:, 0], np.zeros(60, int))
    assert len(found.losses) == rounds
    assert 1 <= found.rounds <= rounds
    assert np.isfinite(found.losses).all()


def test_diverging_joint_training_is_an_error():
    X = np.random.default_rng(0).normal(size=(60, 2))
    with pytest.raises(InvalidInput, match="diverged"), np.errstate(all="ignore"):
        JointTraining(MLP((4,)), "squared_error", rounds=10).fit(1e25 * X, X[:, 0], np.zeros(60, int))


def test_joint_training_refuses_missing_inputs_and_unknown_labels():
    X, y = RNG.normal(size=(40, 3)).astype(np.float32), RNG.integers(0, 2, 40)
    training = JointTraining(MLP((4,), outputs=2), "cross_entropy", rounds=10)
    groups = np.zeros(40, int)
    with pytest.raises(InvalidInput, match="missing or infinite inputs"):
        training.fit(np.where(X[0, 0] == X, np.nan, X), y, groups)
    with pytest.raises(InvalidInput, match="y has the labels 0 to 2, and the network predicts 2 classes"):
        training.fit(X, np.where(np.arange(40) == 3, 2, y), groups)


@pytest.mark.parametrize("wrong", [{"decay": 0.0}, {"spread": 0.0}])
def test_joint_training_refuses_penalties_of_zero(wrong):
    training = JointTraining(MLP((4,), outputs=1), "squared_error", rounds=10)
    with pytest.raises(InvalidInput, match="give both above 0"):
        training.fit(RNG.normal(size=(40, 3)), RNG.normal(size=40), np.zeros(40, int), **wrong)
