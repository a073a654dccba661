"""What a third reading of studies found: each test here failed before it was mended."""

from __future__ import annotations

import json
import math

import pytest

from seasoned import Float, Random, Space, Study, WarmStart
from seasoned._util.progress_bar import ProgressBar
from seasoned.errors import InvalidInput, StorageError
from seasoned.fidelity import ASHA, SuccessiveHalving
from seasoned.fidelity.base import Decision
from seasoned.samplers import CMAES
from seasoned.storage import MemoryStorage, SqlStorage
from seasoned.storage.base import Claim
from seasoned.study.replay import MOST_ATTEMPTS
from seasoned.trials import Reported, SpaceChanged, TrialState

LINE = Space(x=Float(0, 1))


def stepwise(config, trial):
    for step in range(trial.step + 1, trial.budget + 1):
        trial.report(step, config["x"] + 1.0 / step)
    return config["x"] + 1.0 / trial.budget


@pytest.mark.parametrize("count", [12, 18, 20])
def test_a_resumed_study_promotes_what_is_due(count):
    """Where all numbers were asked, trials that had just been taken over were given up, promoted or not."""

    def ended(storage):
        study = Study.load(storage, "s", sampler=Random(), fidelity=ASHA(max=4, eta=2, promote=True))
        return [(trial.number, trial.state, trial.reports) for trial in study.trials]

    results = []
    for interrupted in (False, True):
        storage = MemoryStorage()
        rule = ASHA(max=4, eta=2, promote=True)
        study = Study(LINE, sampler=Random(), seed=0, storage=storage, name="s", fidelity=rule)
        last = []

        def watched(config, trial, last=last, study=study, interrupted=interrupted):
            if interrupted and not last and len(study.trials) == count and trial.step:
                last.append(trial.number)
                raise KeyboardInterrupt
            return stepwise(config, trial)

        if interrupted:
            with pytest.raises(KeyboardInterrupt):
                study.optimize(watched, trials=count)
            study = Study.load(storage, "s", sampler=Random(), fidelity=rule)
        study.optimize(watched, trials=count)
        results.append(ended(storage))
    assert results[0] == results[1]


def test_who_is_to_leave_after_the_last_step_has_finished(tmp_path):
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


def test_a_move_that_could_not_be_written_is_made_up_for(monkeypatch):
    storage = MemoryStorage()
    Study(LINE, storage=storage, name="s", sampler=Random(), seed=0).optimize(lambda config: config["x"], trials=2)
    wide = Space(x=Float(0, 1), y=Float(0, 1))
    study = Study(wide, storage=storage, name="s", sampler=Random())
    log = study._ledger.log

    def full(_):
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(type(log), "append", lambda _, events: full(events))
        with pytest.raises(StorageError):
            study.optimize(lambda config: config["x"], trials=4)
    study.optimize(lambda config: config["x"], trials=4)
    assert sum(isinstance(event, SpaceChanged) for event in log.read()) == 1
    assert Study.load(storage, "s", sampler=Random()).space == wide


def test_checkpoints_of_a_store_are_found_however_it_was_given(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path / "cache"))
    url = f"sqlite:///{tmp_path}/runs.db"
    folders = [
        Study(LINE, storage=given, name="s", sampler=Random(), seed=0, fidelity=ASHA())._checkpoints.folder
        for given in (url, SqlStorage(url), tmp_path / "runs.db")
    ]
    assert len(set(folders)) == 1
    assert folders[0].is_relative_to(tmp_path / "cache")
    alone = Study(LINE, sampler=Random(), fidelity=ASHA())._checkpoints.folder
    assert not alone.is_relative_to(tmp_path / "cache")


def test_without_a_rule_no_folder_for_checkpoints_is_made(monkeypatch):
    monkeypatch.setattr("tempfile.mkdtemp", lambda **_: pytest.fail("a folder was made"))
    study = Study(LINE, sampler=Random(), seed=0)
    study.optimize(lambda config: config["x"], trials=2)
    assert len(study.trials) == 2


def test_who_enqueues_knows_what_others_have_run(tmp_path):
    url = f"sqlite:///{tmp_path}/runs.db"
    warm = WarmStart(configurations=[{"x": 0.1}, {"x": 0.2}, {"x": 0.3}])
    first = Study(LINE, storage=url, name="s", sampler=Random(warm_start=warm), seed=0)
    other = Study.load(url, "s", sampler=Random())
    first.optimize(lambda config: config["x"], trials=4)
    other.enqueue({"x": 0.9})
    other.optimize(lambda config: config["x"], trials=7)
    tried = [trial.config["x"] for trial in other.trials]
    assert tried[:5] == [0.1, 0.2, 0.3, tried[3], 0.9]
    assert len(set(tried)) == 7


