"""What a user does with a study."""

from __future__ import annotations

import logging
import math
import re
from functools import partial

import numpy as np
import pytest

import seasoned
from seasoned import Categorical, Choice, Float, Grid, Int, Random, Sobol, Space, WarmStart
from seasoned.errors import AllTrialsFailed, InvalidConfig, InvalidInput, Pruned, StudyConflict
from seasoned.study.leases import Verdicts
from seasoned.trials import SpaceChanged, TrialState

Study, minimize, maximize = (  # most tests here are about running, not about who proposes
    partial(given, sampler=Random()) for given in (seasoned.Study, seasoned.minimize, seasoned.maximize)
)
SPACE = Space(x=Float(-1, 1), branch=Choice(a=Space(y=Float(0, 1)), b=Space()))


def square(config):
    return config["x"] ** 2


def url(tmp_path):
    return f"sqlite:///{tmp_path}/study.db"


def test_minimize_and_maximize_return_the_best_trial():
    low = minimize(square, SPACE, trials=30, seed=0)
    high = maximize(square, SPACE, trials=30, seed=0)
    assert low.value == min(low.value, 0.05)
    assert high.value > 0.8
    assert high.value == square(high.config)


def test_the_default_sampler_learns():
    best = seasoned.minimize(lambda config: (config["x"] - 0.3) ** 2, Space(x=Float(-1, 1)), trials=15, seed=0)
    assert best.value < 1e-3  # of 15 random trials the best is so good with probability 0.38


def test_seed_and_trials_fix_the_study():
    one, two, other = (Study(SPACE, seed=seed) for seed in (3, 3, 4))
    for study in (one, two, other):
        study.optimize(square, trials=20)
    assert [t.config for t in one.trials] == [t.config for t in two.trials]
    assert [t.config for t in one.trials] != [t.config for t in other.trials]


def test_trials_counts_what_the_study_holds_already(tmp_path):
    study = Study(SPACE, storage=url(tmp_path), name="s", seed=1)
    study.optimize(square, trials=7)
    study.optimize(square, trials=10)
    again = Study(SPACE, storage=url(tmp_path), name="s")
    again.optimize(square, trials=10)
    assert len(again.trials) == 10
    assert again.seed == 1


@pytest.mark.parametrize("sampler", [Random(), Sobol(), Grid(3)], ids=lambda s: type(s).__name__)
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, sampler):
    whole = Study(SPACE, sampler=sampler, seed=5)
    whole.optimize(square, trials=12)
    for upto in (3, 4, 9, 12):
        part = Study(SPACE, sampler=sampler, storage=url(tmp_path), name="s", seed=5)

        def stumble(config, part=part, upto=upto):
            if len(part._ledger.history) == upto and upto < 12:
                raise KeyboardInterrupt
            return square(config)

        if upto < 12:
            with pytest.raises(KeyboardInterrupt):
                part.optimize(stumble, trials=12)
        else:
            part.optimize(stumble, trials=12)
        part.close()
    resumed = Study(SPACE, sampler=sampler, storage=url(tmp_path), name="s")
    assert [(t.config, t.values) for t in resumed.trials] == [(t.config, t.values) for t in whole.trials]


def test_ask_and_tell():
    study = Study(SPACE, seed=0)
    first, second = study.ask(), study.ask()
    assert (first.number, second.number) == (0, 1)
    assert study.tell(second, 0.5).state is TrialState.COMPLETE
    assert study.tell(first.number, error="no luck").error == "no luck"
    assert study.tell(study.ask(), math.nan).state is TrialState.FAILED
    with pytest.raises(StudyConflict, match="complete already"):
        study.tell(second, 0.1)
    with pytest.raises(InvalidInput, match="no trial 99"):
        study.tell(99, 0.1)
    with pytest.raises(InvalidInput, match="either values or error"):
        study.tell(study.ask())
    assert study.best.value == 0.5


