"""Resources of the machine: sizes of memory, cores, and limits of control groups."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from seasoned.errors import InvalidInput
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
def test_sizes_of_memory_are_parsed(text, expected):
    assert parse_memory(text) == expected


@pytest.mark.parametrize(
    "size", ["", "GB", "8 XB", "-1GB", "1e9", "nan", "0", 0, -5, float("nan"), float("inf"), True, "8GBs", "iB"]
)
def test_wrong_sizes_of_memory_are_refused(size):
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
def test_the_number_of_cores_respects_the_quota_of_the_group(tmp_path, files, expected):
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
def test_the_memory_limit_is_that_of_the_group_or_of_the_machine(tmp_path, files, expected):
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


def test_free_memory_without_limits_is_that_of_the_machine(tmp_path):
    assert 0 < free_memory(tmp_path) <= memory_limit(tmp_path)


def test_the_number_of_cores_respects_the_affinity():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from seasoned.execution._system.resources import cpu_count; print(cpu_count())"
    )
    assert _python(code) == "1"


def test_the_number_of_cores_respects_a_given_share(monkeypatch):
    monkeypatch.setenv(CPUS, "1")
    assert cpu_count() == 1
    monkeypatch.setenv(CPUS, "nonsense")
    assert cpu_count() == CORES


def test_joblib_workers_count_their_share():
    code = (  # in a process of its own: joblib keeps its workers for minutes
        "from joblib import Parallel, delayed; from seasoned.execution._system.resources import cpu_count\n"
        "print(Parallel(n_jobs=2)(delayed(cpu_count)() for _ in range(2)))"
    )
    assert _python(code) == str([max(1, CORES // 2)] * 2)


def test_workers_of_a_multiprocessing_pool_count_one_core():
    code = (
        "import multiprocessing; from seasoned.execution._system.resources import cpu_count\n"
        "with multiprocessing.get_context('fork').Pool(1) as pool: print(pool.apply(cpu_count))"
    )
    assert _python(code) == "1"


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_a_process_pool_executor_share_the_cores(method, workers):
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
