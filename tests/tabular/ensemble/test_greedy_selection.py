"""Greedy ensemble selection."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seasoned.tabular.ensemble import greedy_selection
from seasoned.tabular.ensemble.greedy_selection import select, selection_rows
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.metrics.vectorized import losses_of

TASKS = {
    "roc_auc": ("binary", 2),
    "accuracy": ("binary", 2),
    "log_loss": ("multiclass", 4),
    "brier": ("multiclass", 4),
    "rmse": ("regression", 0),
    "mae": ("regression", 0),
}


def made(name, seed, models=6, rows=200):
    """Truth, and models that know it with different noise; some predictions tie."""
    rng = np.random.default_rng(seed)
    task, classes = TASKS[name]
    metric = resolve(name, task, classes)
    if not classes:
        y = rng.normal(size=rows)
        return metric, y, [y + rng.normal(scale=0.3 + 0.2 * k, size=rows) for k in range(models)]
    y = rng.integers(classes, size=rows)
    logits = [2 * np.eye(classes)[y] + rng.normal(scale=1 + 0.5 * k, size=(rows, classes)) for k in range(models)]
    rounded = [np.round(np.exp(z), k % 2) + 0.01 for k, z in enumerate(logits)]
    return metric, y, [p / p.sum(axis=1, keepdims=True) for p in rounded]


@pytest.mark.parametrize("name", TASKS)
def test_many_losses_at_once_are_the_losses_one_by_one(name):
    metric, y, predictions = made(name, 0)
    at_once = losses_of(np.stack(predictions), y, metric)
    assert at_once == pytest.approx([metric.loss(y, p) for p in predictions], abs=1e-9)


@settings(max_examples=25)
@given(st.sampled_from(sorted(TASKS)), st.integers(0, 1000), st.integers(1, 5))
def test_the_average_is_never_worse_than_the_best_and_weights_are_weights(name, seed, most):
    metric, y, predictions = made(name, seed)
    weights = select(predictions, y, metric, most=most, seed=0)
    assert sum(weights.values()) == pytest.approx(1.0)
    assert all(weight > 0 for weight in weights.values())
    assert len(weights) <= most
    average = sum(weight * predictions[index] for index, weight in weights.items())
    alone = losses_of(np.stack(predictions), y, metric).min()
    assert losses_of(average[None], y, metric)[0] <= alone + 1e-9


def test_equal_models_give_the_first_alone():
    metric, y, predictions = made("rmse", 1, models=1)
    assert select(predictions * 5, y, metric, most=5, seed=0) == {0: 1.0}


def test_two_models_with_opposite_errors_share_the_weight():
    metric, y, _ = made("rmse", 2)
    error = np.random.default_rng(3).normal(size=len(y))
    weights = select([y + error, y - error, y + 3], y, metric, most=5, seed=0)
    assert weights == {0: pytest.approx(0.5), 1: pytest.approx(0.5)}


def test_small_numbers_are_averaged_as_large_ones_are():
    metric = resolve("mse", "regression", 0)
    y, error = np.random.default_rng(3).normal(size=(2, 200))
    for unit in (1.0, 1e-7):
        weights = select([unit * one for one in (y + error, y - error, y + 3)], unit * y, metric, most=5, seed=0)
        assert weights == {0: pytest.approx(0.5), 1: pytest.approx(0.5)}


def test_many_rows_give_nearly_the_same_choice():
    metric, y, predictions = made("roc_auc", 4, rows=30_000)
    weights = select(predictions, y, metric, most=6, seed=0)
    average = sum(weight * predictions[index] for index, weight in weights.items())
    assert losses_of(average[None], y, metric)[0] < min(losses_of(np.stack(predictions), y, metric))
    assert weights == select(predictions, y, metric, most=6, seed=0)


def mixed(rows, noises, seed=5):
    """Numbers, and models that miss them by errors of their own of these sizes."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=rows)
    return y, [y + rng.normal(scale=noise, size=rows) for noise in noises]