def test_tell_from_another_study_object(tmp_path):
    asker = Study(SPACE, storage=url(tmp_path), name="s")
    trial = asker.ask()
    teller = Study(SPACE, storage=url(tmp_path), name="s")
    teller.tell(trial.number, 0.25)
    assert asker.best.value == 0.25


def test_optimize_does_not_wait_for_trials_asked_by_hand(tmp_path):
    study = Study(SPACE, storage=url(tmp_path), name="s")
    study.ask()
    study.ask(detached=True)
    study.optimize(square, trials=5)
    assert sum(t.state is TrialState.COMPLETE for t in study.trials) == 5


def test_trials_of_an_ended_process_are_given_to_the_next_who_asks(tmp_path):
    study = Study(SPACE, storage=url(tmp_path), name="s")
    mine, kept = study.ask(), study.ask(detached=True)
    study.close()
    again = Study(SPACE, storage=url(tmp_path), name="s")
    assert again.ask() == mine
    assert again.ask().number == kept.number + 1


def test_grid_ends_the_search():
    space = Space(a=Int(1, 3), b=Categorical(["x", "y"]))
    study = Study(space, sampler=Grid())
    study.optimize(lambda config: config["a"])
    assert len(study.trials) == 6
    assert len({t.config for t in study.trials}) == 6
    with pytest.raises(StudyConflict, match="6 trials have all been asked"):
        study.ask()


def test_warm_start_runs_first_and_must_fit():
    config = {"x": 0.25, "branch": {"b": {}}}
    study = Study(SPACE, sampler=Random(warm_start=WarmStart((config,))), seed=0)
    study.optimize(square, trials=2)
    assert study.trials[0].config == config
    with pytest.raises(InvalidConfig, match="'x' is 3"):
        Study(SPACE, sampler=Random(warm_start=WarmStart(({**config, "x": 3},))))


def test_a_frame_has_a_column_per_parameter():
    study = Study(SPACE, seed=0)
    study.optimize(square, trials=6)
    study.tell(study.ask(), error="broken")
    frame = study.frame()
    assert list(frame.columns) == ["number", "state", "value", "seconds", "error", "x", "branch", "branch.a.y"]
    assert frame["branch.a.y"].isna().tolist() == (frame["branch"] == "b").tolist()
    assert frame["error"].tolist()[-1] == "broken"
    assert frame["state"].tolist() == ["complete"] * 6 + ["failed"]


def test_several_objectives():
    study = Study(SPACE, direction=("minimize", "maximize"), seed=0)
    study.optimize(lambda config: (config["x"], config["x"]), trials=3)
    assert all(t.values == (t.config["x"], t.config["x"]) for t in study.trials)
    assert {"value_0", "value_1"} <= set(study.frame().columns)
    with pytest.raises(StudyConflict, match="no one trial is best"):
        _ = study.best
    assert study.tell(study.ask(), 1.0).error == "the objective returned 1.0 instead of a tuple of 2 numbers"


