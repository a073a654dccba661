"""Shared by all tests: optional services, and a loud line about what was left out for lack of them."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from optional import LEFT_OUT
from warm_workers import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]

# machines differ: no example is failed for being slow; and a rare case must not fail somebody else's change
settings.register_profile("seasoned", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("proof", settings.get_profile("seasoned"), derandomize=False)  # `make proof` draws anew
settings.load_profile("seasoned")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell's `&` has it, and every process begun here would
    signal.signal(signal.SIGINT, signal.default_int_handler)

POSTGRES = "SEASONED_TEST_POSTGRES"
os.environ["SEASONED_EXPERIENCE"] = "none"  # what "default" is: no test reads or adds to anybody's own store


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


def pytest_collection_modifyitems(items):
    if POSTGRES in os.environ:
        return
    for item in items:
        if item.get_closest_marker("postgres"):
            item.add_marker(pytest.mark.skip(reason=f"{POSTGRES} names no PostgreSQL server"))


def pytest_terminal_summary(terminalreporter):
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for mark, what, cure in (
        (POSTGRES, "PostgreSQL", f"set {POSTGRES} to a server's URL to run them"),
        (LEFT_OUT, "models' and networks'", "pip install --editable '.[boosters,grad]' to run them"),
    ):
        if left_out := sum(mark in reason for reason in reasons):
            line = f"!!! {left_out} {what} tests were SKIPPED: {cure} !!!"
            terminalreporter.write_line(line, red=True, bold=True)
