"""What practitioners would meet: their splitters, columns of time, classes that a metric is about, indices of files."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from commands import call, fit_line
from in_process import stay_in_process
from seasoned import AutoClassifier, AutoRegressor, Metric, SearchSettings
from seasoned.errors import InvalidInput
from seasoned.tabular.input.frames import read_table
from seasoned.tabular.input.sample_roles import read_roles
from seasoned.tabular.input.target import read_target
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.validation.declared import declared_folds

QUICK = {"trials": 1, "random_state": 0, "experience": None, "workers": 1}
LINEAR = SearchSettings(["linear"], ensemble=1)


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    stay_in_process(monkeypatch)


class Forward:
    """Years in their order, as a walk through time has them."""

    def __init__(self, kind=None):
        self.kind = kind
        self.seen = []

    def split(self, X, y, groups=None):
        self.seen.append((np.asarray(y)[:3].tolist(), np.unique(groups).tolist()))
        if self.kind is not None:
            raise self.kind("made up")
        for year in np.unique(groups)[1:]:
            yield np.flatnonzero(groups < year), np.flatnonzero(groups == year)


def test_a_splitter_is_given_groups_and_labels_as_they_are():
    years = np.array([2023, 2019, 2021] * 20)
    y = pd.Series(["no", "yes", "no"] * 20)
    target, roles, splitter = read_target(y, "classification"), read_roles(None, years, 60), Forward()
    folds = declared_folds(splitter, None, pd.DataFrame({"a": np.arange(60)}), target, roles)
    assert splitter.seen == [(["no", "yes", "no"], [2019, 2021, 2023])]
    assert [set(years[valid]) for _, valid in folds] == [{2021}, {2023}]
    assert [set(years[train]) for train, _ in folds] == [{2019}, {2019, 2021}]


@pytest.mark.parametrize("kind", [KeyError, AttributeError, RuntimeError])
def test_whatever_a_splitter_raises_is_told_in_a_sentence(kind):
    target, roles = read_target(pd.Series([0, 1] * 10), "classification"), read_roles(None, np.arange(20), 20)
    with pytest.raises(InvalidInput, match="Forward cannot split these rows"):
        declared_folds(Forward(kind), None, pd.DataFrame({"a": np.arange(20)}), target, roles)


def test_labels_of_an_index_are_no_places():
    X = pd.DataFrame({"a": np.random.default_rng(0).normal(size=40)}).sample(frac=1, random_state=0)
    y = (X["a"] > 0).to_numpy().astype(int)
    early, late = X.index[:30], X.index[30:]
    with pytest.raises(InvalidInput, match="labels of an index"):
        AutoClassifier(validation=[(early, late)], search=LINEAR, **QUICK).fit(X, y)
    places = [(X.index.get_indexer(early), X.index.get_indexer(late))]
    assert AutoClassifier(validation=places, search=LINEAR, **QUICK).fit(X, y).fitted_.trials
    plain = X.reset_index(drop=True)
    assert AutoClassifier(validation=[(plain.index[:30], plain.index[30:])], search=LINEAR, **QUICK).fit(plain, y)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("quarter", [f"{1990 + i // 4}Q{1 + i % 4}" for i in range(40)]),
        ("when", [f"{1990 + i // 4}Q{1 + i % 4}" for i in range(40)]),
        ("when", [f"{1 + i % 12:02d}/{2000 + i // 12}" for i in range(40)]),
        ("when", [f"2024-W{i + 1:02d}" for i in range(40)]),
        ("at", [f"{i // 4:02d}:{15 * (i % 4):02d}" for i in range(40)]),
        ("date_key", list(range(20240101, 20240101 + 40))),
        ("cycle", list(range(40))),
        ("cycleNo", list(range(40))),
        ("Event Dates", list(range(20240101, 20240101 + 40))),
    ],
)
def test_what_tells_the_time_identifies_no_row(name, values):
    frame = pd.DataFrame({name: values, "noise": np.random.default_rng(0).normal(size=40)})
    assert name in [column.name for column in Schema.infer(frame).used]


@pytest.mark.parametrize(
    "name", ["message_id", "image_id", "update_id", "ticket_id", "stepId", "birthdate_id", "holidayKey_id"]
)
def test_what_only_holds_the_letters_of_a_time_is_an_identifier(name):
    frame = pd.DataFrame({name: 7 * np.arange(40) + 1000, "noise": np.random.default_rng(0).normal(size=40)})
    assert name not in [column.name for column in Schema.infer(frame).used]
    codes = pd.DataFrame({"ticket": [f"T-{i:05d}" for i in range(40)], "noise": np.arange(40) % 7})
    assert "ticket" not in [column.name for column in Schema.infer(codes).used]


def test_a_counter_that_validation_names_stays():
    frame = pd.DataFrame({"counter": np.arange(60), "noise": np.random.default_rng(0).normal(size=60)})
    assert "counter" not in [column.name for column in Schema.infer(frame).used]
    model = AutoRegressor(validation="counter", search=LINEAR, **QUICK).fit(frame, frame["counter"] * 2.0)
    assert "counter" in [column.name for column in model.fitted_.plan.schema.used]
    codes = pd.DataFrame({"code": [f"C-{i:05d}" for i in range(40)], "noise": np.arange(40) % 7})
    assert "code" not in [column.name for column in Schema.infer(codes).used], "codes are still none of use"


@pytest.mark.parametrize(
    ("metric", "labels", "told"),
    [
        (
            "f1",
            ["cat", "dog"],
            "f1 is about the class 'dog', the one sorted last; pass Metric('f1', positive='cat'), or --positive, for",
        ),
        ("f1", ["churn", "stay"], None),
        ("average_precision", ["fraud", "legit"], None),
        (Metric("f1", positive="stay"), ["churn", "stay"], None),
        ("f1", [0, 1], None),
        ("f1", [False, True], None),
        ("accuracy", ["churn", "stay"], None),
    ],
)
def test_which_class_a_metric_is_about_is_said(caplog, metric, labels, told):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=60)})
    y = np.array(labels)[(X["a"] > 0).astype(int)]
    with caplog.at_level(logging.WARNING, "seasoned.tabular"):
        AutoClassifier(metric, search=LINEAR, **QUICK).fit(X, y)
    if told is None:
        assert "is about the class" not in caplog.text
    else:
        assert told in caplog.text


def test_the_index_of_a_parquet_file_is_a_column(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=80), "y": rng.normal(size=80)})
    frame.index = pd.date_range("2024-01-01", periods=80, name="day")
    frame.to_parquet("days.parquet")
    assert list(read_table("days.parquet").columns) == ["day", "a", "y"]
    fit_line("days.parquet", "--validation", "day", "--out", "m.seasoned")
    assert "day" in call("explain", "m.seasoned", "days.parquet", "--target", "y").stdout
    frame.rename_axis(None).to_parquet("plain.parquet")
    assert list(read_table("plain.parquet").columns) == ["a", "y"]
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(InvalidInput, match="is a folder; a table in several files is not covered"):
        read_table("folder.parquet")


def test_rows_of_very_many_classes_are_predicted_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=400), "b": rng.normal(size=400)})
    y = np.repeat(np.arange(40), 10)
    search = SearchSettings(["tree"], 2, ensemble=1)
    model = AutoClassifier("accuracy", search=search, **QUICK).fit(X, y)
    whole = model.predict_proba(X)
    sizes = []
    from seasoned.tabular.ensemble import fitted_model

    usual = fitted_model.in_parts
    monkeypatch.setattr(
        fitted_model, "in_parts", lambda frame, width, *most: sizes.append(width) or usual(frame, width, *most)
    )
    np.testing.assert_array_equal(model.predict_proba(X), whole)
    assert sizes == [40 * 7], "as many numbers as are there at once"
