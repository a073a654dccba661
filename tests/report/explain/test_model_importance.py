"""Importance of a fitted model within a time budget: fewer shuffles, rows or columns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seasoned.report import report_data
from seasoned.report._common.data import Importance
from seasoned.report.explain.model_importance import affordable_rows, by_relevance, model_importance
from seasoned.report.html.page import render_page


@pytest.mark.parametrize(
    ("rows", "columns", "seconds", "left", "expected"),
    [
        (2_000, 20, 0.1, None, 2_000),
        (2_000, 20, 0.1, 2.0, 2_000),
        (2_000, 20, 0.1, 1.0, 800),
        (2_000, 20_000, 0.1, 1.0, 200),
        (150, 20_000, 0.1, 1.0, 150),
        (2_000, 20, 0.1, 0.0, 200),
    ],
)
def test_affordable_rows_fit_one_shuffle_of_each_column(rows, columns, seconds, left, expected):
    assert affordable_rows(rows, columns, seconds, left) == expected


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_relevant_columns_come_first_in_model_importance(task, fitted):
    model, X, y = fitted[task]
    rows = model.fitted_.plan.schema.apply(X.reset_index(drop=True))
    truth = model._codes(y)
    order = by_relevance(model.fitted_, rows, truth)
    assert sorted(order) == sorted(column.name for column in model.fitted_.plan.schema.used)
    again = by_relevance(model.fitted_, rows.assign(size=truth + 0.0), truth)
    assert again[0] == "size"


def test_model_importance_without_a_limit_leaves_nothing_out(fitted):
    model, X, y = fitted["binary"]
    found = model_importance(model, X, model._codes(y), None, None)
    assert not found.shortened
    assert found.wanted == (found.repeats, found.rows, len(found.names))
    same = model_importance(model, X, model._codes(y), None, 1e6)
    assert same.mean == found.mean


def test_model_importance_without_time_measures_nothing(fitted):
    model, X, y = fitted["binary"]
    data = report_data(model, X, y, seconds=0)
    assert data.importance.names == ()
    assert data.importance.left_out == data.importance.wanted[2]
    assert "the time for it was over before the first was done" in render_page(data)


def test_page_states_how_much_importance_was_measured(data):
    cut = Importance(("a", "b"), (0.2, 0.1), (0.0, 0.0), rows=400, repeats=1, left_out=3, limit=5.0, wanted=(5, 900, 5))
    page = render_page(replace(data, importance=cut))
    assert "It had 5 s: 1 of 5 shuffles, 400 of 900 rows and 2 of 5 columns" in page
    whole = replace(cut, repeats=5, rows=900, wanted=(5, 900, 2))
    assert "It had" not in render_page(replace(data, importance=whole))