def test_a_study_that_was_refused_leaves_its_name_free():
    storage = MemoryStorage()
    two = ("minimize", "minimize")
    with pytest.raises(InvalidInput, match="CMAES supports only one objective"):
        Study(LINE, storage=storage, name="s", direction=two, sampler=CMAES())
    assert list(storage.names()) == []
    Study(LINE, storage=storage, name="s", sampler=CMAES(), seed=0).optimize(lambda config: config["x"], trials=2)
    with pytest.raises(InvalidInput):
        Study(LINE, storage=storage, name="s", sampler=Random(warm_start=WarmStart(points=[[0.1, 0.2]], values=[1.0])))
    assert len(Study.load(storage, "s").trials) == 2


def test_an_infinite_limit_is_none_to_a_bar():
    with ProgressBar(None, math.inf, shown=True) as bar:
        bar.update(1, 0, 0.5)


def test_drivers_that_died_while_a_trial_paused_are_not_its_fault():
    """Each death counted, so that trials which had waited through four were failures as soon as they were promoted."""
    storage, rule, calls = MemoryStorage(), SuccessiveHalving(max=9, size=9, eta=3), []

    def counted(config, trial):
        if len(calls) == 9:
            raise KeyboardInterrupt
        calls.append(trial.number)
        return stepwise(config, trial)

    study = Study(LINE, sampler=Random(), seed=0, storage=storage, name="s", fidelity=rule)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(counted, trials=9)
    log, before = study._ledger.log, ()
    for number in range(4):
        claims = log.claim(9, f"dead{number}", dead=before)
        before = (f"dead{number}",)
    assert min(claim.attempt for claim in claims) == 4
    log.release("dead3")
    calls.append("no more interrupts")
    again = Study.load(storage, "s", sampler=Random(), fidelity=rule)
    again.optimize(stepwise, trials=9)
    assert not any(trial.state is TrialState.FAILED for trial in again.trials)
    assert again.best.reports[-1][0] == 9


def test_a_promoted_trial_that_kills_its_drivers_is_given_up():
    study = Study(LINE, sampler=Random(), seed=0, fidelity=ASHA(max=4, eta=2, promote=True))
    ledger, claim = study._ledger, Claim(0, MOST_ATTEMPTS + 1)
    ledger.suggest([0], "one")
    for number in range(MOST_ATTEMPTS - 1):
        assert not ledger.kills(claim, Decision.GO_ON), "it did not begin"
        ledger.take(0, f"early{number}")
        ledger.began(0, f"early{number}")
    assert ledger.kills(claim, Decision.GO_ON), "it never reported"
    assert not ledger.kills(Claim(0, MOST_ATTEMPTS), Decision.GO_ON)
    ledger.record([Reported(0, 1, 0.5)])
    for number in range(MOST_ATTEMPTS):
        assert not ledger.kills(claim, Decision.PROMOTE)
        ledger.take(0, f"driver{number}")
        ledger.relaunched([0], f"driver{number}")
    assert ledger.kills(claim, Decision.PROMOTE)
    assert not ledger.kills(claim, Decision.PAUSE)
    assert not ledger.kills(claim, Decision.STOP), "it is to end anyhow"
    ledger.record([Reported(0, 2, 0.4)])
    assert not ledger.kills(claim, Decision.PROMOTE), "it has come further since"


def test_a_trial_that_comes_further_with_each_driver_is_not_given_up():
    """As on machines that are taken away every hour: the trial goes on from its checkpoint, and reports."""
    study = Study(LINE, sampler=Random(), seed=0, fidelity=ASHA(max=4, eta=2))
    ledger, claim = study._ledger, Claim(0, 2 * MOST_ATTEMPTS)
    ledger.suggest([0], "one")
    for number in range(MOST_ATTEMPTS):
        ledger.take(0, f"driver{number}")
        assert number == 0 or not ledger.kills(claim, Decision.GO_ON), "it has come further since"
        ledger.record([Reported(0, number + 5, 0.5)])
    for number in range(MOST_ATTEMPTS - 1):
        assert not ledger.kills(claim, Decision.GO_ON)
        ledger.take(0, f"again{number}")
        ledger.began(0, f"again{number}")
    assert ledger.kills(claim, Decision.GO_ON), "three died since it last reported"


def test_a_refused_driver_leaves_another_s_empty_study():
    """Its specification may be the same to the last digit, where both were given a seed."""
    storage = MemoryStorage()
    two = ("minimize", "minimize")
    Study(LINE, storage=storage, name="s", seed=0, direction=two, sampler=Random())
    with pytest.raises(InvalidInput, match="CMAES supports only one objective"):
        Study(LINE, storage=storage, name="s", seed=0, direction=two, sampler=CMAES())
    assert list(storage.names()) == ["s"]
