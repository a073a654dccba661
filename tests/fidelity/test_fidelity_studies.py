"""Studies with a rule of fidelity: in one process, in workers, resumed, and shared by drivers."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from seasoned import Constrained, Float, Random, Space, Study, maximize, minimize
from seasoned.errors import InvalidInput, Pruned
from seasoned.fidelity import ASHA, Curve, Hyperband, Median, Racing, SuccessiveHalving
from seasoned.samplers import TPE, Grid
from seasoned.trials import Finished, Reassigned, Reported, TrialState
from study_parts import ledger_of

UNIT_LINE = Space(x=Float(0, 1))


SPACE = Space(x=Float(-1, 1))
RULES = {
    "asha": ASHA(max=27),
    "asha-promote": ASHA(max=27, promote=True),
    "successive-halving": SuccessiveHalving(max=9, size=6),
    "hyperband": Hyperband(max=27),
    "hyperband-promote": Hyperband(max=27, promote=True),
    "median": Median(max=27),
    "curve": Curve(max=27),
}
every_rule = pytest.mark.parametrize("name", RULES)


def train(config, trial):
    """Goes on from its checkpoint, and notices if that is not where the study believes it to be."""
    path = trial.checkpoint / "state.json"
    begun = json.loads(path.read_text()) if path.exists() else 0
    assert begun >= trial.step
    for epoch in range(begun + 1, trial.budget + 1):
        path.write_text(json.dumps(epoch))
        trial.report(epoch, abs(config["x"]) + 1 / epoch)
    return abs(config["x"]) + 1 / trial.budget


def seen(study):
    return [(trial.config, trial.state, trial.value, trial.reports) for trial in study.trials]


@every_rule
def test_workers_and_the_own_process_give_the_same_trials(name):
    here, there = (Study(SPACE, fidelity=RULES[name], sampler=Random(), seed=1) for _ in range(2))
    here.optimize(train, trials=20)
    there.optimize(train, trials=20, trial_time_limit=60)  # one worker, in a process of its own
    assert seen(here) == seen(there)
    assert here.best.value is not None
    assert {trial.state for trial in here.trials} == {TrialState.COMPLETE, TrialState.PRUNED}


@every_rule
@pytest.mark.parametrize("after", [3, 31])
def test_an_interrupted_study_goes_on_with_the_same_rungs(name, after, tmp_path):
    whole = Study(SPACE, fidelity=RULES[name], sampler=Random(), seed=1)
    whole.optimize(train, trials=20)
    left = after

    def interrupted(config, trial):
        report = trial.report

        def counted(step, value):
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            report(step, value)

        trial.report = counted
        return train(config, trial)

    options = {"fidelity": RULES[name], "sampler": Random(), "storage": f"sqlite:///{tmp_path}/s.db", "name": "s"}
    with pytest.raises(KeyboardInterrupt):
        Study(SPACE, **options, seed=1, checkpoints=tmp_path / "c").optimize(interrupted, trials=20)
    again = Study(SPACE, **options, checkpoints=tmp_path / "c")
    again.optimize(train, trials=20)
    assert [t.config for t in again.trials] == [t.config for t in whole.trials]
    if "promote" not in name and "halving" not in name:  # there the order of promotions is not part of the promise
        lost = Counter(len(b.reports) - len(a.reports) for a, b in zip(again.trials, whole.trials, strict=True))
        assert lost.total() - lost[0] <= 1, (
            "only the interrupted step, whose checkpoint was ahead of its report, is lost"
        )
        assert [t.state for t in again.trials] == [t.state for t in whole.trials]
    assert again.best.value == whole.best.value


@every_rule
def test_maximising_is_minimising_the_negative(name):
    low, high = (
        Study(SPACE, fidelity=RULES[name], sampler=Random(), seed=2, direction=direction)
        for direction in ("minimize", "maximize")
    )
    low.optimize(train, trials=15)

    def negative(config, trial):
        report = trial.report
        trial.report = lambda step, value: report(step, -value)
        return -train(config, trial)

    high.optimize(negative, trials=15)
    assert [len(t.reports) for t in low.trials] == [len(t.reports) for t in high.trials]
    assert [[v for _, v in t.reports] for t in low.trials] == [[-v for _, v in t.reports] for t in high.trials]
    assert low.best.value == -high.best.value


@pytest.mark.parametrize("name", ["asha", "asha-promote", "hyperband"])
def test_two_workers_share_the_rungs(name):
    study = Study(SPACE, fidelity=RULES[name], seed=1, sampler=TPE())
    study.optimize(train, trials=30, workers=2)
    assert len(study.trials) == 30
    assert all(trial.state in {TrialState.COMPLETE, TrialState.PRUNED} for trial in study.trials)
    assert sum(len(trial.reports) for trial in study.trials) < 30 * 27 * 0.8


DRIVER = """
import json, sys, time
from pathlib import Path
from seasoned import Float, Random, Space, Study
from seasoned.fidelity import ASHA

