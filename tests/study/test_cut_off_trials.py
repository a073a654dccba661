"""Interrupted trials: time limits, stops and interrupts in the middle of a trial."""

from __future__ import annotations

import json
import math
import time

import pytest

from seasoned import ASHA, Float, Random, Space, Study
from seasoned.trials import TrialState

SPACE = Space(x=Float(0.1, 1))
LINE = Space(x=Float(0, 1))


def slowly(answer):
    """An objective of 10,000 steps that does `answer` when it is told to leave."""

    def f(config, trial):
        try:
            for epoch in range(1, trial.budget + 1):
                time.sleep(0.01)
                trial.report(epoch, 1 / epoch)
        except Exception:  # noqa: BLE001 - as careless objectives do
            return answer()
        return 0.0

    return f


def swallowed():
    return -1.0


def diverged():
    return math.inf


def broken():
    raise RuntimeError("something else")


@pytest.mark.parametrize("answer", [swallowed, diverged, broken])
def test_a_trial_cut_off_by_the_time_limit_stays_running(answer):
    study = Study(SPACE, fidelity=ASHA(max=10_000), sampler=Random(), seed=1)
    study.optimize(slowly(answer), time_limit=0.2)
    assert [trial.state for trial in study.trials] == [TrialState.RUNNING]
    assert study.trials[0].reports


def test_a_trial_stopped_after_its_last_step_is_complete(tmp_path):
    def train(config, trial):
        file = trial.checkpoint / "state.json"
        done = json.loads(file.read_text()) if file.exists() else 0
        for step in range(done + 1, trial.budget + 1):
            loss = config["x"] + 1 / step
            file.write_text(json.dumps(step))
            trial.report(step, loss)
            if step == 3:
                stop.append(True)
        return loss

    stop = []
    study = Study(LINE, fidelity=ASHA(max=3), sampler=Random(), seed=0, checkpoints=tmp_path)
    study.optimize(train, trials=1, stop=lambda: bool(stop))
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE]


class Interrupted(Random):
    """Random search in which one look at results is interrupted."""

    strikes = True

    def tell(self, state, events):
        if Interrupted.strikes:
            Interrupted.strikes = False
            raise KeyboardInterrupt
        return super().tell(state, events)


def test_a_sampler_interrupted_while_it_learns_catches_up():
    Interrupted.strikes = True
    study = Study(LINE, sampler=Interrupted(), fidelity=ASHA(min=1, max=9, eta=3), seed=1)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(lambda config, trial: trial.report(config["x"], 9) or config["x"], trials=4)
    study.optimize(lambda config, trial: trial.report(config["x"], 9) or config["x"], trials=4)
    assert sum(trial.state is not TrialState.RUNNING for trial in study.trials) == 4
