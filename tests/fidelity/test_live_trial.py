"""Live trials by hand: the same reports, decisions and ends as those of an objective."""

from __future__ import annotations

import math

import pytest

from seasoned import Float, Grid, Random, Space, Study
from seasoned.errors import InvalidInput, Pruned, StudyConflict
from seasoned.fidelity import ASHA, Curve, Hyperband, Median, Racing, SuccessiveHalving
from seasoned.samplers import TPE
from seasoned.storage import MemoryStorage
from seasoned.trials import Finished, Reported, Suggested, TrialState
from study_parts import ledger_of

SPACE = Space(x=Float(0, 1))
RULES = {
    "asha": ASHA(max=27),
    "asha-promote": ASHA(max=27, promote=True),
    "groups": SuccessiveHalving(max=9, size=6),
    "hyperband": Hyperband(max=27),
    "hyperband-promote": Hyperband(max=27, promote=True),
    "median": Median(min=3, max=9),
    "racing": Racing(max=8),
    "curve": Curve(min=4, max=12),
}


def loss(x, epoch):
    return (x - 0.3) ** 2 + 1 / epoch + 0.01 * math.sin(100 * x * epoch)


def train(config, trial):
    for epoch in range(trial.step + 1, trial.budget + 1):
        trial.report(epoch, loss(config["x"], epoch))
    return loss(config["x"], trial.budget)


def run(study):
    """One turn by hand."""
    trial = study.ask()
    running = study.live(trial)
    try:
        value = train(trial.config, running)
    except Pruned as reason:
        return study.tell(trial, pruned=str(reason))
    return study.tell(trial, value)


def story(study):
    """Events of a study without times and drivers."""
    events = ledger_of(study).log.read()
    asked = [(event.number, event.config) for event in events if isinstance(event, Suggested)]
    reported = [(event.number, event.step, event.value) for event in events if isinstance(event, Reported)]
    ended = [(e.number, e.state, e.values, e.error) for e in events if isinstance(e, Finished)]
    return asked, reported, ended


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("name", RULES)
def test_live_trials_are_judged_as_those_of_an_objective(name, direction):
    options = {"fidelity": RULES[name], "sampler": Random(), "direction": direction, "seed": 3}
    called, by_hand = Study(SPACE, **options), Study(SPACE, **options)
    called.optimize(train, trials=30)
    while len(by_hand.trials) < 30:
        run(by_hand)
    for theirs, ours in zip(story(called), story(by_hand), strict=True):
        assert ours == theirs[: len(ours)]
    if direction == "minimize":
        assert any(trial.state is not TrialState.COMPLETE for trial in by_hand.trials)
    assert by_hand.trials[0].reports[0] == (1, loss(by_hand.trials[0].config["x"], 1))


def test_a_sampler_per_rung_learns_from_live_trials():
    study = Study(SPACE, fidelity=Hyperband(max=9, promote=True), sampler=TPE(), seed=0)
    for _ in range(60):
        run(study)
    assert abs(study.best.config["x"] - 0.3) < 0.1
    assert study.best.seconds is not None


def test_a_paused_live_trial_waits_and_is_asked_again(tmp_path):
    study = Study(SPACE, fidelity=ASHA(max=9, promote=True), sampler=Random(), seed=0, checkpoints=tmp_path)
    first = study.ask()
    running = study.live(first)
    assert (running.number, running.config, running.budget, running.step) == (0, first.config, 1, 0)
    (running.checkpoint / "state").write_text("1")
    with pytest.raises(Pruned, match="paused at step 1"):
        running.report(1, 0.1)
    assert study.tell(first, pruned="paused at step 1").state is TrialState.RUNNING
    assert study.paused == [0]
    with pytest.raises(StudyConflict, match="trial 0 is stopped or paused at step 1; ask for another"):
        study.live(first)
    for value in (0.2, 0.3):
        other = study.ask()
        assert study.tell(other, value).state is TrialState.COMPLETE, "one that is not live is done"
        with pytest.raises(StudyConflict, match=f"trial {other.number} is complete already; ask for another"):
            study.live(other)
    for value in (0.4, 0.5):  # to the rung that it is to reach, without reports
        trial = study.ask()
        study.live(trial)
        assert study.tell(trial, value).state is TrialState.RUNNING
    again = study.ask()
    assert (again.number, again.reports) == (0, ((1, 0.1),))
    running = study.live(again)
    assert (running.budget, running.step, (running.checkpoint / "state").read_text()) == (3, 1, "1")
    assert study.ask().number == 5, "nobody else is promoted"
    running.report(2, 0.05)
    assert study.tell(3, pruned="no time").error == "no time"
    assert study.paused == [4]


def test_checkpoints_of_pruned_live_trials_are_deleted(tmp_path):
    study = Study(SPACE, fidelity=ASHA(max=9), sampler=Random(), seed=0, checkpoints=tmp_path)
    for value in (0.1, 0.2, 0.3):
        trial = study.ask()
        running = study.live(trial)
        (running.checkpoint / "state").touch()
        try:
            running.report(1, value)
            study.tell(trial, value)
        except Pruned:
            told = study.tell(trial, value)
            assert (told.state, told.value, told.error) == (TrialState.PRUNED, None, "stopped at step 1")
    (own,) = tmp_path.iterdir()
    assert [path.name for path in own.iterdir()] == ["0"]


