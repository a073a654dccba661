"""Tables of databases: SQLite through SQLAlchemy, DuckDB, and queries that are refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from command_tables import coloured_rows
from commands import call
from seasoned.errors import InvalidInput, MissingExtra
from seasoned.tabular.input.database import read_database


@pytest.fixture(autouse=True)
def own_folder(here, monkeypatch):
    monkeypatch.chdir(here)


@pytest.fixture
def shop():
    with closing(sqlite3.connect("shop.db")) as connection:
        coloured_rows().to_sql("paints", connection, index=False)
        connection.execute('CREATE TABLE "odd "" name" (a INTEGER)')
        connection.commit()
    return coloured_rows()


@pytest.mark.parametrize("url", ["shop.db", "sqlite:///shop.db"])
def test_a_table_of_sqlite(shop, url):
    pd.testing.assert_frame_equal(read_database("paints", url), shop, check_dtype=False)
    assert read_database('odd " name', url).columns.tolist() == ["a"]


def test_a_query_of_a_file(shop):
    Path("query.sql").write_text("SELECT farbe, '10:30 50%' AS hour FROM paints WHERE farbe = 'rot';\n", "utf-8")
    frame = read_database("query.sql", "shop.db")
    assert frame["farbe"].unique().tolist() == ["rot"]
    assert len(frame) == (shop["farbe"] == "rot").sum()
    assert frame["hour"].unique().tolist() == ["10:30 50%"]


@pytest.mark.parametrize("url", ["shop.duckdb", "duckdb:///shop.duckdb"])
def test_a_table_of_duckdb(url):
    with duckdb.connect("shop.duckdb") as connection:
        connection.execute("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 7 AS a, 'x' AS b")
    assert read_database("s.t", url).to_dict("list") == {"a": [7], "b": ["x"]}


def test_duckdb_reads_files():
    coloured_rows().to_parquet("rows.parquet")
    Path("query.sql").write_text("SELECT count(*) AS n FROM 'rows.parquet'", "utf-8")
    assert read_database("query.sql", "duckdb://")["n"].tolist() == [len(coloured_rows())]


@pytest.mark.parametrize(
    ("table", "url", "sentence"),
    [
        ("paints", "none.db", r"there is no database file 'none\.db'"),
        ("paints", "none.duckdb", r"there is no database file 'none\.duckdb'"),
        ("pants", "shop.db", "'sqlite:///shop.db' refuses the query: no such table: pants"),
        ("pants", "duckdb://", "'duckdb://' refuses the query: Catalog Error"),
        ("paints", "quiddb://me:secret@host/x", r"'quiddb://me:\*\*\*@host/x' is no URL of a database"),
        ("gone.sql", "shop.db", "there is no file 'gone.sql'"),
    ],
)
def test_refused(shop, table, url, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        read_database(table, url)


def test_a_query_changes_nothing(shop):
    Path("query.sql").write_text("DELETE FROM paints RETURNING *", "utf-8")
    assert len(read_database("query.sql", "shop.db")) == len(shop)
    assert len(read_database("paints", "shop.db")) == len(shop)


def test_a_missing_driver_is_named():
    with pytest.raises(
        MissingExtra, match=r"the database oracle://me:\*\*\*@host/x needs '.*', which is not installed"
    ):
        read_database("t", "oracle://me:secret@host/x")


def test_fit_and_predict_from_a_database(shop, monkeypatch):
    monkeypatch.setenv("SEASONED_DATABASE", "shop.db")
    call("fit", "paints", "--target", "y", "--trials", "2", "--models", "linear,tree", "--experience", "none")
    call("predict", "model.seasoned", "paints", "--database", "sqlite:///shop.db", "--out", "p.csv")
    assert len(pd.read_csv("p.csv")) == len(shop)
