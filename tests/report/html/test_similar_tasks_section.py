"""Section of similar tasks: suggestions of past tasks, and foreign data in a file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seasoned.report.html.page import render_page
from seasoned.report.html.sections import similar

TOLD = {
    "tasks": 120,
    "configurations": 64,
    "similar": [
        {"name": "houses", "share": 0.31, "model": "linear", "config": {"penalty": 1.0}},
        {"name": "<b>cars</b>", "share": 0.05, "model": "forest", "config": {"min_samples_leaf": 3}},
    ],
}


def test_section_lists_the_suggestions_of_past_tasks(data):
    page = render_page(replace(data, experience=TOLD))
    assert "Suggestions of past tasks" in page
    assert "120 past tasks with 64 configurations" in page
    assert "31%" in page
    assert "houses" not in page  # names of other tasks are not for the reader of this report
    section = similar(replace(data, experience=TOLD)).content
    assert section.count(">yes<") == 1  # the linear model was tried here
    assert section.count(">no<") == 1


def test_page_without_experience_has_no_similar_tasks_section(data):
    assert similar(data) is None
    assert "Suggestions of past tasks" not in render_page(data)


@pytest.mark.parametrize(
    "told", [{}, {"similar": 3}, {"similar": [3, {}, {"name": None, "share": "x", "config": 5}]}, {"tasks": "many"}]
)
def test_foreign_experience_data_does_not_break_the_page(data, told):
    assert "<html" in render_page(replace(data, experience=told))