def test_another_process_may_run_a_detached_trial(tmp_path):
    options = {"fidelity": ASHA(max=9), "sampler": Random(), "storage": tmp_path / "s.db", "name": "s"}
    asks = Study(SPACE, **options, seed=0)
    numbers = [asks.ask(detached=True).number for _ in range(3)]
    runs = Study(SPACE, **options)
    runs.live(numbers[0]).report(1, 0.1)
    with pytest.raises(Pruned, match="stopped at step 1"):
        runs.live(numbers[1]).report(1, 0.2)
    assert runs.tell(numbers[1], 0.2).state is TrialState.PRUNED
    assert asks.tell(numbers[0], 0.1).state is TrialState.COMPLETE
    with pytest.raises(StudyConflict, match="complete already"):
        runs.live(numbers[0])
    late = runs.live(numbers[2])
    asks.tell(numbers[2], error="the cluster was down")
    with pytest.raises(Pruned, match="stopped"):
        late.report(1, 0.0)


def test_optimize_takes_over_a_live_trial_paused_at_a_rung():
    storage = MemoryStorage()
    options = {"fidelity": ASHA(max=9, promote=True), "sampler": Random(), "storage": storage, "name": "s"}
    first = Study(SPACE, **options, seed=0)
    run(first)
    second = first.ask()
    first.close()
    by_hand = Study(SPACE, **options)
    assert by_hand.ask().number == second.number, "the paused one stays paused"
    assert by_hand.paused == [0]
    by_hand.close()
    drives = Study(SPACE, **options)
    drives.optimize(train, trials=9)
    assert not drives.paused
    assert all(trial.state is not TrialState.RUNNING for trial in drives.trials)
    assert drives.best.value == pytest.approx(loss(drives.best.config["x"], 9))


def test_a_group_prunes_live_trials_that_are_not_promoted():
    study = Study(SPACE, fidelity=SuccessiveHalving(max=9, size=9), sampler=Random(), seed=0)
    told = [run(study) for _ in range(9 + 3 + 1)]
    assert told[-1].state is TrialState.COMPLETE
    assert study.best == told[-1]
    study.ask()
    assert [trial.state for trial in study.trials].count(TrialState.PRUNED) == 8
    reasons = {trial.error for trial in study.trials if trial.state is TrialState.PRUNED}
    assert {"not promoted beyond step 1", "not promoted beyond step 3"} <= reasons


def test_ask_at_the_end_of_a_plan_counts_the_paused_trials():
    study = Study(SPACE, fidelity=ASHA(max=9, promote=True), sampler=Grid(2), seed=0)
    run(study)
    run(study)
    with pytest.raises(StudyConflict, match="nothing is left; 2 are paused at a rung; tell the results"):
        study.ask()


def test_a_live_trial_needs_a_rule_a_number_and_valid_reports():
    plain = Study(SPACE, sampler=Random(), seed=0)
    trial = plain.ask()
    with pytest.raises(InvalidInput, match="no rule of fidelity"):
        plain.live(trial)
    assert plain.tell(trial, pruned="hopeless").state is TrialState.PRUNED
    with pytest.raises(InvalidInput, match="leave one out"):
        plain.tell(plain.ask(), pruned="hopeless", constraints=[1.0])
    with pytest.raises(InvalidInput, match=r"either values or error=\.\.\. or pruned"):
        plain.tell(1, 0.5, pruned="hopeless")
    study = Study(SPACE, fidelity=ASHA(max=9), sampler=Random(), seed=0)
    with pytest.raises(InvalidInput, match="no trial 7"):
        study.live(7)
    running = study.live(study.ask())
    for step, value in ((-1, 0.5), (0.5, 0.5), (1, "much")):
        with pytest.raises(InvalidInput):
            running.report(step, value)
    assert study.tell(0, error="broke").state is TrialState.FAILED


def test_a_diverging_live_trial_is_stopped():
    study = Study(SPACE, fidelity=ASHA(max=9), sampler=Random(), seed=0)
    with pytest.raises(Pruned):
        study.live(study.ask()).report(1, math.nan)
    assert study.tell(0, pruned="diverged").error == "stopped at step 1"


def test_live_trials_pruned_at_a_rung_keep_seconds_and_notes():
    study = Study(SPACE, sampler=Random(), seed=0, fidelity=SuccessiveHalving(max=9, size=9))
    while (trial := study.ask()).number < 9:  # then the next group begins
        running = study.live(trial)
        running.note(seen=trial.number)
        study.tell(trial, float(trial.number), notes={"budget": running.budget})
    pruned = [trial for trial in study.trials if trial.state is TrialState.PRUNED]
    assert len(pruned) >= 6
    for trial in pruned:
        assert trial.notes == {"seen": trial.number, "budget": trial.reports[-1][0]}
        assert trial.seconds is not None
    assert all(not held.keys() & {trial.number for trial in pruned} for held in study._by_hand._held)
