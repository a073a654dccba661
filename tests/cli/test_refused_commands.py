"""Refusals of commands before any work, and cells that must not be misread."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from commands import call, fit_line
from few_shot_data import quick
from seasoned import AutoClassifier, AutoRegressor, FewShotClassifier, SearchSettings
from seasoned.cli import common
from seasoned.cli.demo import run_demo
from seasoned.cli.read_table import Reading, rows_to_predict
from seasoned.errors import InvalidInput
from seasoned.report.html.quality import predictions
from seasoned.report.model.collect import report_data
from seasoned.tabular.input.frames import read_table
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]

ROWS = 60
QUICK = {"search": SearchSettings(models=["linear"], ensemble=1), "trials": 1, "experience": None, "random_state": 0}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=ROWS), "b": rng.normal(size=ROWS), "who": np.arange(ROWS) // 6})
    return frame.assign(y=np.where(frame["a"] > 0, "yes", "no"))


# ------------------------------------------------------------------------------------------------ outputs


def test_no_file_of_a_command_is_overwritten_by_another(table):
    table.to_csv("t.csv", index=False)
    fit_line("t.csv")
    before = Path("model.seasoned").read_bytes()
    table.drop(columns="y").to_csv("predictions.csv", index=False)
    for words in (
        ("fit", "t.csv", "--target", "y", "--out", "m.html", "--report", "./m.html"),
        ("fit", "t.csv", "--target", "y", "--out", "t.csv"),
        ("report", "model.seasoned", "--out", "model.seasoned"),
        ("report", "model.seasoned", "t.csv", "--target", "y", "--out", "t.csv"),
        ("predict", "model.seasoned", "predictions.csv"),
        ("explain", "model.seasoned", "t.csv", "--target", "y", "--out", "t.csv"),
        ("refit", "model.seasoned", "t.csv", "--target", "y", "--out", "t.csv"),
        ("adapt", "t.csv", "--task", "who", "--target", "y", "--out", "t.csv"),
        ("adapt", "predictions.csv", "--model", "model.seasoned"),
    ):
        error = call(*words, code=2).stderr
        assert "is also another file of this command; choose another name." in error, words
    assert Path("model.seasoned").read_bytes() == before
    assert len(read_table("predictions.csv").columns) == 3
    call("refit", "model.seasoned", "t.csv", "--target", "y", "--out", "model.seasoned")


def test_a_folder_that_may_not_be_written_is_refused_before_the_fit(table, monkeypatch):
    table.to_csv("t.csv", index=False)
    monkeypatch.setattr(common.os, "access", lambda path, mode: mode != os.W_OK | os.X_OK)
    error = fit_line("t.csv", "--out", "m.seasoned", code=2).stderr
    assert "the folder '.' may not be written; choose another one." in error


def test_a_model_is_no_text_for_the_standard_output(table):
    table.to_csv("t.csv", index=False)
    assert "cannot be written to the standard output" in fit_line("t.csv", "--out", "-", code=2).stderr
    learn = ("adapt", "t.csv", "--task", "who", "--target", "y", "--out", "-")
    assert "cannot be written to the standard output" in call(*learn, code=2).stderr
    assert not Path("-").exists()


def test_a_file_in_the_place_of_the_demonstrations_folder_is_found_first(monkeypatch):
    monkeypatch.setattr("seasoned.cli.demo.load_storms", lambda: pytest.fail("it has begun"))
    Path("demo").touch()
    with pytest.raises(InvalidInput, match="'demo' cannot be a folder: File exists; choose another one"):
        run_demo(Path("demo"), 60.0)


# ------------------------------------------------------------------------------------------------ cells


def test_a_last_column_of_na_is_no_separator_at_the_end():
    """As R's `write.table` has rows whose target nobody knows yet."""
    Path("r.csv").write_text('"x1","x2","y"\n"r1",5,1,NA\n"r2",6,0,NA\n', encoding="utf-8")
    frame = read_table("r.csv")
    assert frame["x1"].tolist() == [5, 6]
    assert frame["x2"].tolist() == [1, 0]
    assert frame["y"].isna().all()


def test_a_separator_at_the_end_is_none_for_kept_columns_either():
    Path("t.csv").write_text("id,country,x\n1,NA,3,\n2,DE,4,\n", encoding="utf-8")
    rows, kept = rows_to_predict(Path("t.csv"), keep=["id", "country"])
    assert rows["x"].tolist() == [3, 4]
    assert kept.to_csv(index=False) == "id,country\n1,NA\n2,DE\n"