def test_where_few_rows_cannot_tell_the_weights_are_drawn_to_the_best_five():
    metric, _, _ = made("rmse", 0)
    y, predictions = mixed(60, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    chosen = select(predictions, y, metric, most=7, seed=0)
    best = sorted(range(7), key=lambda index: metric.loss(y, predictions[index]))[:5]
    assert {place for place in best if chosen.get(place, 0.0) >= 0.1 - 1e-12} == set(best)


def test_where_rows_can_tell_a_bad_model_gets_nothing():
    metric, _, _ = made("rmse", 0)
    y, predictions = mixed(2_000, [0.1, 0.1, 2.0, 2.0, 2.0])
    assert set(select(predictions, y, metric, most=5, seed=0)) == {0, 1}


def test_drawing_makes_the_average_better_on_new_rows():
    """Ranking by models that share most of their error, and by some that know little, as few rows see it."""
    metric = resolve("roc_auc", "binary", 2)
    gains = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        y = (rng.random(3_100) < 0.15).astype(int)
        shared = y + rng.normal(size=3_100)
        logits = [shared + rng.normal(scale=noise, size=3_100) for noise in (0.3,) * 5 + (3.0,) * 8]
        predictions = [np.column_stack([1 - p, p]) for p in (1 / (1 + np.exp(-z)) for z in logits)]
        losses = []
        for shares in (np.zeros(1), np.array([0.0, 0.25, 0.5])):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(greedy_selection, "SHRINKAGE_SHARES", shares)
                weights = select([p[:100] for p in predictions], y[:100], metric, most=8, seed=0)
            losses.append(metric.loss(y[100:], sum(w * predictions[index][100:] for index, w in weights.items())))
        gains.append(losses[0] - losses[1])
    assert np.mean(gains) > 0
    assert np.mean(np.array(gains) > 0) > 0.7


def test_drawing_keeps_the_number_of_models_and_their_pace():
    metric, y, predictions = made("rmse", 6, models=8, rows=60)
    assert len(select(predictions, y, metric, most=3, seed=0)) <= 3
    paces = np.full(8, 1.0)
    assert len(select(predictions, y, metric, most=8, seed=0, paces=(paces, 4.0))) <= 4


def test_a_rare_class_has_its_say_where_rows_are_many():
    """100 of 60,000 rows are positive: a draw of 10,000 would leave 17 of them to decide."""
    metric, rng = resolve("roc_auc", "binary", 2), np.random.default_rng(0)
    y = np.zeros(60_000, dtype=np.int64)
    y[rng.choice(len(y), 100, replace=False)] = 1
    scores = [y * gap + rng.normal(size=len(y)) for gap in (1.0, 1.15, 1.3)]
    shares = [1 / (1 + np.exp(-score)) for score in scores]
    predictions = [np.column_stack([1 - share, share]) for share in shares]
    losses = losses_of(np.stack(predictions), y, metric)
    for seed in range(12):
        (chosen,) = select(predictions, y, metric, most=1, seed=seed)
        assert losses[chosen] <= losses.min() + 2e-3


def test_rows_that_are_drawn_more_often_count_less():
    y = np.repeat([0, 1, 2], [39_000, 900, 100])
    rows, mass = selection_rows(y, 0, None, classes=True)
    assert np.bincount(y[rows])[1:].tolist() == [900, 100]
    assert len(rows) < 11_000
    np.testing.assert_allclose(np.bincount(y[rows], mass) / mass.sum(), [0.975, 0.0225, 0.0025], rtol=1e-9)
    given = np.linspace(1, 2, len(y))
    _, weighted = selection_rows(y, 0, given, classes=True)
    np.testing.assert_allclose(weighted / given[rows] / mass, (weighted / given[rows] / mass)[0])
    assert selection_rows(np.repeat([0, 1], 20_000), 0, None, classes=True)[1] is None, "none is rare"
    assert selection_rows(y, 0, None, classes=False)[1] is None


def test_rows_and_models_are_fewer_where_classes_are_very_many(tmp_path, monkeypatch):
    """What is read of the files and held at a time is bounded, and each class has its say; at a sixteenth of the size.

    As it is with 1,000 classes and 5,000 rows.
    """
    for name, value in {"_CELLS": 2_500_000, "_FEWEST": 500, "CANDIDATES_AT_ONCE": 250_000}.items():
        monkeypatch.setattr(greedy_selection, name, value)
    metric, rng, classes = resolve("log_loss", "multiclass", 250), np.random.default_rng(0), 250
    y = rng.permutation(np.repeat(np.arange(classes), 5))
    files = []
    for number in range(12):
        scores = rng.random((len(y), classes), dtype=np.float32)
        scores[np.arange(len(y)), y] += 10.0 if number == 9 else 1.0
        np.save(tmp_path / f"{number}.npy", scores / scores.sum(axis=1, keepdims=True))
        files.append(np.load(tmp_path / f"{number}.npy", mmap_mode="r"))
    rows, mass = selection_rows(y, 0, None, classes=True, most=500)
    assert len(rows) == 500
    assert set(y[rows]) == set(range(classes))
    assert mass == pytest.approx(np.ones(500))
    select(files[:2], y, metric, most=3, seed=0)  # what it imports is not what it holds
    tracemalloc.start()
    weights = select(files, y, metric, most=3, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(weights, key=weights.get) == 9
    assert peak < 37.5e6, "12 models x 500 rows x 250 classes are 12 MB, twice that for a moment; all rows are 30 MB"


def test_what_is_judged_in_parts_is_judged_alike():
    metric, y, predictions = made("log_loss", 7, models=9, rows=60)
    whole = select(predictions, y, metric, most=6, seed=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(greedy_selection, "CANDIDATES_AT_ONCE", 300)
        assert select(predictions, y, metric, most=6, seed=0) == whole


def test_groups_are_drawn_whole():
    rng = np.random.default_rng(0)
    groups = rng.integers(20, size=200)
    drawn = greedy_selection.resampled(np.arange(200), groups, rng)
    times = np.bincount(drawn, minlength=200)
    for group in range(20):
        assert len(set(times[groups == group])) == 1
    assert times.max() > 1
    assert times.min() == 0


def test_rows_that_belong_together_speak_less_against_equal_weights():
    """The second of two models loses 1 more on average, in one group 4 more and in the next 2 less: chance, or not."""
    group = np.repeat(np.arange(8), 100)
    more = 1.0 + 3.0 * (-1.0) ** group
    stack, alone, equal = np.stack([np.zeros(800), 2 * more]), np.array([1.0, 0.0]), np.array([0.5, 0.5])

    def measure(predicted, rows):
        return predicted[:, rows].mean(axis=1)

    free, together = (
        greedy_selection.shrink_weights(alone, equal, stack, measure, np.inf, 0, groups=groups)
        for groups in (None, group)
    )
    assert free.tolist() == [1.0, 0.0]
    assert together.tolist() == [0.75, 0.25]


def test_selection_scores_single_models_and_averages_alike():
    """In single precision one row of probability 1e-15 cost 16, in an average 35."""
    sure = np.tile(np.float32([1e-4, 0.9999]), (500, 1))
    sure[0] = [1.0, 1e-15]
    modest = np.tile(np.float32([0.05, 0.95]), (500, 1))
    y = np.ones(500, dtype=np.int64)
    chosen = select([sure, modest], y, resolve("log_loss", "binary", 2), most=1, seed=0)
    assert chosen == {1: 1.0}
