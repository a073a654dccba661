"""Workers that stay warm from test to test: they are reused only where the environment is the same.

To start one takes seconds of processor time, most of it imports. So tests that have `cache` and `cache_folder` (a
room's conftest.py imports them) have one cache folder, empty at the beginning of each, and pytest's note of the present
test is taken out of the environment while such a test runs. Their workers have one thread each, and are of one kind.
"""

from __future__ import annotations

import os
import shutil

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if "cache_folder" in pyfuncitem.fixturenames:
        os.environ.pop("PYTEST_CURRENT_TEST", None)  # pytest sets it anew for what follows the test
    return (yield)


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("shared") / "cache"


@pytest.fixture(autouse=True)
def cache(cache_folder, monkeypatch):
    shutil.rmtree(cache_folder, ignore_errors=True)
    monkeypatch.setenv("SEASONED_CACHE", str(cache_folder))
    one_thread_each(monkeypatch)
    return cache_folder


def one_thread_each(patch):
    """Test processes share the cores: of more than one thread in a worker each would wait for the others, actively."""
    for module in ("seasoned.execution.local", "seasoned.tabular.ensemble.early_model"):
        patch.setattr(f"{module}.cpu_count", lambda: 1)
