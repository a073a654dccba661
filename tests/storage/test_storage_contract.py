"""Contract of storages, checked for each storage."""

from __future__ import annotations

import os

import pytest

from seasoned.storage import MemoryStorage, SqlStorage
from seasoned.storage.checks import STORAGE_CHECKS

STORAGES = ["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=STORAGES)
def make(request, tmp_path):
    """A function that opens the same empty storage each time."""
    if request.param == "memory":
        storage = MemoryStorage()
    elif request.param == "sqlite":
        (tmp_path / "a folder").mkdir()
        storage = SqlStorage(f"sqlite:///{tmp_path}/a folder/ö.db")
    else:
        storage = SqlStorage(os.environ["SEASONED_TEST_POSTGRES"])
        for name in storage.names():
            storage.delete(name)
    yield lambda: storage
    storage.close()


@pytest.mark.parametrize("check", STORAGE_CHECKS, ids=lambda check: check.__name__)
def test_a_storage_keeps_the_contract(make, check):
    check(make)
