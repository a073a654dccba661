"""Threads that share a study: no trial is lost, and readers disturb nobody."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from seasoned import Float, Space, Study
from seasoned.fidelity import ASHA
from seasoned.samplers import Random
from seasoned.trials import Finished, TrialState
from study_parts import ledger_of

SPACE = Space(x=Float(0, 1))


@dataclass(frozen=True)
class Counting(Random):
    """Counts the results that it was told in its state, and takes its time to ask."""

    def init(self, spec):
        return super().init(spec), 0

    def ask(self, state, numbers):
        found, inner = super().ask(state[0], numbers)
        time.sleep(0.001)
        return found, (inner, state[1])

    def tell(self, state, events):
        told = sum(isinstance(event, Finished) for event in events)
        return super().tell(state[0], events), state[1] + told

    def capacity(self, state):
        return super().capacity(state[0])


@pytest.mark.parametrize("stored", [False, True])
def test_eight_threads_ask_and_tell_on_one_study(stored, tmp_path):
    place = {"storage": f"sqlite:///{tmp_path / 'runs.db'}", "name": "s"} if stored else {}
    study = Study(SPACE, sampler=Counting(), seed=0, **place)

    def work(_):
        trial = study.ask()
        study.tell(trial, trial.config["x"])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(64)))
    assert [trial.number for trial in study.trials] == list(range(64))
    assert all(trial.state is TrialState.COMPLETE for trial in study.trials)
    assert ledger_of(study).state[1] == 64, "the sampler has heard of each once"
    study.close()


@pytest.mark.parametrize("rule", [None, ASHA(max=9)])
def test_readers_in_other_threads_see_whole_trials(rule):
    study = Study(SPACE, sampler=Counting(), seed=0, fidelity=rule)

    def plain(config):
        return config["x"]

    def reporting(config, trial):
        for step in range(trial.step + 1, 10):
            trial.report(step, config["x"] + 1 / step)
        return config["x"]

    over, seen = threading.Event(), []

    def look():
        while not over.is_set():
            trials = study.trials
            complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
            seen.append(not complete or study.best.value <= min(trial.value for trial in complete))
            _ = study.paused, study.front, len(study.frame())

    watching = [threading.Thread(target=look) for _ in range(3)]
    for thread in watching:
        thread.start()
    try:
        study.optimize(plain if rule is None else reporting, trials=60, progress=False)
    finally:
        over.set()
        for thread in watching:
            thread.join()
    assert len(study.trials) == 60
    assert ledger_of(study).state[1] == 60
    assert seen
    assert all(seen)


def test_a_callback_may_wait_for_a_thread_that_reads_the_study():
    study, found = Study(SPACE, seed=0), []

    def ask_another(study, _):
        thread = threading.Thread(target=lambda: found.append(len(study.trials)))
        thread.start()
        thread.join(60)
        assert not thread.is_alive()

    study.optimize(lambda config: config["x"], trials=3, callbacks=[ask_another], progress=False)
    assert found == [1, 2, 3]