BAD = {
    "nan": (lambda c: math.nan, "returned nan instead of a finite number"),
    "inf": (lambda c: math.inf, "returned inf"),
    "None": (lambda c: None, "returned None"),
    "text": (lambda c: "0.5", "returned '0.5'"),
    "bool": (lambda c: True, "returned True"),
    "array": (lambda c: np.zeros(3), r"an array of shape \(3,\)"),
    "two": (lambda c: (1, 2), r"\(1, 2\) instead of a finite"),
    "complex": (lambda c: 1j, "1j"),
    "raise": (lambda c: 1 / 0, "ZeroDivisionError: division by zero"),
    "exit": (lambda c: exit(3), r"sys.exit\(3\)"),  # noqa: PLR1722 - what a user might write
    "huge": (lambda c: 10**400, "returned 1000"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_objective_is_a_failed_trial_with_its_reason_and_the_search_goes_on(name, caplog):
    function, pattern = BAD[name]
    study = Study(SPACE, seed=0)
    seen = []

    def sometimes(config):
        seen.append(1)
        return function(config) if len(seen) % 2 else 1.0

    with caplog.at_level(logging.WARNING):
        study.optimize(sometimes, trials=4)
    states = [t.state for t in study.trials]
    assert states == [TrialState.FAILED, TrialState.COMPLETE] * 2
    assert all(pytest.approx(1.0) == t.value for t in study.trials[1::2])
    assert re.search(pattern, study.trials[0].error)
    assert study.trials[0].error in caplog.text


def test_numpy_numbers_are_numbers():
    study = Study(SPACE)
    study.optimize(lambda c: np.float32(0.5), trials=1)
    study.optimize(lambda c: np.array(0.25), trials=2)
    assert [t.value for t in study.trials] == [0.5, 0.25]


def test_pruned_is_a_state_of_its_own():
    def give_up(config):
        raise Pruned("too slow")

    study = Study(SPACE)
    study.optimize(give_up, trials=30)
    assert {t.state for t in study.trials} == {TrialState.PRUNED}
    assert study.trials[0].error == "too slow"


def test_twenty_failures_without_a_success_end_the_search_with_the_causes():
    study = Study(SPACE, seed=0)
    kinds = [ValueError("first"), KeyError("second")]

    def fail(config):
        raise kinds[config["x"] > 0.5]

    with pytest.raises(AllTrialsFailed, match=r"20 trials failed.*x ValueError: first; \d+ x KeyError"):
        study.optimize(fail, trials=100)
    assert len(study.trials) == 20
    with pytest.raises(AllTrialsFailed, match="none succeeded"):
        _ = study.best


def test_the_objective_may_change_its_configuration():
    def rude(config):
        config["branch"].clear()
        return config.pop("x")

    study = Study(SPACE, seed=0)
    study.optimize(rude, trials=3)
    assert all(SPACE.contains(t.config) for t in study.trials)
    with pytest.raises(TypeError, match="read-only"):
        study.trials[0].config["x"] = 1


def test_callbacks_and_stop():
    seen = []

    def watch(study, trial):
        seen.append(trial.number)
        if len(seen) == 3:
            study.stop()

    study = Study(SPACE)
    study.optimize(square, trials=100, callbacks=[watch])
    assert seen == [0, 1, 2]
    assert len(study.trials) == 3


def test_an_error_in_a_callback_loses_nothing(tmp_path):
    study = Study(SPACE, storage=url(tmp_path), name="s")

    def broken(study, trial):
        raise RuntimeError("callback")

    with pytest.raises(RuntimeError, match="callback"):
        study.optimize(square, trials=5, callbacks=[broken])
    study.optimize(square, trials=5)
    assert [t.number for t in study.trials] == list(range(5))


def test_time_limit_ends_the_search():
    study = Study(SPACE)
    study.optimize(square, time_limit=0.2)
    assert study.trials
    assert all(t.state is TrialState.COMPLETE for t in study.trials)


WRONG = {
    "no end": ({}, "neither trials nor time_limit"),
    "no trials": ({"trials": 0}, "trials is 0"),
    "half a trial": ({"trials": 2.5}, "trials is 2.5"),
    "trials in words": ({"trials": "5"}, "trials is '5'"),
    "time in words": ({"trials": 1, "time_limit": "5"}, "time_limit is '5'"),
    "no memory": ({"trials": 1, "trial_memory": "some"}, "8GB"),
    "no time": ({"time_limit": 0}, "time_limit is 0"),
    "negative": ({"trials": 1, "trial_time_limit": -1}, "trial_time_limit is -1"),
    "nan": ({"time_limit": math.nan}, "time_limit is nan"),
    "no workers": ({"trials": 1, "workers": 0}, "workers is 0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_of_optimize(name):
    arguments, pattern = WRONG[name]
    with pytest.raises(InvalidInput, match=pattern):
        Study(SPACE).optimize(square, **arguments)


def test_wrong_arguments_of_a_search_in_one_call_are_named_as_they_were_given():
    with pytest.raises(InvalidInput, match="trials is 0; give a whole number"):
        seasoned.minimize(lambda config: config["x"], Space(x=Float(0, 1)), trials=0)
    with pytest.raises(InvalidInput, match=r"no trial 0; the study has none yet"):
        seasoned.Study(Space(x=Float(0, 1))).tell(0, 1.0)


def test_wrong_arguments_of_a_study(tmp_path):
    with pytest.raises(InvalidInput, match="without a name"):
        Study(SPACE, storage=url(tmp_path))
    with pytest.raises(InvalidInput, match="sqlite:///runs"):
        Study(SPACE, storage="runs:db", name="s")
    with pytest.raises(InvalidInput, match=r"give a Space"):
        Study({"x": Float(0, 1)})
    with pytest.raises(InvalidInput, match="'up'"):
        Study(SPACE, direction="up")
    Study(SPACE, storage=url(tmp_path), name="s", seed=1)
    with pytest.raises(StudyConflict, match="direction"):
        Study(SPACE, storage=url(tmp_path), name="s", direction="maximize")
    with pytest.raises(StudyConflict, match="seed 1, not 2"):
        Study(SPACE, storage=url(tmp_path), name="s", seed=2)


def test_another_space_keeps_what_is_valid_there(tmp_path):
    study = Study(SPACE, storage=url(tmp_path), name="s", seed=0)
    study.optimize(square, trials=20)
    best_outside = min(t.value for t in study.trials)
    narrow = Space(x=Float(0.5, 1), branch=SPACE.parameters["branch"])
    moved = Study(narrow, storage=url(tmp_path), name="s")
    valid = [t for t in moved.trials if narrow.contains(t.config)]
    assert 0 < len(valid) < 20
    assert moved.best.value == min(t.value for t in valid) > best_outside
    moved.optimize(square, trials=len(valid) + 5)
    assert len(moved.trials) == 25
    assert all(narrow.contains(t.config) for t in moved.trials[20:])
    with pytest.raises(StudyConflict, match="another space"):
        study.optimize(square, trials=100)
    back = Study(SPACE, storage=url(tmp_path), name="s")
    assert back.best.value == best_outside


@pytest.mark.parametrize("by_hand", [False, True])
def test_what_waits_from_another_space_is_not_run_in_this(tmp_path, by_hand):
    old = Study(Space(x=Float(0, 1)), storage=url(tmp_path), name="s", seed=0)
    old.enqueue({"x": 0.5})
    moved = Study(Space(x=Float(2, 3)), storage=url(tmp_path), name="s")
    seen = []
    if by_hand:
        seen.append(moved.ask().config["x"])
    else:
        moved.optimize(lambda c: seen.append(c["x"]) or c["x"], trials=3)
        assert len(seen) == 3
    assert all(2 <= x <= 3 for x in seen)
    assert (moved.trials[0].state, "earlier space" in moved.trials[0].error) == (TrialState.PRUNED, True)


def test_a_configuration_cannot_change_at_any_level():
    space = Space(kind=Choice(tree=Space(depth=Int(1, 3)), line=Space(l2=Float(0, 1))))
    study = Study(space, seed=0)

    def f(config):
        option, inner = config["kind"].popitem()  # its own copy
        inner["more"] = 1
        return float(option == "tree")

    study.optimize(f, trials=4)
    best = study.best.config
    assert space.contains(best)
    for change in (best["kind"].popitem, best["kind"].clear, lambda: best["kind"].update(tree={})):
        with pytest.raises(TypeError, match="read-only"):
            change()
    assert study.frame()["kind"].tolist() == [next(iter(trial.config["kind"])) for trial in study.trials]


def test_a_parameter_with_the_name_of_a_column_stands_beside_it():
    study = Study(Space(value=Float(0, 1), seconds=Int(1, 9)), seed=0)
    study.optimize(lambda c: 100 + c["value"], trials=3)
    frame = study.frame()
    assert frame["value"].tolist() == [trial.value for trial in study.trials]
    assert frame["config.value"].tolist() == [trial.config["value"] for trial in study.trials]
    assert {"seconds", "config.seconds"} < set(frame.columns)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"values": (1.0, math.nan), "points": ((0.5,), (0.1,))}, "WarmStart is nan"),
        ({"values": (1.0,), "points": ((5.0,),)}, "outside"),
        ({"population": ((-0.1,),)}, "outside"),
        ({"step_size": -1}, "step_size is -1"),
    ],
)
def test_a_warm_start_of_impossible_numbers_is_refused(options, words):
    with pytest.raises(InvalidInput, match=words):
        Study(Space(x=Float(0, 1)), sampler=Random(warm_start=WarmStart(**options)))


