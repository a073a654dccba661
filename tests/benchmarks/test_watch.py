"""What a run takes of the machine, and what others take meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time

import psutil

from comparison.watch import Account, Others, Tree, watch


def ours_alone():
    """The processes that this one has begun; other tests at work beside this one would be taken for what is meant."""
    return psutil.Process().children(recursive=True)


def test_memory_counts_the_whole_tree_and_nothing_is_left_behind(tmp_path):
    script = """
        import subprocess, sys, time
        eat = "import os, time; x = bytearray(200_000_000); print(os.getpid(), flush=True); time.sleep(60)"
        child = subprocess.Popen([sys.executable, "-c", eat], start_new_session=True, stdout=subprocess.PIPE, text=True)
        print(child.stdout.readline(), flush=True)
        time.sleep(2)
        """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    outcome = watch(command, env=os.environ, log=tmp_path / "log", limit=60, sparing=1)
    assert outcome.code == 0
    assert outcome.peak_bytes > 200_000_000
    pid = int((tmp_path / "log").read_text().split()[0])
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_others_take_of_the_machine_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(psutil, "process_iter", ours_alone)
    spin = [sys.executable, "-c", "import time; end = time.time() + 2\nwhile time.time() < end: pass"]
    with subprocess.Popen(spin):
        outcome = watch(
            [sys.executable, "-c", "import time; time.sleep(1)"], env=os.environ, log=tmp_path / "log", limit=30
        )
    assert 0.3 < outcome.others < os.cpu_count() + 0.2  # clocks of different grain


def test_what_the_tree_itself_takes_counts_for_nobody_else(monkeypatch):
    work = "import time; end = time.process_time() + 0.6\nwhile time.process_time() < end: pass"
    script = f"import subprocess, sys; [subprocess.Popen([sys.executable, '-c', {work!r}]) for _ in range(2)][1].wait()"
    child = subprocess.Popen([sys.executable, "-c", script])
    tree, account = Tree(child.pid), Account()
    monkeypatch.setattr(psutil, "process_iter", ours_alone)
    others, spent = Others(tree), 0.0
    own = sum(psutil.Process().cpu_times()[:2])
    while child.poll() is None:
        spent = account.seconds(tree.processes())
        taken = others.seconds()
        time.sleep(0.05)
    assert spent > 0.6
    looking = sum(psutil.Process().cpu_times()[:2]) - own
    assert taken < looking + 0.1


def test_processor_time_of_those_that_outlive_their_parents_stays(tmp_path):
    work = "import time\nend = time.process_time() + 0.6\nwhile time.process_time() < end: pass"
    orphan = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {work!r}]); time.sleep(0.3)"
    script = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {orphan!r}]); time.sleep(2)"
    child = subprocess.Popen([sys.executable, "-c", script])
    tree, account, most = Tree(child.pid), Account(), 0.0
    while child.poll() is None:
        now = account.seconds(tree.processes())
        assert now >= most - 0.05
        most = max(most, now)
        time.sleep(0.02)
    assert most > 0.55
