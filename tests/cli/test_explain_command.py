"""Command `seasoned explain`: importances and contributions of columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from command_tables import coloured_rows
from commands import call, fit, fit_line
from messy import messy
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]


def test_importances_and_contributions_are_written():
    fit("multiclass")
    result = call("explain", "model.seasoned", "train.csv", "--target", "target", "--repeats", 3, "--out", "e.csv")
    assert "what shuffling a column adds" in result.output
    columns = sorted(name for name in pd.read_csv("train.csv") if name != "target")
    found = pd.read_csv("e.csv")
    assert sorted(found["column"]) == columns
    assert found["importance"].is_monotonic_decreasing
    call("explain", "model.seasoned", "train.csv", "--method", "shap", "--repeats", 3, "--seconds", 2, "--out", "s.csv")
    rows = pd.read_csv("s.csv")
    assert sorted(set(rows.columns) & set(columns)) == columns
    assert rows.shape[1] == len(columns) + 3  # a line a row and class, and the base
    astray = ("explain", "model.seasoned", "train.csv", "--method", "shap", "--target", "goal")
    assert "no column 'goal'" in call(*astray, code=2).stderr
    weights = ("--method", "shap", "--class-weight", "balanced")
    assert "takes no weights" in call("explain", "model.seasoned", "train.csv", *weights, code=2).stderr
    assert "give --target" in call("explain", "model.seasoned", "train.csv", code=2).stderr
    assert "no column 'goal'" in call("explain", "model.seasoned", "train.csv", "--target", "goal", code=2).stderr


def test_columns_with_any_name_are_explained():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(120, 4)), columns=["speed [rpm]", "events [/h]", ":smile:", "class"])
    table.assign(y=rng.permutation(["a", "b", "c"] * 40)).to_csv("odd.csv", index=False)
    call("fit", "odd.csv", "--target", "y", "--models", "tree", "--trials", 1, "--seed", 0, "--ensemble", 1)
    shown = call("explain", "model.seasoned", "odd.csv", "--target", "y", "--repeats", 2).output
    assert all(name in shown for name in table)
    call("explain", "model.seasoned", "odd.csv", "--method", "shap", "--repeats", 2, "--out", "s.csv", "--target", "y")
    assert {"row", "class_", "class"} <= set(pd.read_csv("s.csv"))


def test_contributions_can_be_joined_to_the_table():
    rows = coloured_rows()
    rows.to_csv("t.csv", index=False)
    fit_line("t.csv")
    asked = ("explain", "model.seasoned", "t.csv", "--method", "shap", "--repeats", 5, "--out", "s.csv")
    call(*asked, "--target", "y", "--keep", "id,farbe", "--rows", 20)
    values = pd.read_csv("s.csv", dtype={"id": str})
    assert list(values.columns[:4]) == ["id", "farbe", "row", "base"]
    assert len(values) == 20
    assert values["id"].tolist() == rows["id"].iloc[values["row"]].tolist()
    assert values["row"].is_monotonic_increasing
    call("predict", "model.seasoned", "t.csv")
    predicted = pd.read_csv("predictions.csv")["prediction"].iloc[values["row"]]
    summed = values[["base", "größe", "farbe_value", "noise", "id_value"]].sum(axis=1)
    np.testing.assert_allclose(summed, predicted, atol=1e-6)
    call(*asked)
    assert pd.read_csv("s.csv")["row"].tolist() == list(range(80))
    assert "--keep and --rows are for --method shap" in call(*asked[:3], "--target", "y", "--rows", 2, code=2).stderr
    assert "--rows is 0; give at least 1" in call(*asked, "--rows", 0, code=2).stderr


@pytest.mark.slow
def test_contributions_name_their_class_and_their_base():
    X, y = messy("binary", rows=160)
    X.assign(target=y).to_csv("train.csv", index=False)
    usual = ("--target", "target", "--trials", 1, "--models", "linear", "--ensemble", 1)
    call("fit", "train.csv", *usual, "--metric", "f1", "--positive", "no")
    asked = ("explain", "model.seasoned", "train.csv", "--method", "shap", "--repeats", 2)
    assert " of no) sum to the row's prediction" in " ".join(call(*asked).output.split())
    fit("regression")
    assert "a row's values plus the base prediction (" in " ".join(call(*asked).output.split())