def train(config, trial):
    for epoch in range(1, trial.budget + 1):
        time.sleep(pause)
        try:
            trial.report(epoch, abs(config["x"]) + 1 / epoch)
        finally:  # where the rule stops the trial, too
            told.touch()
    return abs(config["x"]) + 1 / epoch

url, folder, promote = sys.argv[1], sys.argv[2], sys.argv[3] == "promote"
pause, told = float(sys.argv[4]), Path(sys.argv[5])
study = Study(Space(x=Float(-1, 1)), sampler=Random(), storage=url, name="s", seed=1, checkpoints=folder,
              fidelity=ASHA(max=9, promote=promote))
study.optimize(train, trials=30)
"""


@pytest.mark.parametrize("kind", ["stop", "promote"])
@pytest.mark.parametrize("kill", [False, True], ids=["all live", "one is killed"])
@pytest.mark.slow
def test_many_drivers_share_the_rungs(kind, kill, tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    command = [sys.executable, "-c", DRIVER, url, str(tmp_path / "c"), kind, "0.02" if kill else "0.002"]
    told = [tmp_path / "told-0", tmp_path / "told-1"]
    drivers = [subprocess.Popen([*command, str(file)], stderr=subprocess.PIPE) for file in told]
    if kill:
        deadline = time.monotonic() + 60
        while not told[0].exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        drivers[0].kill()
    errors = [driver.communicate(timeout=120)[1].decode() for driver in drivers]
    assert drivers[0].returncode == (-signal.SIGKILL if kill else 0), errors[0]
    assert drivers[1].returncode == 0, errors[1]
    rule = ASHA(max=9, promote=kind == "promote")
    study = Study(SPACE, sampler=Random(), storage=url, name="s", fidelity=rule)
    states = Counter(trial.state for trial in study.trials)
    assert states[TrialState.COMPLETE] + states[TrialState.PRUNED] == 30
    assert states[TrialState.COMPLETE] >= 1
    assert all(len(dict(trial.reports)) == len(trial.reports) for trial in study.trials)


def test_an_objective_without_reports_is_run_to_each_budget():
    budgets = []

    def f(config, trial):
        budgets.append(trial.budget)
        return abs(config["x"]) + 1 / trial.budget

    best = minimize(f, SPACE, trials=27, fidelity=ASHA(max=9, promote=True), sampler=Random(), seed=0)
    assert Counter(budgets)[1] == 27
    assert 1 <= Counter(budgets)[9] < Counter(budgets)[3] < 27
    assert best.reports[-1][0] <= 9


def test_a_trial_that_diverges_is_pruned_and_its_report_is_kept(tmp_path):
    def f(config, trial):
        for epoch in range(1, trial.budget + 1):
            trial.report(epoch, math.nan if config["x"] < 0 else config["x"])
        return config["x"]

    options = {"storage": f"sqlite:///{tmp_path}/s.db", "name": "s", "fidelity": ASHA(max=9), "sampler": Random()}
    study = Study(SPACE, **options, seed=0)
    study.optimize(f, trials=12)
    again = Study(SPACE, **options)
    diverged = [trial for trial in again.trials if trial.config["x"] < 0]
    assert diverged
    assert all(trial.state is TrialState.PRUNED and math.isnan(trial.reports[0][1]) for trial in diverged)
    assert again.best.value >= 0


def test_an_objective_may_prune_itself_or_ignore_the_stop():
    def f(config, trial):
        if config["x"] > 0.9:
            raise Pruned("hopeless")
        try:
            return train(config, trial)
        except Pruned:
            return -1.0  # does not count: the rule said stop

    study = Study(SPACE, fidelity=ASHA(max=9), sampler=Random(), seed=1)
    study.optimize(f, trials=30)
    assert study.best.value > 0
    assert any(trial.error == "hopeless" for trial in study.trials)
    assert any(trial.error == "stopped at step 1" for trial in study.trials)


def test_promotions_do_not_disturb_a_grid():
    study = Study(SPACE, fidelity=ASHA(max=9, promote=True), sampler=Grid(12), seed=1)
    study.optimize(train)
    assert len({trial.config["x"] for trial in study.trials}) == 12 == len(study.trials)


def test_a_time_limit_cuts_a_trial_off_at_its_next_report():
    def slow(config, trial):
        for epoch in range(1, trial.budget + 1):
            time.sleep(0.02)
            trial.report(epoch, 1 / epoch)
        return 1 / epoch

    study = Study(SPACE, fidelity=ASHA(max=10_000), sampler=Random(), seed=1)
    study.optimize(slow, time_limit=0.3)
    assert study.trials[0].state is TrialState.RUNNING
    assert study.trials[0].reports


def test_a_killed_worker_fails_its_trial_and_the_rungs_go_on():
    def f(config, trial):
        import os

        trial.report(1, -1.0 if trial.number % 5 == 0 else abs(config["x"]) + 1)
        if trial.number % 5 == 0:
            os._exit(3)
        return train(config, trial)

    study = Study(SPACE, fidelity=ASHA(max=9), sampler=Random(), seed=1)
    study.optimize(f, trials=15, workers=2)
    failed = [trial for trial in study.trials if trial.state is TrialState.FAILED]
    assert failed
    assert all(trial.number % 5 == 0 and "exit code 3" in trial.error for trial in failed)


@pytest.mark.parametrize(("step", "value"), [(-1, 0.5), (0.5, 0.5), (True, 0.5), (1, "much"), (1, None)])
def test_wrong_reports_fail_the_trial(step, value):
    study = Study(SPACE, fidelity=ASHA(max=9), sampler=Random(), seed=1)
    study.optimize(lambda config, trial: trial.report(step, value) or 1.0, trials=1)
    assert study.trials[0].state is TrialState.FAILED
    assert "InvalidInput" in study.trials[0].error


def test_studies_and_rules_refuse_wrong_arguments():
    with pytest.raises(InvalidInput, match="f\\(config, trial\\)"):
        Study(SPACE, fidelity=ASHA()).optimize(lambda config: 1.0, trials=1)
    with pytest.raises(InvalidInput, match="one number"):
        Study(SPACE, fidelity=ASHA(), direction=("minimize", "minimize"))
    for wrong in ({"min": 0}, {"min": 9, "max": 3}, {"eta": 1}, {"max": 2.5}):
        with pytest.raises(InvalidInput):
            ASHA(**wrong)


def test_the_frame_and_the_log_hold_pruned_trials_and_their_reports():
    study = Study(SPACE, fidelity=ASHA(max=9), sampler=Random(), seed=1)
    study.optimize(train, trials=10)
    frame = study.frame()
    assert set(frame["state"]) == {"complete", "pruned"}
    assert frame.loc[frame["state"] == "pruned", "value"].isna().all()
    events = ledger_of(study).log.read()
    assert sum(isinstance(event, Reported) for event in events) == sum(len(t.reports) for t in study.trials)


def test_maximize_accepts_a_rule_of_fidelity():
    best = maximize(lambda c, t: c["x"], SPACE, trials=9, fidelity=SuccessiveHalving(max=9, size=9), seed=0)
    assert best.value > 0


def test_a_stopped_trial_whose_end_was_not_written_is_stopped_on_resume(tmp_path):
    """The driver is killed between the report that ends a trial and the end itself."""
    options = {"fidelity": ASHA(min=1, max=9, eta=3), "sampler": Random(), "storage": f"sqlite:///{tmp_path}/s.db"}
    study = Study(SPACE, **options, name="s", seed=1, checkpoints=tmp_path / "c")

    def worse_and_worse(config, trial):
        for step in range(trial.step + 1, trial.budget + 1):
            if trial.number == 1 and trial.step == 0:
                ledger_of(study).record([Reported(1, step, 1e6)])
                raise KeyboardInterrupt
            trial.report(step, float(trial.number))
        return float(trial.number)

    with pytest.raises(KeyboardInterrupt):
        study.optimize(worse_and_worse, trials=8)
    again = Study(SPACE, **options, name="s", checkpoints=tmp_path / "c")
    again.optimize(worse_and_worse, trials=8)
    ended = [event.number for event in ledger_of(again).log.read() if isinstance(event, Finished)]
    assert sorted(ended) == list(range(8))
    assert ended.index(1) <= 2, "it holds a slot no longer than until paused trials are looked at"


@pytest.mark.parametrize("rule", [Median(max=9, startup=1), Curve(max=9, startup=1), Racing(max=9)])
def test_an_infeasible_trial_stops_no_other_trial(rule):
    study = Study(SPACE, fidelity=rule, sampler=Random(), seed=1)

    def measured(config, trial):
        value = 0.0 if trial.number == 0 else 1.0
        for step in range(trial.step + 1, 10):
            trial.report(step, value + 0.01 * step)
        return Constrained(value, constraints=[5.0 if trial.number == 0 else -1.0])

    study.optimize(measured, trials=4)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 4
    assert study.best.number == 1


def test_the_log_records_the_new_driver_of_a_trial(tmp_path):
    options = {"fidelity": ASHA(max=9), "sampler": Random(), "storage": f"sqlite:///{tmp_path}/s.db", "name": "s"}

    def interrupted(config, trial):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Study(SPACE, **options, seed=1).optimize(interrupted, trials=2)
    study = Study(SPACE, **options)
    study.optimize(train, trials=2)
    assert [event.number for event in ledger_of(study).log.read() if isinstance(event, Reassigned)] == [0]


def test_a_stopped_trial_that_ignores_the_stop_stays_stopped():
    def deaf(config, trial):
        for step in range(1, 10):
            try:
                trial.report(step, config["x"])
            except Pruned:
                continue
        return config["x"]

    study = Study(UNIT_LINE, sampler=Random(), fidelity=ASHA(min=1, max=9), seed=0)
    study.optimize(deaf, trials=12)
    pruned = [trial for trial in study.trials if trial.state is TrialState.PRUNED]
    assert pruned
    assert all(len(trial.reports) <= 3 for trial in pruned), "it was stopped at a rung, and heard it again after that"
    assert {len(trial.reports) for trial in study.trials if trial.state is TrialState.COMPLETE} == {9}
