"""Fixed lists of pipelines, from what ships and from a store of one's own."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from seasoned.errors import InvalidInput
from seasoned.knowledge.advice.portfolio import Portfolio
from seasoned.tabular.experience.portfolio import portfolio_of_past, portfolio_of_table
from seasoned.tabular.metrics.registry import usual_metric
from seasoned.tabular.models.registry import choose, joint_space

SORTS = ("binary", "multiclass", "regression")


def table(rows=300):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.choice(["x", "y", None], rows)})
    return frame, np.where(frame["a"] + rng.normal(size=rows) > 0, "yes", "no")


@pytest.mark.parametrize("sort", SORTS)
def test_what_ships_gives_each_sort_valid_configurations_and_a_falling_curve(sort):
    found = portfolio_of_past(sort, size=16, experience="shipped")
    space = joint_space(choose(None), sort)
    assert 8 <= len(found.configurations) <= 16
    assert all(space.contains(config) for config in found.configurations)
    assert len({json.dumps(config, sort_keys=True) for config in found.configurations}) == len(found.configurations)
    assert list(found.expected) == sorted(found.expected, reverse=True)
    assert found.expected[-1] < 0.5 * found.expected[0]
    assert list(found.seconds) == sorted(found.seconds)
    assert found.metric == usual_metric(sort)


def test_long_names_of_metrics_are_those_of_fit():
    found = portfolio_of_past("binary", "neg_log_loss", size=3, experience="shipped")
    assert found.metric == "log_loss"


def test_a_long_budget_makes_no_configuration_slower():
    free, long = (portfolio_of_past("binary", size=8, seconds=s, experience="shipped") for s in (None, 36_000.0))
    assert free.configurations == long.configurations
    assert free.seconds == long.seconds


def test_a_budget_is_kept_and_a_longer_list_begins_no_worse():
    free = portfolio_of_past("binary", experience="shipped")
    half = free.seconds[-1] / 2
    tight = portfolio_of_past("binary", seconds=half, experience="shipped")
    assert tight.seconds[-1] <= half
    assert free.expected[-1] <= tight.expected[-1]


def test_the_quickest_count_a_tenth_of_a_second():
    found = portfolio_of_past("binary", seconds=0.25, experience="shipped")
    assert 0.1 <= found.seconds[0] <= found.seconds[-1] <= 0.25


def test_where_none_is_better_there_is_nothing_to_list(monkeypatch):
    monkeypatch.setattr("seasoned.tabular.experience.portfolio.greedy", lambda *_, **__: Portfolio((), (), ()))
    with pytest.raises(InvalidInput, match="no configuration is better than another on the binary tasks"):
        portfolio_of_past("binary", experience="shipped")


def test_a_threshold_is_none_that_what_ships_was_measured_at():
    """A fit compares models at the best threshold of each; of such scores nothing ships, so the usual metric helps."""
    assert portfolio_of_past("binary", "balanced_accuracy", size=3, experience="shipped").metric == "roc_auc"
    assert portfolio_of_past("multiclass", "balanced_accuracy", size=3, experience="shipped").metric


def test_a_table_has_seconds_of_its_own_and_tasks_like_it_count_more():
    frame, y = table()
    small = portfolio_of_table(frame, y, size=8, experience="shipped")
    large = portfolio_of_table(pd.concat([frame] * 30), np.tile(y, 30), size=8, experience="shipped")
    assert (small.sort, small.rows, large.rows) == ("binary", 300, 9_000)
    both = [
        (s, ell)
        for s, ell in zip(np.diff([0, *small.seconds]) / 300, np.diff([0, *large.seconds]) / 9_000, strict=True)
    ]
    assert all(s > 0 and ell > 0 for s, ell in both)
    assert large.seconds[-1] > small.seconds[-1]
    assert small.expected != portfolio_of_past("binary", size=8, experience="shipped").expected


def test_the_text_is_json_that_says_all(tmp_path):
    frame, y = table()
    y[:3] = np.nan
    told = json.loads(portfolio_of_table(frame, y, "log_loss", size=4, experience="shipped").to_json())
    assert told["metric"] == "log_loss"
    assert len(told["configurations"]) == len(told["expected"]) == len(told["seconds"]) == 4
    assert told["tasks"] > 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sort": "ranking"}, "sort is 'ranking'"),
        ({"size": 0}, "size is 0"),
        ({"seconds": 0.0}, "seconds is 0.0"),
        ({"seconds": float("inf")}, "seconds is inf"),
        ({"seconds": 1e-6}, "no configuration is expected to end within"),
        ({"metric": "typo"}, "typo"),
        ({"experience": None}, "too little is known"),
        ({"experience": "team.db"}, "database URL"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(arguments, words):
    with pytest.raises(InvalidInput, match=words):
        portfolio_of_past(**{"sort": "binary", "experience": "shipped", **arguments})


def test_a_target_of_another_length_is_refused():
    frame, y = table()
    with pytest.raises(InvalidInput, match="300 rows and 299 target values"):
        portfolio_of_table(frame, y[:-1], experience="shipped")
