from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from seasoned.execution._system.process_tree import tagged
from seasoned.execution.local import LocalExecutor, release_workers

SOURCE = Path(__file__).resolve().parents[2] / "src"
PATIENCE = 60.0  # seconds after which something hangs; says nothing about speed


@pytest.fixture(autouse=True)
def _fresh_pool():
    yield
    release_workers()


@pytest.fixture
def executor():
    with LocalExecutor(workers=1, threads=1) as executor:
        yield executor


@pytest.fixture
def run(executor):
    """Run one task and return its outcome."""

    def run(function, *args, **options):
        number = executor.submit(function, *args, **options)
        (outcome,) = executor.wait(PATIENCE)
        assert outcome.task == number
        return outcome

    return run


@pytest.fixture
def script(tmp_path):
    """Start a driver script in a process of its own; its standard output is a pipe of text."""
    started = []

    def start(text, **options):
        file = tmp_path / "driver.py"
        file.write_text(textwrap.dedent(text))
        path = os.pathsep.join([str(SOURCE), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
        process = subprocess.Popen(
            [sys.executable, "-W", "error", str(file)],
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def until():
    """Wait for a condition that must come true."""

    def until(condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"in vain for {PATIENCE:g} s: {what}"
            time.sleep(0.01)

    return until


@pytest.fixture
def assert_no_orphans(until):
    def assert_no_orphans(tag):
        until(lambda: not tagged(tag), f"everything tagged {tag} ends")

    return assert_no_orphans
