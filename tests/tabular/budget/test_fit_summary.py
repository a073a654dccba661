"""The first lines of a fit: what it took the table for, and later what it skipped or resumed."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import KFold

from in_process import estimator, stay_in_process
from messy import messy
from seasoned import Int, Metric, SearchSettings, Space, load
from seasoned.errors import InvalidInput
from seasoned.tabular.budget.fit_summary import Columns, FitSummary, notes_of, plan_of
from seasoned.tabular.fit.parameters import budget_of
from seasoned.tabular.models.custom import CustomModel
from seasoned.tabular.models.registry import choose
from seasoned.tabular.safe_files import zip_container
from seasoned.tabular.trial.trial_row import TrialRow


@pytest.fixture(autouse=True)
def _here(monkeypatch, cache):
    stay_in_process(monkeypatch)


def table(rows=90):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": [f"A{place:05d}" for place in range(rows)],
            "size": rng.normal(size=rows),
            "colour": rng.choice(["red", "green", "blue"], rows),
            "paid": rng.choice(["no", "yes"], rows),
            "day": pd.date_range("2024-01-01", periods=rows).strftime("%d.%m.%Y"),
            "price": [f"1.{place % 900 + 100},50" for place in range(rows)],
            "same": "x",
        }
    )


def labels(rows=90):
    return pd.Series(np.where(np.random.default_rng(1).random(rows) < 0.3, "yes", "no"), name="bought")


def value(summary, label):
    """The texts of the lines with that label."""
    return [line[12:] for line in summary.lines() if line[:12].strip() == label]


def test_the_first_lines_say_what_the_fit_took_the_table_for(caplog, capsys):
    y = labels().mask(np.arange(90) == 3)
    with caplog.at_level(logging.INFO, "seasoned.tabular"):
        model = estimator("binary").fit(table(), y, progress=True)
    found = model.fit_summary_
    no, yes = (int((y == label).sum()) for label in ("no", "yes"))
    assert value(found, "target") == ["bought: two classes; the metric is roc_auc (higher is better)"]
    assert value(found, "classes") == [f"no {no} ({no / 89:.0%}), yes {yes} ({yes / 89:.0%})"]
    assert value(found, "positive") == ["yes, as the names of the classes say"]
    assert value(found, "rows") == ["89, with 5 of 7 columns; 1 more without a target or of weight 0"]
    assert value(found, "numbers") == ["2: size, price"]
    assert value(found, "dates") == ["1: day"]
    assert [text.split(".")[0] for text in value(found, "left out")] == ["id", "same"]
    assert value(found, "validation") == ["2 folds, rows dealt at random, classes in proportion (stratified)"]
    assert value(found, "models") == ["linear"]
    assert value(found, "limits") == ["300 s, 1 configurations; 1 configuration(s) at a time"]
    assert value(found, "experience") == ["none is used"]
    day, price = value(found, "read as")
    assert day == "day: dates, '01.01.2024' is read as 2024-01-01"
    assert price == "price: numbers, '1.100,50' is read as 1100.5"
    assert len(found.lines()) <= 18
    shown = [line for line in capsys.readouterr().err.splitlines() if line in found.lines()]
    assert shown == found.lines(), "each is shown once, in this order"
    assert [record.getMessage() for record in caplog.records if record.getMessage() in shown] == shown


def test_the_metric_and_the_positive_class_that_were_asked_for_are_told():
    model = estimator("binary", metric=Metric("f1", positive="no")).fit(table(), labels())
    assert value(model.fit_summary_, "positive") == ["no, as you named it"]
    X, y = messy("regression", rows=60)
    found = estimator("regression").fit(X, list(y)).fit_summary_
    assert value(found, "target") == ["a number; the metric is rmse (lower is better)"]
    assert value(found, "classes") == value(found, "positive") == []
    assert value(found, "validation") == ["2 folds, rows dealt at random"]


@pytest.mark.parametrize(
    ("given", "groups", "said"),
    [
        (None, True, "2 folds of whole groups, of which there are 30"),
        ("day", False, "2 folds; rows later than those learned from, by day"),
        (KFold(3), False, "3 folds, made by KFold"),
        ([(range(60), range(60, 90))], False, "one held-out part, the rows that were given"),
    ],
)
def test_the_way_of_validation_is_told(given, groups, said):
    more = {"groups": np.arange(90) // 3} if groups else {}
    model = estimator("binary", validation=given).fit(table(), labels(), **more)
    assert value(model.fit_summary_, "validation") == [said]


def summary(**changes):
    columns = (Columns("numeric", 40, tuple(f"c{place}" for place in range(20))), Columns("text", 1, ("note",)))
    return replace(FitSummary("regression", "rmse", False, 1_000, columns, "5 folds"), **changes)


def test_a_wide_table_has_short_lines():
    many = summary(
        left_out=tuple((f"id{place}", "It numbers the rows.") for place in range(20)),
        left_out_count=40,
        readings=tuple(f"p{place}: numbers, '1 kg' is read as 1" for place in range(9)),
        reading_count=9,
    )
    assert value(many, "numbers")[0].startswith("40: c0, c1, c2, ")
    assert value(many, "numbers")[0].endswith(" and 26 more")
    assert value(many, "left out")[0].startswith("40: id0, id1, ")
    assert value(many, "read as")[-1] == "6 more"
    assert max(map(len, many.lines())) < 100
    assert len(many.lines()) <= 15


def test_many_classes_are_counted():
    y = np.repeat([f"k{place:02d}" for place in range(30)], np.arange(30) + 2)
    X = pd.DataFrame({"a": np.random.default_rng(0).normal(size=len(y))})
    found = estimator("multiclass").fit(X, y).fit_summary_
    assert found.class_count == 30
    assert value(found, "classes")[0].startswith("k29 31 (")
    assert value(found, "classes")[0].endswith(" and 24 more")


def test_a_line_has_no_line_breaks():
    found = summary(left_out=(("a\nb", "It is\nthe same."),), left_out_count=1)
    assert value(found, "left out") == ["a b. It is the same."]


def test_families_whose_packages_are_missing_are_named(monkeypatch):
    monkeypatch.setattr("seasoned.tabular.budget.fit_summary.is_installed", lambda package: package != "catboost")
    budget = budget_of(estimator("binary"), 0.0)
    models = choose(["linear"])
    assert plan_of(models, None, budget, "none")["missing"] == ("catboost",)
    assert plan_of(models, ["-mlp"], budget, "none")["missing"] == ("catboost",)
    assert plan_of(models, ["-catboost"], budget, "none")["missing"] == ()
    assert plan_of(models, ["linear"], budget, "none")["missing"] == ()
    assert value(summary(models=("linear",), missing=("catboost",)), "models") == ["linear; not installed: catboost"]


def test_it_is_kept_in_the_file_and_read_as_it_was(tmp_path):
    model = estimator("binary").fit(table(), labels())
    found = model.fit_summary_
    assert FitSummary.from_dict(json.loads(json.dumps(found.as_dict()))) == found
    model.save(tmp_path / "m.seasoned")
    assert load(tmp_path / "m.seasoned").fit_summary_ == found


@pytest.mark.parametrize(
    "change", [{"rows": "many"}, {"columns": [{"kind": "numeric"}]}, {"classes": 3}, {"task": []}, {"readings": None}]
)
def test_a_stranger_s_summary_is_refused_by_a_sentence(change, tmp_path):
    model = estimator("binary").fit(table(), labels())
    model.save(tmp_path / "m.seasoned")
    manifest, members = zip_container.unpack(tmp_path / "m.seasoned", None)
    manifest["fit"]["summary"].update(change)
    (tmp_path / "forged").write_bytes(zip_container.pack(manifest, members, None))
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(tmp_path / "forged")


def test_a_file_from_before_has_none(tmp_path):
    model = estimator("binary").fit(table(), labels())
    model.save(tmp_path / "m.seasoned")
    manifest, members = zip_container.unpack(tmp_path / "m.seasoned", None)
    del manifest["fit"]["summary"]
    (tmp_path / "old").write_bytes(zip_container.pack(manifest, members, None))
    assert load(tmp_path / "old").fit_summary_ is None


def test_a_resumed_fit_says_from_how_many_trials(capsys):
    X, y = messy("binary", rows=120)
    models = ("linear", "tree", "histogram")
    first = estimator("binary", models).fit(X, y)
    assert first.fit_summary_.notes == ()
    again = estimator("binary", models, trials=4).fit(X, y, resume=True, progress=True)
    note = "resumed: 3 finished configuration(s) of an earlier call count"
    assert again.fit_summary_.notes == (note,)
    assert capsys.readouterr().err.count(note) == 1


class Failing(RegressorMixin, BaseEstimator):
    """A learner that never learns."""

    def __init__(self, depth=1):
        self.depth = depth

    def fit(self, X, y):
        raise ValueError("it does not\n converge")

    def predict(self, X):
        return np.zeros(len(X))


def test_a_failed_trial_has_one_line_and_its_family_a_note(caplog, capsys):
    X, y = messy("regression", rows=60)
    models = ["linear", CustomModel("odd", Failing(), Space(depth=Int(1, 3)))]
    search = SearchSettings(models=models, folds=2)
    model = estimator("regression", trials=2, search=search).fit(X, y, progress=True)
    logged = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    shown = [*logged, *capsys.readouterr().err.splitlines()]
    assert [text.split(" after ")[0] for text in shown if "failed" in text] == ["trial 1: odd failed"]
    (note,) = model.fit_summary_.notes
    assert note.startswith("no configuration of odd was completed; the first failure: ")


def test_a_family_of_which_one_configuration_was_completed_has_no_note():
    trials = [TrialRow(n, "mlp", {}, state, error="no") for n, state in enumerate(("failed", "complete"))]
    assert notes_of(trials) == ()
    assert len(notes_of(trials[:1])) == 1
