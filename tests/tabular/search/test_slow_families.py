"""Families above the prediction limit: their trials in the bandit, the advised sampler and the race."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from advised import SPACE, sampler
from seasoned.errors import PruneReason
from seasoned.samplers.checks import same
from seasoned.tabular.search.family_bandit import FamilyBandit
from seasoned.tabular.search.racing import FoldRace
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


def test_race_ignores_rivals_above_the_prediction_limit():
    records = SimpleNamespace(of=lambda config: SimpleNamespace(losses=(0.1, 0.2), predict_ms=config["ms"]))
    race = FoldRace(SimpleNamespace(records=records, predict_limit=1.0), True, 5)
    trial = SimpleNamespace(value=0.1, config={"ms": 2.0, "model": {}}, number=9, state=TrialState.COMPLETE)
    assert not race.record_trial(trial)
    assert race.record_trial(SimpleNamespace(**{**vars(trial), "config": {"ms": 0.5, "model": {}}}))
