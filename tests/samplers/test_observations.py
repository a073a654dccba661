"""What model-based samplers remember: losses that do not change with later results."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned import Float, Space
from seasoned.samplers.bayes.observations import Observations
from seasoned.trials import Config, Finished, Suggested, TrialState

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
    return Observations.none(1, 1).told(events, SPACE)


def test_a_pruned_trial_counts_as_the_worst_complete_one_before_it():
    losses = seen_of(["p", 3.0, "p", 7.0, "f", 1.0, "p"]).losses()
    assert losses == pytest.approx([np.nan, 3.0, 3.0, 7.0, np.nan, 1.0, 7.0], nan_ok=True)


def test_what_the_first_trials_count_does_not_change_with_those_after_them():
    results = [2.0, "p", "f", 9.0, "p", 4.0, 1e9, "p"]
    whole = seen_of(results).losses()
    for count in range(1, len(results)):
        assert seen_of(results[:count]).losses() == pytest.approx(whole[:count], nan_ok=True)


def test_trials_without_any_value_stay_unknown():
    assert np.isnan(seen_of(["p", "f", "p"]).losses()).all()


def test_trials_are_ranked_by_what_they_break_and_then_by_their_loss():
    ends = [(3.0, (-1.0,)), (1.0, (2.0,)), (2.0, (0.0,)), (0.0, (0.5,)), None]
    events = []
    for number, end in enumerate(ends):
        events.append(Suggested(number, Config({"x": number / 10})))
        failed = Finished(number, TrialState.FAILED, None, 0.0, "it broke")
        events.append(failed if end is None else Finished(number, TrialState.COMPLETE, (end[0],), 0.0, None, end[1]))
    seen = Observations.none(1, 1).told(events, SPACE)
    assert seen.ranks(seen.losses()).tolist() == [1, 3, 0, 2, 4]
    plain = seen_of([3.0, "f", 1.0])
    assert plain.ranks(plain.losses()).tolist() == [1, 2, 0]
