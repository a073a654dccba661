"""Log lines of trials: one line for each trial, with place and reason of a failure."""

from __future__ import annotations

import logging
import time

import pytest

from seasoned import Float, Int, Random, Space, Study, maximize, minimize

MIXED = Space(x=Float(-1, 1), n=Int(1, 5))


SPACE = Space(x=Float(0, 1))


def logged(caplog, level=logging.INFO):
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


def fails(config):
    raise ValueError("the file\nis not there")


def hangs(config):
    time.sleep(60)


def test_a_failed_trial_is_logged_with_file_and_line(caplog):
    with caplog.at_level(logging.INFO, "seasoned.study"):
        Study(SPACE, seed=0).optimize(fails, trials=1)
    (line,) = logged(caplog)
    assert line.startswith("trial 0 failed after ")
    assert "s: ValueError: the file (" in line
    assert line.endswith(f"test_trial_log_lines.py, line {fails.__code__.co_firstlineno + 1})")


def test_a_trial_killed_at_its_limit_is_logged_in_one_line(caplog):
    with caplog.at_level(logging.INFO, "seasoned.study"):
        Study(SPACE, seed=0).optimize(hangs, trials=1, trial_time_limit=0.3)
    (line,) = logged(caplog)
    assert "the task was killed at its limit of 0.3 s of wall time" in line
    assert "\n" not in line


def test_the_traceback_of_a_failure_is_logged_at_debug_level(caplog):
    with caplog.at_level(logging.DEBUG, "seasoned.study"):
        Study(SPACE, seed=0).optimize(fails, trials=1)
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("search", [minimize, maximize])
def test_a_value_is_logged_as_the_objective_returned_it(caplog, search):
    with caplog.at_level(logging.INFO, "seasoned.study"):
        search(lambda config: 0.25, SPACE, trials=1, sampler=Random(), progress=False)
    assert logged(caplog)[0].endswith("s: 0.25")


def test_a_callback_may_write_the_log_lines_instead(caplog):
    class Lines:
        logs_trials = True

        def __call__(self, study, trial):
            logging.getLogger("mine").info("trial %d", trial.number)

    with caplog.at_level(logging.INFO):
        Study(SPACE, seed=0).optimize(lambda config: 0.5, trials=2, callbacks=[Lines()], progress=False)
    assert logged(caplog) == ["trial 0", "trial 1"]


def loss(config):
    return config["x"] ** 2 + config["n"]


def test_a_run_with_nothing_left_to_do_is_logged(caplog):
    study = Study(MIXED, sampler=Random(), seed=0)
    study.optimize(lambda config: config["missing"], trials=3)
    assert caplog.text.count("test_trial_log_lines.py, line ") == 3, "where it failed"
    caplog.clear()
    study.optimize(loss, trials=3)
    assert "holds 3 finished trials already (3 of them failed): with trials=3 nothing is run" in caplog.text
