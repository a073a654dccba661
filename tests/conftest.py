"""Shared by all tests: optional services, and a loud line about what was left out for lack of them."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg  # noqa: F401  # loads the BLAS that is limited below
from hypothesis import HealthCheck, settings
from threadpoolctl import threadpool_limits

from optional import LEFT_OUT
from warm_workers import pytest_pyfunc_call
from whole import mark

__all__ = ["pytest_pyfunc_call"]

# machines differ: no example is failed for being slow; and a rare case must not fail somebody else's change
settings.register_profile("seasoned", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("proof", settings.get_profile("seasoned"), derandomize=False)  # `make proof` draws anew
settings.load_profile("seasoned")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell's `&` has it, and every process begun here would
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # as `nohup` has it
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

COMPILED = {  # what JAX compiles is kept from module to module, from process to process and from run to run
    "JAX_COMPILATION_CACHE_DIR": str(Path(__file__).parents[1] / ".pytest_cache" / "jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
os.environ.update({name: os.environ.get(name, value) for name, value in COMPILED.items()})

POSTGRES = "SEASONED_TEST_POSTGRES"
SKIPPED = "SEASONED_TEST_SKIPPED"
"""The name of a file to write the skipped tests to, one a line, as arguments for another run (`.ci/run`)."""
os.environ["SEASONED_EXPERIENCE"] = "none"  # what "default" is: no test reads or adds to anybody's own store


@pytest.fixture(scope="session", autouse=True)
def one_thread_of_blas():
    """Test processes share the cores: threads of BLAS of all of them would wait for each other, actively."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(scope="module", autouse=True)
def compiled_programs_are_forgotten():
    """JAX keeps all that it compiled; after hundreds of tests that is gigabytes in this process."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture(autouse=True)
def rows_do_not_hang_on_what_ran_before(request, monkeypatch):
    """A module's generator, if it has one, begins anew for each test."""
    if hasattr(request.module, "RNG"):
        monkeypatch.setattr(request.module, "RNG", np.random.default_rng(0))


@pytest.hookimpl(tryfirst=True)  # before marks select
def pytest_collection_modifyitems(items):
    mark(items)
    if POSTGRES in os.environ:
        return
    for item in items:
        if item.get_closest_marker("postgres"):
            item.add_marker(pytest.mark.skip(reason=f"{LEFT_OUT}: set {POSTGRES} to a PostgreSQL server's URL"))


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    if SKIPPED in os.environ:  # tests, and whole files
        nodes = sorted({report.nodeid for report in skipped})
        Path(os.environ[SKIPPED]).write_text("".join(f"{node}\n" for node in nodes), encoding="utf-8")
    cures = Counter(reason.partition(f"{LEFT_OUT}: ")[2] for reason in (str(report.longrepr[2]) for report in skipped))
    for cure, count in cures.items():
        if cure:
            terminalreporter.write_line(f"!!! {count} SKIPPED: {cure} !!!", red=True, bold=True)
