"""Memory and processor time of a run and of others meanwhile.

The processes that are watched do what they are asked to and then wait: nothing hangs on when they are looked at.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from comparison import watch as watching
from comparison.watch import Account, Others, Tree, watch

PATIENCE = 120.0  # seconds after which something hangs; says nothing about speed
WORK = 0.6  # seconds of processor time
GRAIN = 0.05  # of clocks of processor time
START = f"""
import os, subprocess, sys, time
def until(name):
    while not os.path.exists(name):
        time.sleep(0.01)
def done(name):
    open(name, "w").close()
def work():
    end = time.process_time() + {WORK}
    while time.process_time() < end:
        pass
def begin(code):
    return subprocess.Popen([sys.executable, "-c", open("start.py").read() + code])
"""


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """Start a process by its code; all end with the test."""
    monkeypatch.chdir(tmp_path)
    Path("start.py").write_text(START)
    with contextlib.ExitStack() as stack:

        def begin(code):
            child = stack.enter_context(subprocess.Popen([sys.executable, "-c", START + code]))
            stack.callback(Tree(child.pid).kill)
            return child

        yield begin


def until(found, meanwhile=lambda: None):
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < deadline
        meanwhile()
        time.sleep(0.02)


def ours_alone():
    """The processes that this one has begun; other tests at work beside this one would be taken for what is meant."""
    return iter(psutil.Process().children(recursive=True))


def spent_here():
    return sum(psutil.Process().cpu_times()[:2])


def test_memory_counts_the_whole_tree_and_nothing_is_left_behind(tmp_path, monkeypatch):
    eat = "import os, time; x = bytearray(200_000_000); print(os.getpid(), flush=True); time.sleep(1000)"
    code = f"""
child = subprocess.Popen([sys.executable, "-c", {eat!r}], start_new_session=True, stdout=subprocess.PIPE, text=True)
print(child.stdout.readline(), flush=True)
until("seen")
"""
    memory = Tree.memory

    def look(tree):
        found = memory(tree)
        if found > 200_000_000:
            Path("seen").touch()
        return found

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Tree, "memory", look)
    command = [sys.executable, "-c", START + code]
    outcome = watch(command, env=os.environ, log=tmp_path / "log", limit=PATIENCE, sparing=1)
    assert outcome.code == 0
    assert outcome.peak_bytes > 200_000_000
    pid = int((tmp_path / "log").read_text().split()[0])
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_what_others_take_of_the_machine_is_noticed(begin, monkeypatch):
    monkeypatch.setattr(psutil, "process_iter", ours_alone)
    begin("done('ready'); until('go'); work(); done('worked'); until('end')")
    idle = begin("until('end')")
    until(Path("ready").exists)
    own = spent_here()
    others = Others(Tree(idle.pid))
    Path("go").touch()
    until(Path("worked").exists)
    taken = others.seconds()
    assert WORK - GRAIN < taken < 1.5 * WORK + spent_here() - own
    Path("end").touch()


def test_what_others_take_is_told_in_cores(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "Others", lambda tree: SimpleOthers())
    outcome = watch([sys.executable, "-c", ""], env=os.environ, log=tmp_path / "log", limit=PATIENCE)
    assert outcome.others == pytest.approx(3.0 / outcome.seconds)


class SimpleOthers:
    """Others that took three seconds."""

    def seconds(self):
        return 3.0


def test_what_the_tree_itself_takes_counts_for_nobody_else(begin, monkeypatch):
    child = begin(
        "both = [begin('work()') for _ in range(2)]; [one.wait() for one in both]; done('worked'); until('end')"
    )
    tree, account = Tree(child.pid), Account()
    monkeypatch.setattr(psutil, "process_iter", ours_alone)
    own = spent_here()
    others = Others(tree)
    until(Path("worked").exists, lambda: (account.seconds(tree.processes()), others.seconds()))
    assert account.seconds(tree.processes()) > 2 * (WORK - GRAIN)
    taken = others.seconds()
    assert taken <= spent_here() - own + 2 * GRAIN
    Path("end").touch()


def test_one_that_begins_during_a_look_is_no_other(begin, monkeypatch):
    """It belongs to the tree, though the tree was looked at before it was there."""
    child = begin("until('go'); one = begin('done(\"there\"); work(); done(\"worked\"); until(\"end\")'); until('end')")
    tree, processes = Tree(child.pid), Tree.processes
    monkeypatch.setattr(psutil, "process_iter", ours_alone)
    own = spent_here()
    others = Others(tree)

    def slow(tree):
        found = processes(tree)
        Path("go").touch()
        until(Path("worked").exists)
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Tree, "processes", slow)
        assert others.seconds() <= spent_here() - own + 2 * GRAIN
    Path("end").touch()


def test_processor_time_of_those_that_outlive_their_parents_stays(begin):
    orphan = "done('begun'); until('go'); work(); done('worked'); until('end')"
    parent = f"""begin({orphan!r}); until("seen")"""
    child = begin(f"begin({parent!r}).wait(); done('alone'); until('over')")
    tree, account, seen = Tree(child.pid), Account(), [0.0]

    def look():
        now = account.seconds(tree.processes())
        assert now >= seen[-1] - GRAIN
        seen.append(now)

    until(Path("begun").exists, look)
    look()
    Path("seen").touch()
    until(Path("alone").exists, look)
    Path("go").touch()
    until(Path("worked").exists, look)
    look()
    Path("end").touch()
    until(lambda: len(tree.processes()) == 1, look)
    look()
    assert seen[-1] > WORK - GRAIN
    Path("over").touch()
