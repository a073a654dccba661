"""Process trees: memory, tags, descendants and their end."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time

import numpy as np
import pytest

from seasoned.execution._system import process_tree
from seasoned.execution._system.process_tree import descendants, kill_tree, process_table, resident, tagged, tree_memory


@pytest.fixture
def family():
    """A process with a child, tagged, each using 50 MB."""
    code = "import os, time; os.fork(); data = os.urandom(50_000_000); print('.', flush=True); time.sleep(1000)"
    tag = f"{secrets.token_hex(8)}/1"
    environment = os.environ | {"SEASONED_WORKER": tag}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        process.stdout.read(4)
        yield process, tag
        kill_tree(process.pid, tag)


def test_tree_memory_counts_all_and_shared_pages_once(family):
    family, _ = family
    (child,) = descendants(family.pid)
    assert 100_000_000 < tree_memory(family.pid) < 160_000_000
    assert tree_memory(family.pid) <= resident(family.pid) + resident(child)
    assert tree_memory(2**22 + 1) == 0


def test_tags_are_found_by_whole_names(family):
    family, tag = family
    members = {family.pid} | descendants(family.pid)
    driver = tag.removesuffix("/1")
    assert tagged(tag) == tagged(driver) == members
    assert tagged(driver[:-1]) == tagged(f"{tag}1") == tagged(tag[1:]) == set()


def test_kill_tree_leaves_none_and_spares_others(family):
    family, tag = family
    members = {family.pid} | descendants(family.pid)
    assert kill_tree(family.pid, tag) == members
    family.wait(60)
    deadline = time.monotonic() + 60
    while members & set(process_table()):
        assert time.monotonic() < deadline
    assert os.getpid() in process_table()


def test_other_systems_read_processes_through_psutil(family, monkeypatch):
    monkeypatch.setattr("seasoned.execution._system.process_tree.LINUX", False)
    family, tag = family
    (child,) = descendants(family.pid)
    assert tagged(tag) == set()
    assert resident(child) > 40_000_000
    assert resident(2**22 + 1) == 0
    assert process_table()[child] == family.pid
    assert kill_tree(family.pid, tag) == {family.pid, child}
    family.wait(60)


@pytest.mark.parametrize("linux", [True, False])
def test_helpers_of_multiprocessing_are_known_by_their_command_line(linux, monkeypatch):
    """Without /proc, too: otherwise the helpers would be killed as processes left behind by a task."""
    if linux and not process_tree.LINUX:
        pytest.skip("there is no /proc")
    monkeypatch.setattr(process_tree, "LINUX", linux)
    wait = "import sys; print(flush=True); sys.stdin.read()"
    children = [
        subprocess.Popen([sys.executable, "-c", wait, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for words in (["resource_tracker"], ["something"])
    ]
    try:
        for child in children:
            child.stdout.readline()
        assert [process_tree.is_service(child.pid) for child in children] == [True, False]
        assert process_tree.parent_of(children[0].pid) == os.getpid()
    finally:
        for child in children:
            child.communicate()
    gone = children[0].pid
    assert not process_tree.is_service(gone)
    assert process_tree.parent_of(gone) is None


def test_a_signal_to_a_process_that_is_gone_is_no_error(monkeypatch):
    """On Windows a process that is gone is an OSError without a class of its own."""

    def gone(pid, _):
        raise OSError(22, f"the parameter is incorrect: {pid}")

    monkeypatch.setattr(os, "kill", gone)
    process_tree.signal_all({1, 2}, 9)


def test_a_process_older_than_its_parent_is_no_child(monkeypatch):
    import psutil

    class Process:
        def __init__(self, pid, ppid, born, status="running"):
            self.info = {"pid": pid, "ppid": ppid, "create_time": born, "status": status}

    table = [Process(1, 0, 0.0), Process(7, 1, 50.0), Process(8, 7, 60.0), Process(9, 7, 10.0), Process(10, 99, 5.0)]
    monkeypatch.setattr(process_tree, "LINUX", False)
    monkeypatch.setattr(psutil, "process_iter", lambda _: iter([*table, Process(11, 7, 70.0, psutil.STATUS_ZOMBIE)]))
    assert process_tree.process_table() == {1: 0, 7: 1, 8: 7, 9: 0, 10: 0}
    assert process_tree.descendants(7) == {8}


@pytest.mark.skipif(not process_tree.LINUX, reason="files in memory are told apart on Linux alone")
def test_a_mapped_file_is_no_private_memory(tmp_path):
    np.save(tmp_path / "large.npy", np.ones(4_000_000))
    whole, own = process_tree.resident(os.getpid()), process_tree.private(os.getpid())
    mapped = np.load(tmp_path / "large.npy", mmap_mode="r")
    assert mapped.sum() == 4_000_000
    assert process_tree.resident(os.getpid()) - whole > 25_000_000
    assert process_tree.private(os.getpid()) - own < 10_000_000
