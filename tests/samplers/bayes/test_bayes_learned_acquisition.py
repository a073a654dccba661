"""Learned acquisition in a search: log-EI decides until the learned acquisition is trusted."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.samplers import Bayes
from seasoned.samplers.bayes.learned_acquisition import AcquisitionTrial
from seasoned.space import Float, Space
from seasoned.surrogates.acquisition.learned import Correction
from seasoned.trials import Finished, StudySpec, Suggested, TrialState

SPACE = Space(x=Float(0, 1), y=Float(0, 1))


def proof_of(gains):
    """A proof whose rounds have these gains, by the model that says so."""
    proof = AcquisitionTrial(tuple(((2.0 * place,), (2.0 * place + 1,)) for place in range(len(gains))))
    values = np.zeros(2 * len(gains))
    values[1::2] = -np.array(gains)
    return proof.trusted(lambda points: values[points[:, 0].astype(int)], 1.0)


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
def test_a_learned_acquisition_is_trusted_only_with_clear_gains(gains, trusted):
    assert proof_of(gains) is trusted


@pytest.mark.parametrize("settings", [{"least": 1}, {"margin": -1.0}])
def test_an_acquisition_trial_refuses_wrong_settings(settings):
    with pytest.raises(InvalidInput, match="give least >= 2 and margin >= 0"):
        AcquisitionTrial(**settings)


def test_rounds_of_an_acquisition_trial_are_read_from_tags():
    notes = [AcquisitionTrial.note(np.array(pair[0]), np.array(pair[1])) for pair in (([0.1], [0.2]), ([0.3], [0.3]))]
    assert AcquisitionTrial.of([{"step": "global", **note} for note in notes]).named == (((0.1,), (0.2,)),)


def corrected():
    """A correction that wants safe candidates, whatever they may gain."""
    vector = np.zeros(6)
    vector[1], vector[5] = -2.0, 40.0
    return Correction.of_vector(vector)


def searched(correction, trials, budget):
    """Configurations and tags of a search with global steps only."""
    sampler = Bayes(correction=correction, explore=1)
    state = sampler.init(StudySpec(SPACE, seed=4, budget=budget))
    found = []
    for number in range(trials):
        (given,), state = sampler.ask(state, [number])
        x, y = given.config["x"], given.config["y"]
        ended = Finished(number, TrialState.COMPLETE, (float(np.sin(9 * x) + (y - 0.4) ** 2),), 0.1)
        state = sampler.tell(state, [Suggested(number, given.config, given.tag), ended])
        found.append((given.config, given.tag or {}))
    return found


def configs(found):
    return [config for config, _ in found]


def test_log_ei_decides_in_a_study_without_a_budget():
    found = searched(corrected(), 12, None)
    assert configs(found) == configs(searched(None, 12, None))
    assert not any("named" in tag for _, tag in found)


def test_log_ei_decides_until_the_learned_acquisition_is_trusted(monkeypatch):
    monkeypatch.setattr(AcquisitionTrial, "trusted", lambda *_: False)
    found = searched(corrected(), 12, 12)
    assert any("named" in tag for _, tag in found)
    assert configs(found) == configs(searched(None, 12, 12))


def test_the_learned_acquisition_decides_once_it_is_trusted(monkeypatch):
    monkeypatch.setattr(AcquisitionTrial, "trusted", lambda proof, *_: len(proof.named) >= 3)
    led = [(config, tag) for config, tag in searched(corrected(), 14, 20) if tag.get("by") == "learned"]
    assert led
    for config, tag in led:
        assert SPACE.encode(config).unit == pytest.approx(tag["named"][1], abs=1e-5)


def test_a_correction_of_zero_changes_no_configuration():
    found = searched(Correction.of_vector(np.zeros(6)), 12, 12)
    assert configs(found) == configs(searched(None, 12, 12))
    assert not any("named" in tag for _, tag in found)


@pytest.mark.parametrize("settings", [{"acquisition": "ei"}, {"per_second": True}])
def test_a_correction_needs_log_ei(settings):
    with pytest.raises(InvalidInput, match="needs acquisition='log_ei'"):
        Bayes(correction=corrected(), **settings)
