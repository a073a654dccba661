"""What a reading by fresh eyes found in the room of experience: imports, infinite scores, texts that are gone."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from seasoned import Float, Space
from seasoned.errors import InvalidInput, StorageError
from seasoned.knowledge import Experience
from seasoned.knowledge.advice.similar_tasks import reference_meta_features
from seasoned.knowledge.advice.task_weights import weigh
from seasoned.knowledge.experience import maintenance
from seasoned.knowledge.experience.evaluations import Evaluations
from seasoned.knowledge.experience.past_study import Head, PastStudy, PastTrial
from seasoned.knowledge.meta_features.meta_features import describe
from seasoned.knowledge.meta_features.row_sample import table_of
from seasoned.knowledge.performance_model.model import fit_metric
from seasoned.knowledge.performance_model.regret import levels_of, standardise
from seasoned.knowledge.tuning.deep_kernel import tune_deep_kernel
from seasoned.knowledge.tuning.performance_model import PastTable, tune_metric

LINE = Space(x=Float(0, 1))


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'store.db'}"


def study(name="a", scores=(0.5, 0.4, 0.3), **head):
    return PastStudy(Head(name, name, **head), {}, [PastTrial({"x": s / 2}, s) for s in scores])


@pytest.mark.parametrize(
    "again",
    [
        "task,x,score\na,2,.4\na,1,.5\n",  # another order
        "task,x,score,seconds\na,1,.5,3\na,2,.4,5\n",  # with seconds
        "task,x,score\na,1,.5\na,2,.4\na,3,.3\n",  # grown
    ],
)
def test_an_import_of_what_is_there_in_another_form_loses_nothing(url, tmp_path, again):
    file = tmp_path / "runs.csv"
    for content in ("task,x,score\na,1,.5\na,2,.4\n", again):
        file.write_text(content, encoding="utf-8")
        maintenance.import_file(url, file)
    found = Experience.read(url)
    assert len(found) == 1
    assert {0.5, 0.4} <= set(found.scores.tolist())


def test_two_that_begin_each_other_in_one_import_are_not_both_left_out(url):
    maintenance.import_studies(url, Experience.of_studies([study()]))
    longer = study(scores=(0.3, 0.4, 0.5, 0.2))
    assert maintenance.import_studies(url, Experience.of_studies([longer])) == 1
    assert Experience.read(url).scores.tolist() == [0.3, 0.4, 0.5, 0.2]


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan])
def test_a_score_without_bounds_is_none(odd):
    scores = np.array([[0, 0, 0, odd], [1, 2, 3, 4], [4, 3, 2, 1], [2, 1, 4, 3.0]])
    belief = fit_metric(scores).condition(np.array([1]), np.array([1.5]))
    assert np.isfinite(belief.expected_gain(np.arange(4))).all()
    assert np.isfinite(levels_of(scores).gap).all()
    stored = Experience.of_studies([study(scores=(0.1, odd, 0.3))])
    assert np.isnan(stored.scores).tolist() == [False, True, False]


def test_numbers_of_numpy_are_numbers():
    config = {"depth": np.int64(3), "rate": np.float32(0.5), "deep": np.bool_(True)}
    one = Experience.of_studies([PastStudy(Head("a", "a", about={"rows": np.int64(9)}), {}, [PastTrial(config, 0.5)])])
    plain = {"depth": 3, "rate": 0.5, "deep": True}
    other = Experience.of_studies([PastStudy(Head("a", "a", about={"rows": 9}), {}, [PastTrial(plain, 0.5)])])
    assert one.keys == other.keys
    assert one.studies()[0].trials[0].config == plain


def test_what_was_forgotten_meanwhile_is_left_out_of_a_view(url):
    maintenance.import_studies(url, Experience.of_studies([study("a"), study("b", (0.7, 0.6, 0.9))]))
    view = Experience.read(url)
    maintenance.forget(url, ["a"])
    assert [found.head.name for found in view.studies()] == ["b"]
    assert len(view.evaluations(LINE)) == 1
    maintenance.forget(url, everything=True)
    assert view.studies() == []


def test_a_store_that_is_not_there_is_told_and_not_made(tmp_path):
    with pytest.raises(StorageError, match=r"there is no store at sqlite:///.*typo.db; give the URL of one"):
        Experience.read(f"sqlite:///{tmp_path / 'typo.db'}")
    assert not (tmp_path / "typo.db").exists()


def test_tasks_with_too_few_scores_are_told(caplog):
    assert Experience.of_studies([study(scores=(0.1, 0.2))]).evaluations(LINE) == []
    assert "no task has three trials with a score that are valid in the space." in caplog.text


def test_too_few_tasks_to_tune_by_are_told():
    rng = np.random.default_rng(0)
    with pytest.raises(InvalidInput, match="no table has 3 tasks beside a family left out"):
        tune_metric([PastTable(rng.random((4, 5)), ("a", "a", "b", "b"))])
    tasks = [Evaluations(rng.random((8, 1)), rng.random(8)) for _ in range(3)]
    with pytest.raises(InvalidInput, match="a third of the families held out, only 2 tasks remain for training"):
        tune_deep_kernel(tasks, ["a", "b", "c"])


def test_factors_beyond_the_rank_of_the_table_are_none():
    factors = fit_metric(np.random.default_rng(0).normal(size=(100, 5))).factors
    assert np.abs(factors.weights[:, 5:]).max() == 0.0
    assert np.abs(factors.weights[:, :4]).std() > 0.1


def test_scores_on_one_scale_know_their_scale():
    raw = np.random.default_rng(0).normal(size=(40, 12)).cumsum(axis=1)
    scores = standardise(raw, levels_of(raw))  # of every task the median is 0 and the gap 1
    metric = fit_metric(scores)
    for unit in (1.0, 1e-9, 1e9):
        belief = fit_metric(unit * scores).condition(np.array([3]), unit * scores[0, [3]])
        expected = metric.condition(np.array([3]), scores[0, [3]])
        np.testing.assert_allclose(belief.mean(np.arange(12)), expected.mean(np.arange(12)), rtol=1e-5)


def test_tables_without_any_value_are_described():
    found = describe(table_of(pd.DataFrame({"a": [None] * 20}), [0, 1] * 10, regression=False))
    assert np.isnan(found["linear"]) if "linear" in found else True
    with pytest.raises(InvalidInput):
        table_of(pd.DataFrame(index=range(5)), [0, 1, 0, 1, 0], regression=False)


def test_a_damaged_study_does_not_keep_others_from_being_forgotten(url):
    maintenance.import_studies(
        url, Experience.of_studies([study("a"), study("b", (0.7, 0.6, 0.9)), study("c", (0.1, 0.9))])
    )
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE seasoned_past_studies SET configurations = substr(configurations, 2) WHERE id = 1")
    assert maintenance.forget(url, ["b"]) == 1
    assert [head.name for head in Experience.read(url).heads] == ["c"]


def test_a_small_store_knows_a_table_that_comes_again():
    """Ranked by themselves a few tasks are all far apart; among those that ship other rows of one table are near."""
    features = maintenance.shipped().metafeatures
    rng = np.random.default_rng(0)
    some = features[rng.choice(len(features), 6, replace=False)]
    again = some[2] * (1.0 + 0.03 * rng.normal(size=features.shape[1]))
    tables = [f"table {place}" for place in range(6)]
    weights = weigh(tables, some, again, reference_meta_features(6))
    assert weights.argmax() == 2
    assert weights[2] > 0.4
    assert weights[2] > weigh(tables, some, again)[2]
    assert reference_meta_features(100) is None
