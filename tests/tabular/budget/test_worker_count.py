"""Workers that a large table leaves room for; a small one and a user's own number stay."""

from __future__ import annotations

import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from seasoned import AutoClassifier
from seasoned.errors import InvalidInput
from seasoned.tabular.budget import worker_count
from seasoned.tabular.budget.budget import Budget
from seasoned.tabular.budget.worker_count import limit_workers, with_room_for
from seasoned.tabular.fit.parameters import budget_of
from seasoned.tabular.models.registry import choose
from seasoned.tabular.trial.memory_estimate import SHARE

EIGHT = Budget(1e9, 300.0, None, 8, None)
PLAN = SimpleNamespace(categorical=(), many=())
TWO = SimpleNamespace(task="binary", classes=np.array(["no", "yes"]))


def table(rows, columns=100):
    matrix = np.lib.stride_tricks.as_strided(np.zeros(1), (rows, columns), (0, 0))  # of any size, and no memory
    part = np.arange(rows)
    folds = [(part[: 4 * rows // 5], part[4 * rows // 5 :])]
    return SimpleNamespace(folds=folds, matrix=lambda _: matrix, known_rows=lambda: folds[0][1])


@pytest.fixture
def free(monkeypatch):
    monkeypatch.setattr(worker_count, "free_memory", lambda: 12 * 10**9)
    return 12 * 10**9


def test_a_large_table_has_as_many_workers_as_most_families_fit_beside_each_other(free, caplog):
    models, arrays = choose(None), table(1_000_000)
    released = []
    with caplog.at_level(logging.INFO, logger="seasoned"):
        found = limit_workers(EIGHT, models, arrays, PLAN, TWO, lambda: released.append(1))
    assert released == [1]
    assert 1 < found.workers < 8
    needs = np.array([worker_count.default_bytes(model, arrays, PLAN, TWO) for model in models])
    assert (needs <= SHARE * free / (found.workers + 1)).mean() >= 0.65, "one more fits the early model"
    assert (needs <= SHARE * free / (found.workers + 2)).mean() < 0.7
    assert f"{found.workers} worker(s) rather than 8" in caplog.text


def test_a_small_table_keeps_a_worker_a_core(free):
    assert limit_workers(EIGHT, choose(None), table(10_000), PLAN, TWO).workers == 8


def test_what_the_user_says_stays(free):
    told = replace(EIGHT, explicit_workers=True)
    assert limit_workers(told, choose(None), table(1_000_000), PLAN, TWO) is told


def test_a_limit_on_memory_counts_as_what_is_free(monkeypatch):
    monkeypatch.setattr(worker_count, "free_memory", lambda: 10**12)
    limited = replace(EIGHT, memory=12 * 10**9)
    assert limit_workers(limited, choose(None), table(1_000_000), PLAN, TWO).workers < 8
    assert limit_workers(EIGHT, choose(None), table(1_000_000), PLAN, TWO).workers == 8


def test_one_is_left_where_nothing_fits(monkeypatch):
    monkeypatch.setattr(worker_count, "free_memory", lambda: 10**8)
    assert limit_workers(EIGHT, choose(None), table(1_000_000), PLAN, TWO).workers == 1


def test_refit_workers_are_limited_by_the_memory_of_their_models(monkeypatch, caplog):
    monkeypatch.setattr(worker_count, "free_memory", lambda: 10 * 10**9)
    monkeypatch.setattr("seasoned.tabular.budget.budget.resident", lambda _: 0)
    usual = Budget(1e9, 300.0, None, 4, None)
    limited = replace(usual, memory=8 * 10**9)
    assert with_room_for(limited, [10**9] * 4).workers == 4
    assert with_room_for(limited, [2 * 10**9] * 4).workers == 2, "each would be killed at its share"
    with caplog.at_level(logging.INFO, logger="seasoned"):
        assert with_room_for(usual, [4 * 10**9, 10**9, 4 * 10**9, 4 * 10**9]).workers == 2
        assert with_room_for(usual, [6 * 10**9] * 4).workers == 1
    assert "1 fit(s) at a time rather than 4" in caplog.text
    assert with_room_for(replace(usual, explicit_workers=True), [6 * 10**9] * 4).workers == 4


def test_default_workers_are_lowered_to_the_memory_limit(monkeypatch):
    monkeypatch.setattr("seasoned.tabular.fit.parameters.cpu_count", lambda: 64)
    monkeypatch.setattr("seasoned.tabular.budget.budget.resident", lambda _: 300 * 10**6)
    model = AutoClassifier(memory_limit="4GB")
    assert 1 < budget_of(model, 0.0).workers < 64
    with pytest.raises(InvalidInput, match="use fewer workers"):
        budget_of(model.set_params(workers=64), 0.0)
