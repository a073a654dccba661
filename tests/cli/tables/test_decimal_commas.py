"""Decimal commas and thousands points of text files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from command_tables import coloured_rows, read
from commands import call, fit_line
from seasoned import load
from seasoned.cli.tables.column_formats import TextFormat
from seasoned.cli.tables.reading import Reading
from seasoned.tabular.input.files import read_table
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]

ROWS = 80


@pytest.fixture
def table():
    return coloured_rows()


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("a;b\n1,5;x\n2;y\n", [1.5, 2.0]),
        ("a;b\n1.234,5;x\n2;y\n", [1234.5, 2.0]),
        ("a;b\n1.5;x\n2;y\n", [1.5, 2.0]),
        ("a;b\n1.5;3,5\n2;4\n", [1.5, 2.0]),  # points in one column, commas in another
        ("a;b\n0,125;x\n1,250;y\n", [0.125, 1.25]),
        ("a;b\n0.125;x\n1.250;y\n", [0.125, 1.25]),
        ("a;b\n1.200;0,5\n2.201;1,5\n950;2\n", [1200, 2201, 950]),  # the comma is decimal, so points are not
        ("a;b\n1.200;1.234,5\n950;2\n", [1200, 950]),
        ("a;b\n1,234;0.5\n999;1.5\n", ["1,234", "999"]),  # thousands, which the model reads
        ("a;b\n1,5;x\nn;y\n", ["1,5", "n"]),
        ("a;b\n1;x\n2;y\n", [1, 2]),
        ("a;b\n01.02.2024;1,5\n02.03.2024;2,5\n", ["01.02.2024", "02.03.2024"]),
    ],
)
def test_numbers_between_semicolons_get_their_decimal_sign(content, values):
    assert read(content)["a"].tolist() == values


def test_decimal_comma_in_one_column_makes_points_thousands():
    first = Reading().table(b"a;b\n1.200;0,5\n950;1,5\n")
    assert (first["a"].tolist(), first.attrs) == ([1200, 950], {"decimal": ","})
    alone = b"a;b\n1.200;1\n2.300;2\n"
    assert Reading().table(alone)["a"].tolist() == [1.2, 2.3]
    assert Reading().table(alone).attrs == {}
    assert Reading().table(alone, like=TextFormat(commas=True))["a"].tolist() == [1200, 2300]
    assert Reading(decimal=",").table(alone)["a"].tolist() == [1200, 2300]
    assert Reading().table(b"a;b\n1.200;1.5\n2.300;2\n", like=TextFormat(commas=True))["a"].tolist() == [1.2, 2.3]


def test_leading_zero_shows_the_decimal_sign():
    Path("t.csv").write_text("price;share\n1,234;0.125\n2,500;0.250\n", encoding="utf-8")
    frame = Reading().table(Path("t.csv"))
    assert frame["share"].tolist() == [0.125, 0.25]
    assert frame["price"].tolist() == ["1,234", "2,500"], "which the model reads as thousands"


@pytest.mark.parametrize("cell", ["+", "e5", "-", "E-3"])
def test_cell_without_a_digit_keeps_its_column_as_text(cell):
    Path("t.csv").write_text(f"a;y\n1,5;0\n{cell};1\n2,5;0\n", encoding="utf-8")
    assert Reading().table(Path("t.csv"))["a"].tolist() == ["1,5", cell, "2,5"]


@pytest.mark.slow
def test_dash_among_decimal_commas_is_a_missing_number():
    rows = "\n".join(f"{'-' if place % 9 == 0 else f'{place},5'};{2 * place + 1}" for place in range(60))
    Path("t.csv").write_text(f"a;y\n{rows}\n", encoding="utf-8")
    assert Reading().table(Path("t.csv"))["a"].tolist()[:2] == ["-", "1,5"]
    fit_line("t.csv")
    (column,) = load("model.seasoned").fitted_.plan.schema.columns
    assert column.kind == "numeric"
    call("predict", "model.seasoned", "t.csv")


def test_european_file_is_fitted_predicted_and_reported(table):
    table.to_csv("plain.csv", index=False)
    table.to_csv("semi.csv", index=False, sep=";", decimal=",", encoding="cp1252")
    cp1252 = ("--encoding", "cp1252")
    assert "regression model saved to plain.s" in fit_line("plain.csv", "--out", "plain.s").output
    assert "regression model saved to semi.s" in fit_line("semi.csv", *cp1252, "--out", "semi.s").output
    rows = read_table("plain.csv")
    np.testing.assert_allclose(load("semi.s").predict(rows), load("plain.s").predict(rows), rtol=1e-9)
    call("predict", "plain.s", "plain.csv", "--out", "plain-p.csv")
    call("predict", "plain.s", "semi.csv", *cp1252, "--out", "semi-p.csv")
    pd.testing.assert_frame_equal(pd.read_csv("semi-p.csv"), pd.read_csv("plain-p.csv"), rtol=1e-9)
    streamed = call("predict", "plain.s", "-", *cp1252, "--out", "-", given=Path("semi.csv").read_bytes()).stdout
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(streamed)), pd.read_csv("plain-p.csv"), rtol=1e-9)
    call("report", "plain.s", "semi.csv", "--target", "y", *cp1252)
    assert "give its --encoding" in fit_line("semi.csv", code=2).stderr
    assert "give its --encoding" in call("predict", "plain.s", "semi.csv", code=2).stderr


def test_validation_file_is_read_with_the_options_of_its_table(table):
    for name, rows in (("train.csv", table[:60]), ("valid.csv", table[60:])):
        rows.to_csv(name, index=False, sep=";", decimal=",", encoding="cp1252")
    fit_line("train.csv", "--encoding", "cp1252", "--validation", "valid.csv", "--ignore", "noise")
    assert load("model.seasoned").score(table[60:].drop(columns="noise"), table["y"][60:]) < 1


def test_validation_file_has_the_decimal_comma_of_its_table():
    rng = np.random.default_rng(0)
    size, share = rng.integers(1_200, 9_000, 80), rng.random(80).round(2)
    written = pd.DataFrame(
        {
            "x": [f"{value:,}".replace(",", ".") for value in size],
            "share": [str(value).replace(".", ",") for value in share],
            "y": [f"{value:,}".replace(",", ".") for value in 3 * size],
        }
    )
    written[:60].to_csv("train.csv", index=False, sep=";")
    written[60:].assign(share="1").to_csv("valid.csv", index=False, sep=";")
    fit_line("train.csv", "--validation", "valid.csv")
    assert load("model.seasoned").fitted_.validated.loss < 0.2 * (3 * size).std()


def test_decimal_comma_of_the_fit_is_that_of_later_files():
    """German files: "1.200" is 1200 where some comma is decimal, and 1.2 where nothing says so."""
    rng = np.random.default_rng(0)
    size, share = rng.integers(200, 9_000, ROWS), rng.random(ROWS).round(2)
    written = pd.DataFrame(
        {
            "größe": [f"{value:,}".replace(",", ".") for value in size],
            "anteil": [str(value).replace(".", ",") for value in share],
            "y": [f"{value:,}".replace(",", ".") for value in 3 * size],
        }
    )
    written.to_csv("train.csv", index=False, sep=";")
    fit_line("train.csv")
    assert load("model.seasoned").decimal_ == ","
    whole = written.drop(columns="y").assign(anteil=1)
    whole.to_csv("silent.csv", index=False, sep=";")
    call("predict", "model.seasoned", "silent.csv")
    assert np.corrcoef(pd.read_csv("predictions.csv")["prediction"], size)[0, 1] > 0.99
    assert "report written" in call("report", "model.seasoned", "train.csv", "--target", "y").stdout
