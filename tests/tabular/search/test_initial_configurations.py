"""Initial configurations and number of folds, from the time and the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seasoned import AutoClassifier, SearchSettings
from seasoned.tabular.models._common.booster_settings import bins, most_rounds, oblivious_bins, patience
from seasoned.tabular.models.registry import MODELS, choose
from seasoned.tabular.search.initial_configurations import (
    affordable_folds,
    booster_seconds,
    first_configurations,
    haste,
)


@pytest.mark.parametrize(("rows", "folds"), [(100, 5), (20_000, 5), (20_001, 3), (100_000, 3), (100_001, 1)])
def test_folds_by_rows_where_time_plays_no_part(rows, folds):
    assert affordable_folds(rows, 10, 1, None) == folds
    assert affordable_folds(rows, 10, 1, 1e9) == folds


def test_fewer_folds_where_time_is_short_and_never_more_with_less():
    found = [affordable_folds(20_000, 16, 26, seconds) for seconds in (0.1, 10.0, 100.0, 300.0, 1000.0)]
    assert found == sorted(found)
    assert found[0] == 1
    assert found[-1] == 5
    assert set(found) <= {1, 3, 5}


def test_on_many_rows_one_held_out_part_comes_before_boosters_that_are_cut_short():
    """A minute's trial of a booster has some ten seconds: 3 folds of 1,000 rounds on 40,000 x 9 would take sixteen."""
    assert affordable_folds(40_000, 9, 1, 11.0) == 1
    assert affordable_folds(40_000, 9, 1, 55.0) == 3
    assert affordable_folds(10_000, 9, 1, 11.0) == 5


def test_between_few_rows_and_many_a_minute_has_three_folds_and_five_minutes_have_five():
    assert affordable_folds(16_500, 9, 1, 11.25) == 3
    assert affordable_folds(16_500, 9, 1, 56.25) == 5


def test_what_folds_are_chosen_can_be_paid():
    for seconds in np.geomspace(0.01, 1000, 40):
        folds = affordable_folds(15_000, 30, 7, float(seconds))
        assert folds == 1 or folds * booster_seconds(15_000, 30, 7, 1_000) <= seconds
        folds = affordable_folds(9_000, 30, 7, float(seconds))
        assert folds == 1 or folds * booster_seconds(9_000, 30, 7, 100) <= seconds


def test_hurried_boosters_start_with_a_higher_rate_that_their_space_holds():
    assert haste(20_000, 16, 26, 0.1) == 4.0
    assert 1.0 < haste(20_000, 16, 26, 5.0) < 4.0
    assert haste(1_000, 16, 1, 5.0) == 1.0
    assert haste(10**7, 100, 100, None) == 1.0
    models = list(MODELS.values())
    for task in ("binary", "multiclass", "regression"):
        calm = first_configurations(models, task)
        fast = first_configurations(models, task, 3.0)
        assert calm == tuple({"model": {model.name: dict(model.space(task).default)}} for model in models)
        for model, before, after in zip(models, calm, fast, strict=True):
            old, new = before["model"][model.name], after["model"][model.name]
            changed = {key for key in old if old[key] != new[key]}
            assert all(old[key] < new[key] <= 0.2 for key in changed)
            assert bool(changed) == (model.name in {"lightgbm", "xgboost", "catboost"})
            assert new.keys() == dict(model.space(task).default).keys()


@pytest.mark.slow
def test_the_fit_validates_by_what_it_can_afford(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    asked = []

    def one(*sizes):
        asked.append(sizes)
        return 1

    monkeypatch.setattr("seasoned.tabular.fit.fit_table.affordable_folds", one)
    rng = np.random.default_rng(0)
    X, y = pd.DataFrame(rng.normal(size=(300, 4))), np.arange(300) % 3
    search = SearchSettings(models=["linear"])
    model = AutoClassifier(trials=2, search=search, experience=None, random_state=0).fit(X, y)
    assert asked == [(300, 4, 3, None)]
    assert len(model.fitted_.validated.truth) == 60


def test_slow_boosters_may_take_more_rounds():
    rates = np.geomspace(0.005, 0.3, 20)
    assert [most_rounds(rate) for rate in rates] == sorted((most_rounds(rate) for rate in rates), reverse=True)
    assert all(patience(rate) >= 20 for rate in rates)
    assert most_rounds(0.005) == 5000
    assert all(patience(rate) < most_rounds(rate) for rate in rates)


def test_the_default_families_are_those_that_start():
    assert [next(iter(start["model"])) for start in first_configurations(choose(None), "binary", 2.0)] == [
        model.name for model in choose(None)
    ]


def test_few_rows_get_few_bins_and_many_the_most_that_all_boosters_take():
    assert [bins(rows) for rows in (1_000, 8_000, 8_001, 20_000, 20_001, 10**6)] == [128, 128, 255, 255, 511, 511]
    sizes = [(1_000, 10), (1_000, 100), (20_000, 10), (20_001, 10), (10**6, 100)]
    assert [oblivious_bins(*size) for size in sizes] == [128, 64, 128, 255, 255]
