"""Column roles, holdout and validation of a table, as the options of `seasoned fit` declare them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from declared_fits import ROWS, call, columns, fit, table
from seasoned import load
from seasoned.cli import app
from seasoned.cli.tables.declared_table import Declared
from seasoned.errors import InvalidInput

__all__ = ["table"]


def test_row_weights_change_the_fit(table):
    plain, heavy = fit("--metric", "mae"), fit("--metric", "mae", "--weights", "weight")
    assert "weight" in columns(plain)
    assert columns(heavy) == ["x", "z", "day", "customer"]
    heaviest = table[table["weight"] == 100]
    error = [np.abs(model.predict(heaviest) - heaviest["target"]).mean() for model in (plain, heavy)]
    assert error[1] < 0.5 * error[0]


def test_score_of_held_out_rows_is_weighted():
    shown = call("--metric", "mae", "--weights", "weight", "--holdout", 0.25, "--report", "r.html").output
    frame = pd.read_csv("train.csv")
    model = load("model.seasoned")
    told = float(shown.split("mae on 30 held-out rows: ")[1].split()[0])
    said = Declared("target", weights="weight")
    _, test = said.split(frame, 0.25, 0, classes=False)
    errors = np.abs(model.predict(test) - test["target"])
    assert told == pytest.approx(np.average(errors, weights=test["weight"]), rel=1e-4)
    assert told != pytest.approx(errors.mean(), rel=0.01)


def test_groups_limit_the_folds_and_are_no_feature(table):
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
def test_holdout_of_whole_groups_is_a_share_of_the_rows(sizes, least, most):
    """A share of the groups was next to nothing or next to all where they differ in size."""
    frame = pd.DataFrame({"target": 0.0, "customer": np.repeat(np.arange(len(sizes)), sizes)})
    for seed in range(20):
        train, test = Declared("target", groups="customer").split(frame, 0.2, seed, classes=False)
        assert not set(train["customer"]) & set(test["customer"])
        assert len(train) + len(test) == 1000
        assert least <= len(test) <= most


def test_groups_and_weights_are_checked_before_the_fit(table):
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
def test_any_integer_is_a_seed_of_the_holdout(seed):
    assert "held-out rows" in call("--holdout", 0.25, "--seed", seed).output


def test_validation_file_with_a_gap_keeps_integer_classes(table):
    table.assign(target=(table["target"] > 0).astype(int)).to_csv("train.csv", index=False)
    more = table.assign(target=(table["target"] > 0).astype(int).where(table.index > 0))
    more.to_csv("more.csv", index=False)
    assert fit("--task", "classification", "--validation", "more.csv").classes.tolist() == [0, 1]


def test_validation_takes_a_number_of_folds():
    assert "validation is 1" in fit("--validation", 1, code=2)
    assert len(fit("--validation", 3).validated.truth) == ROWS


def test_validation_takes_a_column_of_times():
    fitted = fit("--validation", "day")
    assert "day" in columns(fitted)
    assert len(fitted.validated.truth) == 100, "the first sixth is only learned from"


def test_validation_takes_a_file_of_rows(table):
    more = table.head(50).assign(extra=1, target=table["target"].head(50).where(table.index[:50] > 4))
    more.to_csv("more.csv", index=False)
    fitted = fit("--validation", "more.csv")
    assert len(fitted.validated.truth) == 45, "five have no target"
    assert fitted.rows == ROWS + 45, "the last fit is on all rows"
    more.drop(columns=["x", "z"]).to_csv("less.csv", index=False)
    assert "'less.csv' lacks the column(s) 'x', 'z'" in fit("--validation", "less.csv", code=2)


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
def test_bad_column_roles_are_one_line_and_exit_code_2(words, sentence):
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
def test_validation_column_has_no_other_role(table, said, option):
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


def test_report_of_a_saved_model_uses_row_weights(table):
    fit("--weights", "weight")
    words = ["report", "model.seasoned", "train.csv", "--target", "target", "--out", "r.html"]
    assert CliRunner().invoke(app, [*words, "--weights", "weight"]).exit_code == 0
    assert "Rows count by their weights" in Path("r.html").read_text()
    assert "no column 'mass'" in CliRunner().invoke(app, [*words, "--weights", "mass"]).stderr


def test_class_of_one_row_is_never_held_out():
    frame = pd.DataFrame({"x": range(61), "target": ["a"] * 40 + ["b"] * 20 + ["rare"]})
    for seed in range(20):
        train, test = Declared("target").split(frame, 0.2, seed, classes=True)
        assert test["target"].value_counts().to_dict() == {"a": 8, "b": 4}
        assert "rare" in set(train["target"])
        assert len(train) + len(test) == 61
    few, one = Declared("target").split(frame, 0.02, 0, classes=True)
    assert len(one) == 2, "not a row for each class"
    assert "rare" in set(few["target"])


def test_held_out_rows_of_a_new_class_are_not_scored():
    frame = pd.DataFrame({"day": range(10), "target": ["a", "b"] * 4 + ["new", "a"]})
    said = Declared("target", validation="day")
    train, test = said.split(frame, 0.2, 0, classes=True)
    assert test["target"].tolist() == ["new", "a"]
    judged, new = said.judged(train, test, classes=True)
    assert judged["target"].tolist() == ["a"]
    assert new == 1
    assert said.judged(train, test, classes=False)[1] == 0


def test_new_class_among_held_out_rows_is_no_error():
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
