"""Shared by all tests: optional services, and a loud line about what was left out for lack of them."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings

from warm_workers import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]

settings.register_profile("seasoned", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("seasoned")  # machines differ: no example is failed for being slow

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


def pytest_collection_modifyitems(items):
    if POSTGRES in os.environ:
        return
    for item in items:
        if item.get_closest_marker("postgres"):
            item.add_marker(pytest.mark.skip(reason=f"{POSTGRES} names no PostgreSQL server"))


def pytest_terminal_summary(terminalreporter):
    left_out = [report for report in terminalreporter.stats.get("skipped", []) if POSTGRES in str(report.longrepr)]
    if left_out:
        terminalreporter.write_line(
            f"!!! {len(left_out)} PostgreSQL tests were SKIPPED: set {POSTGRES} to a server's URL to run them !!!",
            red=True,
            bold=True,
        )
