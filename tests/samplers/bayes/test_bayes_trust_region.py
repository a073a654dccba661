"""Trust region of Bayesian optimisation: its radius and its restarts among categories."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seasoned import Categorical, Float, Space
from seasoned.samplers import Bayes
from seasoned.samplers.bayes.layout import layout_of
from seasoned.samplers.bayes.observations import Observations
from seasoned.samplers.bayes.trust_region import LocalSearch, followed
from seasoned.surrogates.gp.trust_region_model import Region
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState


def told(sampler, state, number, config, value, tag=None):
    asked = Suggested(number, Config(config), tag, "here")
    return sampler.tell(state, [asked, Finished(number, TrialState.COMPLETE, (value,), 1.0, None)])


def test_a_gain_by_a_category_leaves_the_radius_unchanged():
    space = Space(kind=Categorical(["a", "b", "c"]), other=Categorical(["a", "b"]))
    descent = LocalSearch(Region(0.4))
    sampler = Bayes()
    state = sampler.init(StudySpec(space, ("minimize",), 0))
    state = told(sampler, state, 0, {"kind": "a", "other": "a"}, 2.0)
    state = told(sampler, state, 1, {"kind": "b", "other": "a"}, 1.0, {"step": "local"})
    found = followed(descent, state.seen, np.array([2.0, 1.0]), state.layout)
    assert found.region.radius == 0.4
    assert not Region(0.4, 0, 7).collapsed(2)


def test_a_start_in_another_category_is_no_ended_search():
    space = Space(kind=Categorical(["a", "b", "c"]), x=Float(0, 1))
    layout = layout_of(space)
    seen = Observations.none(2, 1)
    for number, (kind, step) in enumerate([("a", "local"), ("b", "global"), ("a", "global")]):
        told = [
            Suggested(number, space.check({"kind": kind, "x": 0.5}), {"step": step}),
            Finished(number, TrialState.COMPLETE, (1.0 - 0.1 * number,)),
        ]
        seen = seen.tell(told, space)
    descent = LocalSearch(since=1, ended=(0,), resting=1)
    other = replace(seen, unit=seen.unit[:2], values=seen.values[:2], tags=seen.tags[:2])
    assert followed(descent, other, other.values[:, 0], layout).resting == 0, "b is another basin than a"
    assert followed(descent, seen, seen.values[:, 0], layout).resting == 4, "a is where the first search ended"
