"""A trial is one line of the log, whatever became of it."""

from __future__ import annotations

import logging
import time

import pytest

from seasoned import Float, Random, Space, Study, maximize, minimize
from seasoned.errors import InvalidInput
from seasoned.knowledge import Evaluations, quantile_start

SPACE = Space(x=Float(0, 1))


def logged(caplog, level=logging.INFO):
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


def fails(config):
    raise ValueError("the file\nis not there")


def hangs(config):
    time.sleep(60)


def test_a_failed_trial_is_a_line_with_the_place(caplog):
    with caplog.at_level(logging.INFO, "seasoned.study"):
        Study(SPACE, seed=0).optimize(fails, trials=1)
    (line,) = logged(caplog)
    assert line.startswith("trial 0 failed after ")
    assert "s: ValueError: the file (" in line
    assert line.endswith(f"test_log_of_trials.py, line {fails.__code__.co_firstlineno + 1})")


def test_a_trial_that_is_killed_at_its_limit_is_a_line(caplog):
    with caplog.at_level(logging.INFO, "seasoned.study"):
        Study(SPACE, seed=0).optimize(hangs, trials=1, trial_time_limit=0.3)
    (line,) = logged(caplog)
    assert "the task was killed at its limit of 0.3 s of wall time" in line
    assert "\n" not in line


def test_a_traceback_is_there_for_those_who_ask(caplog):
    with caplog.at_level(logging.DEBUG, "seasoned.study"):
        Study(SPACE, seed=0).optimize(fails, trials=1)
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("search", [minimize, maximize])
def test_a_value_is_logged_as_the_user_returns_it(caplog, search):
    with caplog.at_level(logging.INFO, "seasoned.study"):
        search(lambda config: 0.25, SPACE, trials=1, sampler=Random(), progress=False)
    assert logged(caplog)[0].endswith("s: 0.25")


def test_a_callback_may_write_the_lines(caplog):
    class Lines:
        logs_trials = True

        def __call__(self, study, trial):
            logging.getLogger("mine").info("trial %d", trial.number)

    with caplog.at_level(logging.INFO):
        Study(SPACE, seed=0).optimize(lambda config: 0.5, trials=2, callbacks=[Lines()], progress=False)
    assert logged(caplog) == ["trial 0", "trial 1"]


def from_optuna(trial):
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    return rate * trial.suggest_int("depth", 1, 8)


@pytest.mark.parametrize("options", [{}, {"trial_time_limit": 60}])
def test_an_objective_in_optunas_way_is_answered_at_once_by_ours(options):
    study = Study(SPACE, seed=0)
    sentence = (
        r'the objective calls trial.suggest_float\("rate", .* write Space\(rate=Float\(...\)\) and config\["rate"\]'
    )
    with pytest.raises(InvalidInput, match=sentence):
        study.optimize(from_optuna, trials=30, **options)
    assert [trial.state.value for trial in study.trials] == ["running"], "it runs again once the objective is mended"
    study.optimize(lambda config: config["x"], trials=1)
    assert study.best.number == 0


def test_another_missing_attribute_is_a_failed_trial():
    study = Study(SPACE, seed=0)
    study.optimize(lambda config: config.suggestion, trials=2)
    assert all("suggestion" in trial.error for trial in study.trials)


def test_swapped_arguments_are_said():
    sentence = "the space is the function fails; a study is made of a space"
    with pytest.raises(InvalidInput, match=sentence):
        minimize(SPACE, fails, trials=3)
    with pytest.raises(InvalidInput, match=sentence):
        Study(fails)
    with pytest.raises(InvalidInput, match=r"the objective is Space\(.*, which cannot be called"):
        Study(SPACE).optimize(SPACE, trials=3)
    with pytest.raises(InvalidInput, match=r"the space comes first, as in quantile_start\(space, tasks\)"):
        quantile_start([Evaluations([[0.5]], [1.0])], SPACE)
