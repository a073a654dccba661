"""Command `seasoned refit`: a saved model is fitted to other rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from commands import call, fit
from messy import messy
from seasoned import load
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]


def test_refit_fits_the_members_to_other_rows():
    fit("binary")
    X, y = messy("binary", rows=240)
    later = X.assign(target=y, f=1)
    later.loc[3, "target"] = None
    later.to_csv("later.csv", index=False)
    result = call("refit", "model.seasoned", "later.csv", "--target", "target", "--class-weight", "balanced")
    assert "model of 239 rows saved to refitted.seasoned" in result.output
    kept, again = load("model.seasoned"), load("refitted.seasoned")
    assert again.fitted_.rows == 239
    assert [member.name for member in again.fitted_.members] == [member.name for member in kept.fitted_.members]
    call("predict", "refitted.seasoned", "later.csv")
    assert len(pd.read_csv("predictions.csv")) == 240
    assert "no column 'goal'" in call("refit", "model.seasoned", "later.csv", "--target", "goal", code=2).stderr
    twice = ("--target", "target", "--weights", "f", "--class-weight", "yes=2")
    assert "both given" in call("refit", "model.seasoned", "later.csv", *twice, code=2).stderr


def test_refit_keeps_the_parameters_of_the_fit():
    fit("binary", "--time-limit", 77, "--class-weight", "yes=3")
    call("refit", "model.seasoned", "train.csv", "--target", "target", "--time-limit", 55)
    assert load("refitted.seasoned").time_limit == 77
    asked = ("refit", "model.seasoned", "train.csv", "--target", "target")
    assert "--time-limit is -1; give seconds above 0" in call(*asked, "--time-limit", -1, code=2).stderr


def test_refit_needs_the_groups_of_the_fit():
    X, y = messy("regression", rows=160)
    X.assign(target=y, who=np.arange(160) // 4).to_csv("train.csv", index=False)
    usual = ("--target", "target", "--trials", 1, "--models", "linear", "--groups", "who", "--folds", 3)
    call("fit", "train.csv", *usual)
    asked = ("refit", "model.seasoned", "train.csv", "--target", "target")
    assert "give --groups" in call(*asked, code=2).stderr
    assert "model of 160 rows" in call(*asked, "--groups", "who").output


@pytest.mark.slow
def test_table_of_the_fit_is_read_again_with_gaps_and_other_roles():
    X, y = messy("binary", rows=160)
    table = X.assign(target=y, w=np.linspace(1, 2, 160), team=np.arange(160) // 4)
    table.loc[5, ["target", "w", "team"]] = None
    table.to_csv("train.csv", index=False)
    usual = ("--target", "target", "--trials", 1, "--models", "linear", "--ensemble", 1)
    call("fit", "train.csv", *usual, "--weights", "w", "--folds", 3)
    asked = ("model.seasoned", "train.csv", "--target", "target")
    assert "model of 159 rows" in call("refit", *asked, "--weights", "w").output
    call("explain", *asked, "--weights", "w", "--repeats", 2)
    call("report", *asked, "--weights", "w")
    call("fit", "train.csv", *usual, "--folds", 3)  # now the two are features
    assert "model of 159 rows" in call("refit", *asked, "--weights", "w", "--groups", "team").output
    assert "w" in call("explain", *asked, "--weights", "w", "--repeats", 2).output
    call("report", *asked, "--weights", "w")
