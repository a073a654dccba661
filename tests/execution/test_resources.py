from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time

import pytest
from joblib import Parallel, delayed

from seasoned.errors import InvalidInput
from seasoned.execution._system import process_tree
from seasoned.execution._system.process_tree import descendants, kill_tree, process_table, resident, tagged, tree_memory
from seasoned.execution._system.resources import CPUS, cpu_count, free_memory, memory_limit, parse_memory

CORES = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8GB", 8 * 10**9),
        ("8 gb", 8 * 10**9),
        ("8G", 8 * 10**9),
        ("512MiB", 512 * 2**20),
        ("1.5 GiB", 3 * 2**29),
        (".5kB", 500),
        ("100", 100),
        ("100B", 100),
        ("2T", 2 * 10**12),
        (1024, 1024),
        (1e9, 10**9),
    ],
)
def test_parse_memory(text, expected):
    assert parse_memory(text) == expected


@pytest.mark.parametrize(
    "size", ["", "GB", "8 XB", "-1GB", "1e9", "nan", "0", 0, -5, float("nan"), float("inf"), True, "8GBs", "iB"]
)
def test_parse_memory_refuses(size):
    with pytest.raises(InvalidInput, match="is no size of memory"):
        parse_memory(size)


def _tree(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


V2 = {"proc/self/cgroup": "0::/user/job\n"}
V1 = {"proc/self/cgroup": "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/x\n"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, CORES),
        (V2, CORES),
        (V2 | {"sys/fs/cgroup/user/job/cpu.max": "max 100000\n"}, CORES),
        (V2 | {"sys/fs/cgroup/user/job/cpu.max": "150000 100000\n"}, 1),
        (V2 | {"sys/fs/cgroup/user/job/cpu.max": "max 100000\n", "sys/fs/cgroup/user/cpu.max": "50000 100000\n"}, 1),
        (V1 | {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, CORES),
        (V1 | {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"proc/self/cgroup": "0::/../../odd\n", "sys/fs/cgroup/cpu.max": "100000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": ""}, CORES),
    ],
)
def test_cpu_quota(tmp_path, files, expected):
    assert cpu_count(_tree(tmp_path, files)) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (V2 | {"sys/fs/cgroup/user/job/memory.max": "123456789\n"}, 123456789),
        (V2 | {"sys/fs/cgroup/user/job/memory.max": "max\n", "sys/fs/cgroup/user/memory.max": "1000\n"}, 1000),
        (V1 | {"sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "2000\n"}, 2000),
        (V1 | {"sys/fs/cgroup/memory/memory.limit_in_bytes": "3000\n"}, 3000),
        (V1 | {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ({}, None),
    ],
)
def test_memory_limit_is_the_smaller(tmp_path, files, expected):
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert memory_limit(_tree(tmp_path, files)) == (expected or physical)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (V2 | {"sys/fs/cgroup/user/job/memory.max": "9000\n", "sys/fs/cgroup/user/job/memory.current": "7000\n"}, 2000),
        (
            V2
            | {
                "sys/fs/cgroup/user/job/memory.max": "9000\n",
                "sys/fs/cgroup/user/job/memory.current": "7000\n",
                "sys/fs/cgroup/user/job/memory.stat": "anon 2000\nfile 5000\ninactive_file 3000\nactive_file 1000\n",
                "sys/fs/cgroup/user/memory.max": "50000\n",
            },
            6000,
        ),
        (
            V1
            | {
                "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "5000\n",
                "sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes": "4500\n",
                "sys/fs/cgroup/memory/docker/abc/memory.stat": "inactive_file 10\ntotal_inactive_file 100\n",
            },
            600,
        ),
        (V2 | {"sys/fs/cgroup/user/job/memory.max": "10\n", "sys/fs/cgroup/user/job/memory.current": "70\n"}, 0),
        (V2 | {"sys/fs/cgroup/user/job/memory.max": "1234\n"}, 1234),
    ],
)
def test_free_memory_is_what_the_group_has_left(tmp_path, files, expected):
    assert free_memory(_tree(tmp_path, files)) == expected


def test_without_limits_it_is_what_the_machine_has_left(tmp_path):
    assert 0 < free_memory(tmp_path) <= memory_limit(tmp_path)


def test_affinity_counts():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from seasoned.execution._system.resources import cpu_count; print(cpu_count())"
    )
    assert _python(code) == "1"


def test_a_share_counts(monkeypatch):
    monkeypatch.setenv(CPUS, "1")
    assert cpu_count() == 1
    monkeypatch.setenv(CPUS, "nonsense")
    assert cpu_count() == CORES


def test_joblib_workers_count_their_share():
    counts = Parallel(n_jobs=2)(delayed(cpu_count)() for _ in range(2))
    assert counts == [max(1, CORES // 2)] * 2


def test_pool_workers_count_one():
    code = (
        "import multiprocessing; from seasoned.execution._system.resources import cpu_count\n"
        "with multiprocessing.get_context('fork').Pool(1) as pool: print(pool.apply(cpu_count))"
    )
    assert _python(code) == "1"


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_an_executor_share_the_cores(method, workers):
    code = (
        "import multiprocessing, concurrent.futures as pools\n"
        "from seasoned.execution._system.resources import cpu_count\n"
        f"start = {{'max_workers': {workers}, 'mp_context': multiprocessing.get_context({method!r})}}\n"
        "if __name__ == '__main__':\n"
        "    with pools.ProcessPoolExecutor(**start) as pool: print(pool.submit(cpu_count).result())"
    )
    assert _python(code) == str(max(1, CORES // workers))


def _python(code):
    path = os.pathsep.join(path for path in sys.path if path)
    environment = os.environ | {"PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


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


def test_other_systems_go_through_psutil(family, monkeypatch):
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
    """Where there is no /proc they counted as what a task had left, and were killed."""
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
        assert process_tree._parent(children[0].pid) == os.getpid()
    finally:
        for child in children:
            child.communicate()
    gone = children[0].pid
    assert not process_tree.is_service(gone)
    assert process_tree._parent(gone) is None


def test_a_signal_for_whom_nobody_knows_any_more_is_no_error(monkeypatch):
    """On Windows a process that is gone is an OSError without a class of its own."""

    def gone(pid, _):
        raise OSError(22, f"the parameter is incorrect: {pid}")

    monkeypatch.setattr(os, "kill", gone)
    process_tree.signal_all({1, 2}, 9)
