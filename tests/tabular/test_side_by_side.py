"""Calls beside the search: what is ready, what failed, and what there was no time for."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from in_process import Here
from seasoned.tabular.budget.parallel_map import parallel_map


def budget(*, full=False, stopped=False):
    return SimpleNamespace(trial_memory=None, full=full, stop=lambda: stopped, explain=lambda reason: reason)


def ratio(a, b):
    return a / b


def test_what_failed_is_left_out_and_the_rest_keeps_its_place():
    with Here() as executor:
        found = parallel_map(executor, ratio, [(4, 2), (1, 0), (9, 3)], budget(), math.inf)
    assert found == {0: 2.0, 2: 3.0}
    assert list(found) == [0, 2]


def test_without_calls_there_is_nothing():
    with Here() as executor:
        assert parallel_map(executor, ratio, [], budget(), -math.inf) == {}


@pytest.mark.parametrize(("more", "end"), [({}, 0.0), ({"full": True}, math.inf), ({"stopped": True}, math.inf)])
def test_nothing_is_given_where_not_all_is_ready(more, end):
    with Here() as executor:
        assert parallel_map(executor, ratio, [(1, 1)], budget(**more), end) is None
