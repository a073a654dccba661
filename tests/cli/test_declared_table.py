"""`seasoned fit` with weights, groups, validation and features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from in_process import stay_in_process
from seasoned import load
from seasoned.cli import app
from seasoned.cli.declared_table import Declared
from seasoned.errors import InvalidInput
from seasoned.tabular.features.pipeline import NEEDS, SELECTIONS, STEPS

ROWS = 120


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    stay_in_process(monkeypatch)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=ROWS),
            "z": rng.normal(size=ROWS),
            "day": pd.date_range("2024-01-01", periods=ROWS).astype(str),
            "customer": [f"c{place // 6}" for place in range(ROWS)],
            "weight": np.where(np.arange(ROWS) % 4 == 3, 100.0, 1.0),
        }
    )
    frame["target"] = np.where(frame["weight"] == 100, -1, 1) * 3.0 * frame["x"] + 0.1 * rng.normal(size=ROWS)
    frame.to_csv("train.csv", index=False)
    return frame


def call(*words, code=0):
    quick = ("--target", "target", "--models", "linear", "--trials", 1, "--seed", 0)
    result = CliRunner().invoke(app, [str(word) for word in ("fit", "train.csv", *quick, *words)])
    assert result.exit_code == code, result.output
    return result


def fit(*words, code=0):
    result = call(*words, code=code)
    return result.stderr if code else load("model.seasoned").fitted_


def columns(fitted):
    return [column.name for column in fitted.plan.schema.columns]


def test_weights(table):
    plain, heavy = fit("--metric", "mae"), fit("--metric", "mae", "--weights", "weight")
    assert "weight" in columns(plain)
    assert columns(heavy) == ["x", "z", "day", "customer"]
    heaviest = table[table["weight"] == 100]
    error = [np.abs(model.predict(heaviest) - heaviest["target"]).mean() for model in (plain, heavy)]
    assert error[1] < 0.5 * error[0]


def test_held_out_rows_are_weighed_as_well():
    shown = call("--metric", "mae", "--weights", "weight", "--holdout", 0.25, "--report", "r.html").output
    frame = pd.read_csv("train.csv")
    model = load("model.seasoned")
    told = float(shown.split("mae on 30 held-out rows: ")[1].split()[0])
    said = Declared("target", weights="weight")
    _, test = said.split(frame, 0.25, 0, classes=False)
    errors = np.abs(model.predict(test) - test["target"])
    assert told == pytest.approx(np.average(errors, weights=test["weight"]), rel=1e-4)
    assert told != pytest.approx(errors.mean(), rel=0.01)


def test_groups(table):
    fitted = fit("--groups", "customer", "--folds", 4)
    assert "customer" not in columns(fitted)
    assert len(fitted.validated.truth) == ROWS
    assert "with 20 groups it must be from 2 to 20" in fit("--groups", "customer", "--validation", 50, code=2)


@pytest.mark.parametrize(
    ("sizes", "least", "most"),
    [
        ([910, *[10] * 9], 90, 90),
        ([500, 200, 100, 50, *[10] * 15], 195, 299),
        ([40] * 25, 200, 200),
        ([600, 400], 400, 400),
    ],
)
def test_a_holdout_of_whole_groups_is_a_share_of_the_rows(sizes, least, most):
    """A share of the groups was next to nothing or next to all where they differ in size."""
    frame = pd.DataFrame({"target": 0.0, "customer": np.repeat(np.arange(len(sizes)), sizes)})
    for seed in range(20):
        train, test = Declared("target", groups="customer").split(frame, 0.2, seed, classes=False)
        assert not set(train["customer"]) & set(test["customer"])
        assert len(train) + len(test) == 1000
        assert least <= len(test) <= most


def test_groups_and_weights_are_looked_at_before_anything_is_fitted(table):
    table.assign(customer=table["customer"].where(table.index > 0)).to_csv("train.csv", index=False)
    assert "groups is missing for 1 of 120 rows" in fit("--groups", "customer", "--holdout", 0.2, code=2)
    said = Declared("target", weights="weight")
    _, late = said.split(table, 0.25, 0, classes=False)
    table.assign(weight=table["weight"].where(table.index != late.index[0])).to_csv("train.csv", index=False)
    assert "missing (NaN) for 1 of 120 rows" in fit("--weights", "weight", "--holdout", 0.25, code=2)
    assert not Path("model.seasoned").exists()
    table.assign(weight=table["weight"].where(~table.index.isin(late.index), 0.0)).to_csv("train.csv", index=False)
    shown = call("--weights", "weight", "--holdout", 0.25).output
    assert "the 30 held-out rows all have the weight 0, so there is no score" in shown


@pytest.mark.parametrize("seed", [-1, 5_000_000_000])
def test_any_whole_number_is_a_seed_of_the_holdout_too(seed):
    assert "held-out rows" in call("--holdout", 0.25, "--seed", seed).output


def test_a_gap_in_the_rows_to_validate_on_makes_no_floats_of_classes(table):
    table.assign(target=(table["target"] > 0).astype(int)).to_csv("train.csv", index=False)
    more = table.assign(target=(table["target"] > 0).astype(int).where(table.index > 0))
    more.to_csv("more.csv", index=False)
    assert fit("--task", "classification", "--validation", "more.csv").classes.tolist() == [0, 1]


def test_number_of_folds():
    assert "validation is 1" in fit("--validation", 1, code=2)
    assert len(fit("--validation", 3).validated.truth) == ROWS


def test_time():
    fitted = fit("--validation", "day")
    assert "day" in columns(fitted)
    assert len(fitted.validated.truth) == 100, "the first sixth is only learned from"


def test_a_file_of_rows_to_validate_on(table):
    more = table.head(50).assign(extra=1, target=table["target"].head(50).where(table.index[:50] > 4))
    more.to_csv("more.csv", index=False)
    fitted = fit("--validation", "more.csv")
    assert len(fitted.validated.truth) == 45, "five have no target"
    assert fitted.rows == ROWS + 45, "the last fit is on all rows"
    more.drop(columns=["x", "z"]).to_csv("less.csv", index=False)
    assert "'less.csv' lacks the column(s) 'x', 'z'" in fit("--validation", "less.csv", code=2)


def test_features():
    names = {name for name in (*STEPS, *SELECTIONS) if NEEDS.get(name) != "text"}

    def asked(fitted):
        (trial,) = [trial for trial in fitted.trials if "made" in trial.config["features"]]
        return set(trial.config["features"]["made"]) - {"columns"}

    assert asked(fit("--features", "all", "--trials", 2)) == names
    assert asked(fit("--features", "arithmetic, redundant", "--trials", 2)) == {"arithmetic", "redundant"}
    assert "there is no feature step 'oracle'" in fit("--features", "oracle", code=2)


def test_numbers_that_are_names(table):
    rng = np.random.default_rng(1)
    zips = rng.integers(10_000, 10_040, ROWS)
    table.assign(zip=zips, target=np.sin(7.0 * zips)).to_csv("train.csv", index=False)
    assert {column.name: column.kind for column in fit().plan.schema.columns}["zip"] == "numeric"
    found = fit("--categorical", "zip, customer", "--holdout", 0.2)
    assert {column.name: column.kind for column in found.plan.schema.columns}["zip"] == "category"
    rows = pd.read_csv("train.csv")
    np.testing.assert_array_equal(found.predict(rows), found.predict(rows.astype({"zip": str})))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--categorical", "zipp"], "no column 'zipp'"),
        (["--categorical", "target"], "'target' is the target; pass --task classification"),
        (["--out", "m" * 255], "the model cannot be written to 'mmm"),
        (["--weights", "mass"], "--weights is 'mass', and there is no such column; the columns are x, z, day"),
        (["--groups", "mass"], "--groups is 'mass'"),
        (["--groups", "weight", "--weights", "weight"], "'weight' is given two roles"),
        (["--weights", "target"], "'target' is given two roles"),
        (["--weights", "day"], "which is no number"),
        (["--validation", "²"], "neither a number of folds, nor a column of times, nor a file"),
        (["--validation", "none.csv"], "neither a number of folds, nor a column of times, nor a file"),
        (["--validation", "customer"], "a text column that cannot be read as dates or numbers"),
        (["--groups", "customer", "--holdout", "0.999"], "whole groups"),
    ],
)
def test_what_is_not_there_is_one_line_and_code_2(words, sentence):
    error = fit(*words, code=2)
    assert error.count("\n") == 1
    assert sentence in error


@pytest.mark.parametrize(
    ("said", "option"),
    [
        (Declared("target", validation="target"), "--target"),
        (Declared("target", weights="weight", validation="weight"), "--weights"),
        (Declared("target", groups="customer", validation="customer"), "--groups"),
    ],
)
def test_a_column_that_has_another_role_tells_no_time(table, said, option):
    with pytest.raises(InvalidInput, match=f"the column of {option}; a column has one role"):
        said.check(table)
    replace(said, validation="day").check(table)


def test_held_out_rows_are_the_latest_or_whole_groups(table):
    train, test = Declared("target", validation="day").split(
        table.sample(frac=1, random_state=0), 0.25, 0, classes=False
    )
    assert len(test) == 30
    assert train["day"].max() < test["day"].min()
    train, test = Declared("target", groups="customer").split(table, 0.25, 0, classes=False)
    assert len(test) == 30
    assert not set(train["customer"]) & set(test["customer"])
    mixed = table.assign(customer=[f"c{place % 6}" for place in range(ROWS)])
    train, test = Declared("target", groups="customer", validation="day").split(mixed, 0.25, 0, classes=False)
    assert train["day"].max() < test["day"].min()
    assert set(train["customer"]) == set(test["customer"])
    classes = table.assign(target=np.arange(ROWS) % 3 == 0)
    _, test = Declared("target").split(classes, 0.25, 0, classes=True)
    assert test["target"].sum() == 10


def test_the_report_of_a_saved_model_weighs_rows(table):
    fit("--weights", "weight")
    words = ["report", "model.seasoned", "train.csv", "--target", "target", "--out", "r.html"]
    assert CliRunner().invoke(app, [*words, "--weights", "weight"]).exit_code == 0
    assert "Rows count by their weights" in Path("r.html").read_text()
    assert "no column 'mass'" in CliRunner().invoke(app, [*words, "--weights", "mass"]).stderr


def test_a_class_of_one_row_is_learned_from_and_the_others_are_held_out_in_proportion():
    frame = pd.DataFrame({"x": range(61), "target": ["a"] * 40 + ["b"] * 20 + ["rare"]})
    for seed in range(20):
        train, test = Declared("target").split(frame, 0.2, seed, classes=True)
        assert test["target"].value_counts().to_dict() == {"a": 8, "b": 4}
        assert "rare" in set(train["target"])
        assert len(train) + len(test) == 61
    few, one = Declared("target").split(frame, 0.02, 0, classes=True)
    assert len(one) == 2, "not a row for each class"
    assert "rare" in set(few["target"])


def test_held_out_rows_of_a_class_that_is_new_are_not_judged():
    frame = pd.DataFrame({"day": range(10), "target": ["a", "b"] * 4 + ["new", "a"]})
    said = Declared("target", validation="day")
    train, test = said.split(frame, 0.2, 0, classes=True)
    assert test["target"].tolist() == ["new", "a"]
    judged, new = said.judged(train, test, classes=True)
    assert judged["target"].tolist() == ["a"]
    assert new == 1
    assert said.judged(train, test, classes=False)[1] == 0


def test_a_new_class_among_the_held_out_rows_ends_no_fit():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=80), "day": pd.date_range("2024-01-01", periods=80)})
    frame["target"] = np.where(frame["x"] > 0, "up", "down")
    frame.loc[79, "target"] = "new"
    frame.to_csv("latest.csv", index=False)
    words = ["fit", "latest.csv", "--target", "target", "--validation", "day", "--holdout", "0.25", "--trials", "1"]
    result = CliRunner().invoke(app, [*words, "--models", "linear", "--experience", "none", "--report", "r.html"])
    assert result.exit_code == 0, result.output
    assert "1 held-out row(s) are of classes that no other row has, and are not judged" in result.output
    assert "on 19 held-out rows" in result.output
    assert Path("r.html").is_file()


def test_columns_that_say_which_row_it_is_are_named(table):
    table.assign(row_id=np.random.default_rng(0).permutation(ROWS)).to_csv("train.csv", index=False)
    assert "left out    row_id. It is named as an identifier" in call().output