def test_kept_words_for_nothing_and_for_truth_stay():
    Path("t.csv").write_text("id,who,yes,price\nNone,NA,TRUE,1.50\nnull,,FALSE,2\n", encoding="utf-8")
    _, kept = rows_to_predict(Path("t.csv"), keep=["id", "who", "yes", "price"])
    assert kept.to_csv(index=False) == "id,who,yes,price\nNone,NA,TRUE,1.5\nnull,,FALSE,2.0\n"
    assert kept["who"].isna().tolist() == [False, True]


def test_a_leading_zero_tells_the_decimal_sign():
    Path("t.csv").write_text("price;share\n1,234;0.125\n2,500;0.250\n", encoding="utf-8")
    frame = Reading().table(Path("t.csv"))
    assert frame["share"].tolist() == [0.125, 0.25]
    assert frame["price"].tolist() == ["1,234", "2,500"], "which the model reads as thousands"


def test_an_encrypted_file_is_said_to_be_none_that_can_be_read(monkeypatch):
    with zipfile.ZipFile("t.csv.zip", "w") as archive:
        archive.writestr("t.csv", "a,y\n1,2\n")
    packed = bytearray(Path("t.csv.zip").read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the bit that says "encrypted"
        packed[packed.find(mark) + place] |= 1
    Path("t.csv.zip").write_bytes(packed)
    error = fit_line("t.csv.zip", code=2).stderr
    assert "'t.csv.zip' cannot be read as CSV" in error
    assert "encrypted" in error


@pytest.mark.slow
def test_labels_of_few_shots_that_look_like_numbers_are_words():
    rng = np.random.default_rng(0)
    shop, x = np.arange(ROWS) // 6, rng.normal(size=ROWS)
    size = np.where(x > 0.5, "3+", np.where(x > -0.5, "2", "1"))
    frame = pd.DataFrame({"shop": shop, "x": x, "size": size})
    model = FewShotClassifier(quick(), random_state=0)
    model.fit(frame.drop(columns="size"), frame["size"], task="shop").save("m.seasoned")
    new = frame[(shop == 1) & (size != "3+")].assign(shop=99)
    new.assign(size=new["size"].where(np.arange(len(new)) < len(new) - 1)).to_csv("new.csv", index=False)
    call("adapt", "new.csv", "--model", "m.seasoned", "--no-tune")
    found = pd.read_csv("predictions.csv", dtype={"prediction": str})
    assert found["row"].tolist() == [len(new) - 1]
    assert set(found["prediction"]) <= {"1", "2", "3+"}


# ------------------------------------------------------------------------------------------------ scores


def test_held_out_rows_of_one_class_have_no_score_and_no_nan(table):
    table.assign(y=np.where(table["who"] < 8, table["y"], "no")).to_csv("t.csv", index=False)
    shown = fit_line("t.csv", "--validation", "who", "--holdout", 0.1).output
    assert "roc_auc is not defined on the 6 held-out rows, which are of one class" in shown


def test_a_metric_without_weights_is_not_said_to_count_by_them(table):
    X, y = table[["a", "b"]], 3 * table["a"]
    weights = np.linspace(1, 2, ROWS)
    model = AutoRegressor("max_error", **QUICK).fit(X, y, sample_weight=weights)
    data = report_data(model, X, y, sample_weight=weights)
    assert "though not in max_error, which takes none" in str(predictions(data).content)
    assert not data.importance.weighted
    plain = AutoRegressor(**QUICK).fit(X, y, sample_weight=weights)
    data = report_data(plain, X, y, sample_weight=weights)
    assert "Rows count by their weights, in the score and below" in str(predictions(data).content)
    assert data.importance.weighted


def hits(truth, predicted):
    return float((truth == predicted).mean())


def test_a_function_that_the_file_lacks_is_said_to_be_the_reason(table):
    X, y = table[["a", "b"]], table["y"]
    AutoClassifier(hits, **QUICK).fit(X, y).save("m.seasoned")
    table[["a", "b", "y"]].to_csv("t.csv", index=False)
    call("report", "m.seasoned", "t.csv", "--target", "y")
    page = Path("report.html").read_text(encoding="utf-8")
    assert "hits is a function, which the file of the model does not hold" in page
    assert "is not defined on" not in page


def test_the_target_of_a_portfolio_needs_its_table():
    error = call("experience", "portfolio", "--target", "y", code=2).stderr
    assert "--target is a column of a table; give the table, too" in error
