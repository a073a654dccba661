"""What a second reading of past experience found: each test here failed before it was mended."""

from __future__ import annotations

import contextlib
import sqlite3

import numpy as np
import pyarrow.parquet as pq
import pytest

from seasoned.errors import InvalidInput
from seasoned.knowledge.experience import maintenance
from seasoned.knowledge.experience.experience import Experience
from seasoned.knowledge.experience.files import write_file
from seasoned.knowledge.experience.locations import add_experience
from seasoned.knowledge.experience.past_study import Head, PastStudy, PastTrial, heads_of
from seasoned.knowledge.performance_model.meta_feature_trust import trusted
from seasoned.knowledge.performance_model.model import fit_metric
from seasoned.knowledge.performance_model.settings import MetricSettings
from seasoned.knowledge.performance_model.task_prior import fit_task_prior
from seasoned.knowledge.tuning.performance_model import metric_space


def a_study(trials, name="t", source="optuna"):
    found = [PastTrial({"x": float(place)}, float(place), 1.0) for place in range(trials)]
    return PastStudy(Head(name, name, name, source=source), {}, found)


@pytest.fixture
def store(tmp_path):
    return f"sqlite:///{tmp_path}/past.db"


def test_a_file_that_was_cut_by_another_tool_can_be_imported_again_and_again(store, tmp_path):
    """Every second time its studies were deleted: the keys in the file are not those that the store gives."""
    file = tmp_path / "e.parquet"
    write_file(Experience.of_studies([a_study(12)]), file)
    pq.write_table(pq.read_table(file).slice(0, 8), file)
    for _ in range(3):
        maintenance.import_file(store, file)
        assert [len(Experience.read(store)), len(Experience.read(store).scores)] == [1, 8]


@pytest.mark.parametrize("order", [(5, 10), (10, 5)])
def test_an_older_state_adds_nothing_to_a_newer_one(store, order):
    for count in order:
        maintenance.import_studies(store, Experience.of_studies([a_study(count)]))
    assert np.diff(Experience.read(store).starts).tolist() == [10]


@pytest.mark.parametrize("damage", ["", "both"])
def test_a_head_that_is_none_or_two_costs_its_own_study_only(store, damage, tmp_path):
    add_experience(store, Experience.of_studies([a_study(4 + place, f"s{place}") for place in range(3)]))
    with contextlib.closing(sqlite3.connect(tmp_path / "past.db")) as connection, connection:
        rows = connection.execute("SELECT rowid, head FROM seasoned_past_studies ORDER BY rowid").fetchall()
        text = f"{rows[0][1]},{rows[0][1]}" if damage else ""
        connection.execute("UPDATE seasoned_past_studies SET head = ? WHERE rowid = ?", (text, rows[0][0]))
    found = Experience.read(store)
    assert [head.name for head in found.heads] == ["s1", "s2"]
    assert np.diff(found.starts).tolist() == [5, 6]
    assert maintenance.forget(store, ["s1"]) == 1
    with pytest.raises(InvalidInput, match="damaged or foreign"):
        heads_of([text])


def test_all_of_a_store_is_told_and_exported(store, tmp_path, monkeypatch):
    add_experience(store, Experience.of_studies([a_study(4 + place, f"s{place}") for place in range(5)]))
    assert len(Experience.read(store, 3)) == 3
    monkeypatch.setattr(Experience.read.__func__, "__defaults__", (3,))
    assert len(Experience.read(store)) == 3
    assert maintenance.statistics(store).studies == 5
    assert maintenance.export(store, tmp_path / "all.parquet") == 5


def test_few_described_tasks_make_no_prior_and_that_is_no_error():
    scores = np.random.default_rng(0).normal(size=(8, 6))
    metric = fit_metric(scores)
    assert trusted(fit_task_prior(scores[:, :2], metric.factors), metric) is None


def test_tasks_that_say_nothing_at_all_make_no_nan():
    metric = fit_metric(np.array([[0.0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 1, 1]]))
    belief = metric.condition(np.array([0]), np.array([0.5]))
    assert np.isfinite(belief.expected_gain(np.arange(3))).all()
    assert np.isfinite(metric.level.gap).all()
    assert metric.level.gap.min() > 0.1


def test_a_setting_that_is_allowed_has_a_place_in_the_space_that_tunes_it():
    assert metric_space(MetricSettings(closeness=0.97)).default["closeness"] == 0.97
