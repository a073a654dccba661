"""Observations of model-based samplers: losses, ranks and tags."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned import Choice, Float, Space
from seasoned.samplers import Bayes
from seasoned.samplers.bayes.observations import Observations
from seasoned.samplers.checks import same
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState

SPACE = Space(x=Float(0, 1))
ENDS = {
    "p": lambda n: Finished(n, TrialState.PRUNED, None, 0.0, "it was poor"),
    "f": lambda n: Finished(n, TrialState.FAILED, None, 0.0, "it broke"),
}


def seen_of(results):
    events = []
    for number, result in enumerate(results):
        events.append(Suggested(number, Config({"x": (number + 0.5) / len(results)})))
        complete = Finished(number, TrialState.COMPLETE, (result,), 0.0) if not isinstance(result, str) else None
        events.append(complete or ENDS[result](number))
    return Observations.none(1, 1).tell(events, SPACE)


def test_a_pruned_trial_counts_as_the_worst_complete_one_before_it():
    losses = seen_of(["p", 3.0, "p", 7.0, "f", 1.0, "p"]).losses()
    assert losses == pytest.approx([np.nan, 3.0, 3.0, 7.0, np.nan, 1.0, 7.0], nan_ok=True)


def test_losses_of_early_trials_do_not_change_with_later_trials():
    results = [2.0, "p", "f", 9.0, "p", 4.0, 1e9, "p"]
    whole = seen_of(results).losses()
    for count in range(1, len(results)):
        assert seen_of(results[:count]).losses() == pytest.approx(whole[:count], nan_ok=True)


def test_losses_stay_unknown_while_no_trial_is_complete():
    assert np.isnan(seen_of(["p", "f", "p"]).losses()).all()


def test_trials_are_ranked_by_violation_and_then_by_loss():
    ends = [(3.0, (-1.0,)), (1.0, (2.0,)), (2.0, (0.0,)), (0.0, (0.5,)), None]
    events = []
    for number, end in enumerate(ends):
        events.append(Suggested(number, Config({"x": number / 10})))
        failed = Finished(number, TrialState.FAILED, None, 0.0, "it broke")
        events.append(failed if end is None else Finished(number, TrialState.COMPLETE, (end[0],), 0.0, None, end[1]))
    seen = Observations.none(1, 1).tell(events, SPACE)
    assert seen.ranks(seen.losses()).tolist() == [1, 3, 0, 2, 4]
    plain = seen_of([3.0, "f", 1.0])
    assert plain.ranks(plain.losses()).tolist() == [1, 2, 0]


def test_one_very_slow_trial_leaves_the_other_losses_apart():
    space = Space(x=Float(0, 1))
    events = []
    for number, (error, seconds) in enumerate([(0.5, 1.0), (0.3, 10.0), (0.1, 100.0), (0.6, 1e5), (0.7, 1e308)]):
        events.append(Suggested(number, Config({"x": number / 10}), None, "here"))
        events.append(Finished(number, TrialState.COMPLETE, (error, seconds), 1.0, None))
    seen = Bayes().tell(Bayes().init(StudySpec(space, ("minimize", "minimize"), 0)), events).seen
    quick, slow = (seen.losses(np.array(weights)) for weights in ([0.0, 1.0], [1.0, 0.0]))
    assert quick[0] < quick[1] < quick[2] < quick[3] < quick[4] < 1000.0
    assert quick[2] - quick[0] > 0.5, "on the front objectives have the whole range"
    assert slow[2] < slow[1] < slow[0]


def test_one_huge_value_leaves_the_losses_of_a_narrow_front_apart():
    space = Space(x=Float(0, 1))
    events = []
    for number, values in enumerate([(0.1, 0.5), (0.2, 0.4), (0.3, 0.3), (0.35, 1e308), (0.9, 0.9)]):
        events.append(Suggested(number, Config({"x": number / 10}), None, "here"))
        events.append(Finished(number, TrialState.COMPLETE, values, 1.0, None))
    seen = Bayes().tell(Bayes().init(StudySpec(space, ("minimize", "minimize"), 0)), events).seen
    losses = seen.losses(np.array([0.0, 1.0]))
    assert np.isfinite(losses).all()
    assert losses[2] < losses[1] < losses[0] < losses[4] < losses[3]
    assert losses[0] - losses[2] > 0.5


def test_tags_of_an_old_space_are_dropped():
    old, new = Space(kind=Choice(a=Space(u=Float(0, 1)))), Space(kind=Choice(a=Space(u=Float(0, 1)), b=Space()))
    spec, sampler = StudySpec(new, seed=0, first=3), Bayes()
    note = {"step": "local", "model": "quadratic"}
    events = [Suggested(number, old.default, note) for number in range(4)]
    state = sampler.tell(sampler.init(spec), events)
    assert [trial.tag for trial in state.seen.pending.values()] == [{}, {}, {}, note]
    assert same(sampler.tell(sampler.tell(sampler.init(spec), events[:2]), events[2:]), state)
