"""Families above the prediction limit: their trials in the bandit and the advised sampler."""

from __future__ import annotations

from dataclasses import replace

from advised import SPACE, sampler
from seasoned.errors import PruneReason
from seasoned.samplers.checks import same
from seasoned.tabular.search.family_bandit import FamilyBandit
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState


def ended(number, family, state, values=None, reason=None):
    config = Config({"model": {family: {"x": 0.5}}})
    return [Suggested(number, config), Finished(number, state, values, 1.0, prune_reason=reason)]


def test_family_bandit_draws_a_family_with_a_slow_default_again():
    found = FamilyBandit()
    state = found.init(StudySpec(SPACE, seed=0))
    events = ended(0, "one", TrialState.COMPLETE, (0.1,))
    events += ended(1, "two", TrialState.PRUNED, reason=PruneReason.PREDICTION_TIME)
    events += ended(2, "three", TrialState.PRUNED, reason=PruneReason.FOLDS)
    state = found.tell(state, events)
    assert set(found.weights(state, {})) == {"one", "two"}
    fresh = found.init(StudySpec(SPACE, seed=0))
    assert same(found.tell(found.tell(fresh, events[:3]), events[3:]), state)


def test_advised_sampler_counts_slow_trials_of_a_family_as_poor():
    found = replace(sampler(), paced=True)
    state = found.init(StudySpec(SPACE, seed=3, warm_start=found.warm_start))
    state = found.tell(state, ended(0, "one", TrialState.PRUNED, reason=PruneReason.PREDICTION_TIME))
    assert state.ended == {"one": (0, 1)}
