"""Limits on the threads of numerical libraries, set by several threads of Python at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sklearn.ensemble  # noqa: F401 - loads an OpenMP
from threadpoolctl import threadpool_info, threadpool_limits

from seasoned._util.blas_threads import one_thread, openmp_threads


def threads(kind="blas"):
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == kind]


@pytest.fixture
def two():
    """BLAS has two threads, where it can."""
    np.ones((2, 2)) @ np.ones((2, 2))
    with threadpool_limits(2, "blas"):
        if 2 not in threads():
            pytest.skip("BLAS has but one thread here")
        yield threads()


@pytest.fixture
def another():
    """Another thread of Python: what it is given, it does before this one goes on."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda function, *given: pool.submit(function, *given).result(60)


def test_limits_that_overlap_leave_blas_as_it_was(two, another):
    a, b = one_thread(), one_thread()
    a.__enter__()
    another(b.__enter__)
    a.__exit__(None, None, None)
    assert set(threads()) == {1}, "the other thread is still inside"
    another(b.__exit__, None, None, None)
    assert threads() == two


def test_each_thread_can_limit_blas_after_another_one(two, another):
    with one_thread():
        pass
    found = one_thread()
    another(found.__enter__)
    assert set(threads()) == {1}
    another(found.__exit__, None, None, None)
    assert threads() == two
    with one_thread():
        assert set(threads()) == {1}
    assert threads() == two


def test_a_limit_on_openmp_leaves_blas_unchanged(two, another):
    a, b = one_thread(), openmp_threads(1)
    a.__enter__()
    another(b.__enter__)
    a.__exit__(None, None, None)
    another(b.__exit__, None, None, None)
    assert threads() == two


def test_openmp_is_limited_in_the_calling_thread_only(another):
    with threadpool_limits(3, "openmp"):
        before = another(threads, "openmp")
        with openmp_threads(2):
            assert set(threads("openmp")) == {2}
            assert another(threads, "openmp") == before
        assert set(threads("openmp")) == {3}
        with openmp_threads(5):
            assert set(threads("openmp")) == {3}, "never more than were asked for"


def test_one_thread_restores_the_number_of_threads():
    from threadpoolctl import threadpool_info

    before = [library["num_threads"] for library in threadpool_info()]
    with one_thread():
        inside = [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
    assert set(inside) == {1}
    assert [library["num_threads"] for library in threadpool_info()] == before
