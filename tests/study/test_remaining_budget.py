"""Remaining share of the budget: an event before each configuration."""

from __future__ import annotations

import pytest

from seasoned import Float, Space, Study
from seasoned.samplers import Random
from seasoned.trials import Suggested
from seasoned.trials.trial import Remaining
from study_parts import ledger_of

SPACE = Space(x=Float(0, 1))


@pytest.mark.parametrize("storage", [None, "sqlite:///{}/runs.db"])
def test_the_remaining_share_is_logged_before_each_configuration(storage, tmp_path):
    shares = iter([1.0, 0.75, 0.5, 0.25])
    study = Study(SPACE, sampler=Random(), storage=storage and storage.format(tmp_path), name="s", seed=1)
    study.optimize(lambda config: config["x"], trials=4, progress=False, remaining=lambda: next(shares))
    told = [event for event in ledger_of(study).log.read() if isinstance(event, Remaining | Suggested)]
    assert [type(event) for event in told] == [Remaining, Suggested] * 4
    assert [(event.number, event.share) for event in told[::2]] == [(0, 1.0), (1, 0.75), (2, 0.5), (3, 0.25)]
    assert [event.number for event in told[1::2]] == [0, 1, 2, 3]


def test_a_study_without_a_remaining_share_logs_none():
    study = Study(SPACE, sampler=Random(), seed=1)
    study.optimize(lambda config: config["x"], trials=2, progress=False)
    assert not any(isinstance(event, Remaining) for event in ledger_of(study).log.read())
    assert len(study.trials) == 2
