"""The learned acquisition: log-EI where it has learned nothing, whole searches, and the proof before it is used."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasoned.errors import InvalidInput
from seasoned.knowledge.acquisition_training import prior_samples, searched, train_acquisition
from seasoned.knowledge.proving import Proof
from seasoned.surrogates.acquisition import log_expected_improvement
from seasoned.surrogates.learned_acquisition import Correction, Progress, learned_acquisition

NOTHING = Correction.of_vector(np.zeros(24))


@given(st.floats(-5, 5), st.floats(0.01, 2.0), st.floats(-5, 5))
def test_without_weights_it_is_log_ei(mean, std, best):
    means, stds = np.array([mean]), np.array([std])
    got = learned_acquisition(NOTHING, means, stds, best, 1.0, Progress(3, 20))
    inside = abs(best - mean) / std < 12.0
    if inside:
        assert got == pytest.approx(log_expected_improvement(means, stds, best).value, rel=1e-9, abs=1e-9)


def test_weights_go_into_a_row_and_back():
    vector = np.random.default_rng(0).normal(size=18)
    assert Correction.of_vector(vector).vector() == pytest.approx(vector)


@pytest.mark.parametrize("vector", [np.zeros(5), np.zeros(0), np.full(6, np.nan)])
def test_weights_that_are_none_are_refused(vector):
    with pytest.raises(InvalidInput, match="finite"):
        Correction.of_vector(vector)


def test_a_weight_on_width_prefers_wide_candidates():
    vector = np.zeros(6)
    vector[1], vector[5] = 1.0, 10.0
    mean, std = np.array([0.0, 0.3]), np.array([0.2, 0.6])
    plain = learned_acquisition(NOTHING, mean, std, -0.5, 1.0, Progress(3, 20))
    wide = learned_acquisition(Correction.of_vector(vector), mean, std, -0.5, 1.0, Progress(3, 20))
    assert (wide - plain)[1] > (wide - plain)[0]


def test_a_search_conditions_exactly():
    problems = prior_samples(3, points=12, seed=4)
    curves = searched(problems, NOTHING, 12)
    assert curves[:, -1] == pytest.approx(np.zeros(3))  # all points tried
    assert curves[:, 0] == pytest.approx(problems.values[np.arange(3), problems.first[:, 0]] - problems.values.min(1))


def test_log_ei_beats_chance():
    problems = prior_samples(60, points=60, seed=1)
    rng = np.random.default_rng(0)
    chance = [row[rng.permutation(60)[:12]].min() - row.min() for row in problems.values]
    assert searched(problems, NOTHING, 12)[:, -1].mean() < 0.5 * np.mean(chance)


def test_training_never_ends_worse_than_log_ei_on_its_own_problems():
    settings = {"problems": 8, "points": 24, "trials": 8, "seed": 3}
    trained = train_acquisition(rounds=12, **settings)
    problems = prior_samples(8, points=24, seed=3)
    ours, usual = (searched(problems, one, 8)[:, 4:].mean() for one in (trained, NOTHING))
    assert ours <= usual + 1e-12


def test_trials_must_fit_the_pool():
    with pytest.raises(InvalidInput, match="pool"):
        searched(prior_samples(1, points=5), NOTHING, 6)


def proof_of(gains):
    """A proof whose rounds have these gains, and the model that says so."""
    proof = Proof()
    for place in range(len(gains)):
        proof = proof.named_by(2 * place, 2 * place + 1)
    values = np.zeros(2 * len(gains))
    values[1::2] = -np.array(gains)
    return proof.trusted(lambda rows: values[rows], np.array([-1.0, 1.0]))


@pytest.mark.parametrize(
    ("gains", "trusted"),
    [
        ([], False),
        ([0.5, 0.5, 0.5], False),
        ([0.5, 0.4, 0.5, 0.6], True),
        ([0.5, -0.5, 0.6, -0.5], False),
        ([-0.5, -0.4, -0.5, -0.6], False),
        ([0.0, 0.0, 0.0, 0.0], False),
    ],
)
def test_it_is_used_only_where_it_is_ahead(gains, trusted):
    assert proof_of(gains) is trusted
