"""Storages for tests of studies."""

from __future__ import annotations

import pytest

from seasoned.storage import MemoryStorage, SqlStorage


@pytest.fixture(params=["memory", "sqlite"])
def storage(request, tmp_path):
    if request.param == "memory":
        yield MemoryStorage()
    else:
        store = SqlStorage(f"sqlite:///{tmp_path}/s.db")
        yield store
        store.close()
