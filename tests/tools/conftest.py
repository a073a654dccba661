"""Fits of these tests have a cache of their own and take one thread, as in a worker."""

from __future__ import annotations

import pytest
import sklearn.ensemble  # noqa: F401  # loads the OpenMP that is limited below
from threadpoolctl import threadpool_limits

from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    with threadpool_limits(1, user_api="openmp"):
        yield