def test_a_grid_in_another_space_is_complete(tmp_path):
    Study(Space(a=Int(1, 3)), sampler=Grid(), storage=url(tmp_path), name="s").optimize(lambda c: c["a"])
    wider = Study(Space(a=Int(1, 5)), sampler=Grid(), storage=url(tmp_path), name="s")
    wider.optimize(lambda c: -c["a"])
    assert {t.config["a"] for t in wider.trials[3:]} == {1, 2, 3, 4, 5}


def test_the_best_is_the_earliest_of_equals():
    study = Study(SPACE)
    study.optimize(lambda c: 1.0, trials=5)
    assert study.best.number == 0
    study.optimize(lambda c: -1e308, trials=6)
    assert study.best.number == 5


def test_a_study_that_is_refused_has_not_moved(tmp_path):
    study = Study(SPACE, storage=url(tmp_path), name="s", seed=1)
    study.optimize(square, trials=3)
    other = Space(x=Float(0, 1))
    with pytest.raises(StudyConflict, match="direction"):
        Study(other, storage=url(tmp_path), name="s", direction="maximize")
    with pytest.raises(StudyConflict, match="seed"):
        Study(other, storage=url(tmp_path), name="s", seed=2)

    class Choosy(Random):
        def init(self, spec):
            if spec.space == other:
                raise InvalidInput("not there.")
            return super().init(spec)

    with pytest.raises(InvalidInput, match="not there"):
        seasoned.Study(other, storage=url(tmp_path), name="s", sampler=Choosy())
    study.optimize(square, trials=5)
    assert len(study.trials) == 5


