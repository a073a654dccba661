"""Driver processes that are killed, forked or interrupted: no finished trial is lost, no process is left."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from seasoned import Float, Random, Space, Study
from seasoned.fidelity import SuccessiveHalving
from seasoned.storage import SqlStorage
from seasoned.trials import Created, Finished, StudySpec, Suggested, TrialState

SPACE = Space(x=Float(0, 1))

DRIVER = """
import os, sys, time
from seasoned import Float, Sobol, Space, Study

url, seen, workers, trials = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
log = os.open(seen, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def witness(study, trial):
    "What the outside world was told: written after the trial was stored."
    os.write(log, f"{trial.number} {trial.value!r}\\n".encode())

def f(config):
    time.sleep(config["x"] * 0.02)
    return config["x"]

study = Study(Space(x=Float(0, 1)), sampler=Sobol(), storage=url, name="s", seed=1)
study.optimize(f, trials=trials, workers=workers, callbacks=[witness])
"""


def marked(mark):
    """Processes that inherited the mark, the ended ones that nobody has collected left out."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SEASONED_TEST_MARK") == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def wait_until_gone(mark, seconds=15):
    deadline = time.monotonic() + seconds
    while (left := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, f"left running: {[process.cmdline() for process in left]}"


class Arena:
    """One study on SQLite and its drivers."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.url = f"sqlite:///{folder}/s.db"
        self.seen = self.folder / "seen"
        self.script = self.folder / "driver.py"
        self.script.write_text(DRIVER)

    def start(self, workers, trials, mark):
        command = [sys.executable, self.script, self.url, self.seen, str(workers), str(trials)]
        with (self.folder / "err").open("ab") as errors:
            return subprocess.Popen(command, env={**os.environ, "SEASONED_TEST_MARK": mark}, stderr=errors)

    def told(self):
        """Size of the file of witnessed trials, in bytes."""
        return self.seen.stat().st_size if self.seen.exists() else 0

    def await_more(self, told):
        deadline = time.monotonic() + 60
        while self.told() == told:
            assert time.monotonic() < deadline, (self.folder / "err").read_text()[-2000:]
            time.sleep(0.01)

    def check(self):
        with closing(sqlite3.connect(self.folder / "s.db")) as connection, connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
        storage = SqlStorage(self.url)
        events = storage.open("s", Created(StudySpec(SPACE, seed=1))).read()  # a driver may have been killed before
        storage.close()
        counts = Counter((type(e), e.number) for e in events if isinstance(e, Suggested | Finished))
        assert set(counts.values()) <= {1}, "a trial was counted twice"
        stored = {e.number: e for e in events if isinstance(e, Finished)}
        for line in self.seen.read_text().splitlines() if self.seen.exists() else []:
            number, value = line.split()
            assert int(number) in stored, "a trial that was told to the world is lost"
            told = stored[int(number)].values
            assert repr(told[0] if told else None) == value, "a stored value changed"
        return stored


def storm(folder, kills, seed):
    """Kill drivers and workers at random moments, again and again; then let one driver finish."""
    arena, rng, done = Arena(folder), random.Random(seed), 0
    while done < kills:
        mark, told = uuid.uuid4().hex, arena.told()
        driver = arena.start(rng.choice([1, 2]), 100_000, mark)
        try:
            if done % 3:  # in the middle of its trials
                arena.await_more(told)
                time.sleep(rng.uniform(0.0, 0.5))
            else:  # while it starts, perhaps
                time.sleep(rng.uniform(0.2, 1.2))
            workers = [p for p in marked(mark) if "seasoned.execution.workers.worker" in " ".join(p.cmdline())]
            if workers and rng.random() < 0.6:
                rng.choice(workers).kill()
                done += 1
                time.sleep(rng.uniform(0.0, 0.3))
                assert driver.poll() is None, "a killed worker ended its driver"
        finally:
            driver.send_signal(signal.SIGKILL)
            driver.wait()
        done += 1
        wait_until_gone(mark)
        if arena.folder.joinpath("s.db").exists():
            arena.check()
    before = arena.check()
    assert before, "no driver had stored anything before it was killed"
    target = len(before) + 10
    mark = uuid.uuid4().hex
    assert arena.start(2, target, mark).wait(120) == 0, (arena.folder / "err").read_text()[-2000:]
    wait_until_gone(mark)
    stored = arena.check()
    assert sorted(stored) == list(range(target)), "numbers have gaps"
    reasons = {e.error for e in stored.values() if e.state is TrialState.FAILED}
    assert all("SIGKILL" in reason or "its driver died" in reason for reason in reasons), reasons


def test_a_study_survives_six_kills(tmp_path):
    storm(tmp_path, 6, seed=1)


@pytest.mark.slow
def test_a_study_survives_two_hundred_kills(tmp_path):
    storm(tmp_path, 200, seed=2)


def many_processes(folder, processes, trials):
    arena, mark = Arena(folder), uuid.uuid4().hex
    arena.script.write_text(DRIVER.replace('config["x"] * 0.02', "0"))
    drivers = [arena.start(1, trials, mark) for _ in range(processes)]
    codes = [driver.wait(600) for driver in drivers]
    errors = (arena.folder / "err").read_text()
    assert codes == [0] * processes, errors[-2000:]
    assert "locked" not in errors
    stored = arena.check()
    assert sorted(stored) == list(range(trials)), "not exactly the trials asked for, or numbers with gaps"
    assert all(event.state is TrialState.COMPLETE for event in stored.values())
    assert len(arena.seen.read_text().splitlines()) == trials, "a trial was finished by nobody or by two"
    configs = {trial.config for trial in Study(SPACE, storage=arena.url, name="s").trials}
    assert len(configs) == trials, "two drivers drew the same point"


def test_four_processes_share_one_study(tmp_path):
    many_processes(tmp_path, 4, 200)


@pytest.mark.slow
def test_sixteen_processes_share_one_study(tmp_path):
    many_processes(tmp_path, 16, 2000)


def test_a_trial_that_kills_its_driver_three_times_is_failed(tmp_path):
    arena = Arena(tmp_path)
    arena.script.write_text(
        DRIVER.replace("    time.sleep", "    study.trials[-1].number == 2 and os._exit(9)\n    time.sleep")
    )
    codes = [arena.start(1, 5, "none").wait(60) for _ in range(4)]
    assert codes == [9, 9, 9, 0]
    stored = arena.check()
    assert "3 times" in stored[2].error
    assert [stored[number].state for number in (0, 1, 3, 4)] == [TrialState.COMPLETE] * 4


def test_ctrl_c_stops_a_study_and_loses_no_trial(tmp_path):
    arena, mark = Arena(tmp_path), uuid.uuid4().hex
    driver = arena.start(2, 100_000, mark)
    deadline = time.monotonic() + 60
    while not (arena.seen.exists() and arena.seen.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    driver.send_signal(signal.SIGINT)
    try:
        assert driver.wait(30) != 0
    finally:
        driver.kill()
        driver.wait()
    wait_until_gone(mark)
    assert "KeyboardInterrupt" in (arena.folder / "err").read_text()
    stored = arena.check()
    reopened = Study(SPACE, storage=arena.url, name="s")
    running = [trial.number for trial in reopened.trials if trial.state is TrialState.RUNNING]
    assert reopened.ask().number == min(running, default=len(stored))


DIES = """
import os, sys
from seasoned import Float, Random, Space, Study
from seasoned.fidelity import SuccessiveHalving

def train(config, trial):
    if trial.number == 20:
        os._exit(9)
    for step in range(trial.step + 1, trial.budget + 1):
        trial.report(step, config["x"] + 1 / step)
    return config["x"]

study = Study(Space(x=Float(0, 1)), sampler=Random(), storage=sys.argv[1], name="s", fidelity=SuccessiveHalving(max=27))
study.optimize(train, trials=27)
"""


def train(config, trial):
    for step in range(trial.step + 1, trial.budget + 1):
        trial.report(step, config["x"] + 1 / step)
    return config["x"] + 1 / trial.budget


def test_a_killed_driver_is_not_waited_for(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    killed = subprocess.run([sys.executable, "-c", DIES, url], capture_output=True, cwd=tmp_path, check=False)
    assert killed.returncode == 9, killed.stderr.decode()
    study = Study(SPACE, sampler=Random(), storage=url, name="s", fidelity=SuccessiveHalving(max=27))
    asked = []
    timer = threading.Timer(120, lambda: asked.append(study.stop()))  # rather than for ever
    timer.daemon = True
    timer.start()
    study.optimize(train, trials=10)
    timer.cancel()
    assert not asked
    ended = [trial for trial in study.trials if trial.state is not TrialState.RUNNING]
    assert len(ended) >= 10
    assert any(trial.state is TrialState.COMPLETE for trial in ended)


FORKS = """
import os, sys
from seasoned import Float, Random, Space, Study

study = Study(Space(x=Float(0, 1)), sampler=Random(), storage=sys.argv[1], name="s", seed=0)
mine = study.ask()
if os.fork() == 0:
    study.close()
    os._exit(0)
assert os.wait()[1] == 0
other = Study(Space(x=Float(0, 1)), sampler=Random(), storage=sys.argv[1], name="s", seed=0)
print(mine.number, other.ask().number)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_gives_back_no_trials_of_its_parent(tmp_path):
    """In a process of its own: what other tests have loaded does not like to be forked."""
    words = [sys.executable, "-c", FORKS, f"sqlite:///{tmp_path}/s.db"]
    found = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert found.stdout.split() == ["0", "1"], found.stderr