def test_two_drivers_that_move_a_study_to_the_same_space_agree(tmp_path):
    Study(Space(x=Float(-1, 1)), storage=url(tmp_path), name="s", seed=1).optimize(square, trials=3)
    first = Study(SPACE, storage=url(tmp_path), name="s")
    first._ledger.log.append([SpaceChanged(SPACE, first=3)])  # the other one had looked before
    first.optimize(square, trials=6)
    assert first._ledger.spec.first == 3
    second = Study(SPACE, storage=url(tmp_path), name="s")
    assert second._ledger.spec == first._ledger.spec
    assert len(second.trials) == 9


def test_who_could_not_hear_judges_nobody_dead(monkeypatch):
    now = 0.0
    monkeypatch.setattr("seasoned.study.leases.time.monotonic", lambda: now)
    verdicts = Verdicts(lease=30.0)
    for now, beat in [(0.0, 1), (5.0, 2), (10.0, 3)]:  # noqa: B007 - read by the clock
        assert not verdicts.judge({"other": beat})
    now = 60.0  # the store was away, so nobody could beat
    assert not verdicts.judge({"other": 3})
    now = 65.0
    assert not verdicts.judge({"other": 4})
    for now in (75.0, 85.0, 94.0):  # noqa: B007 - read by the clock
        assert not verdicts.judge({"other": 4})
    now = 96.0
    assert verdicts.judge({"other": 4}) == {"other"}
