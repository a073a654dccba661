"""Titles above the header of delimited text."""

from __future__ import annotations

from pathlib import Path

import pytest

from seasoned.cli.tables.reading import Reading
from seasoned.tabular.input.header_row import title_rows


@pytest.fixture(autouse=True)
def own_folder(here, monkeypatch):
    monkeypatch.chdir(here)


TABLE = {
    "shop": ["Rome", "Oslo, east", "Bonn"],
    "day": ["Mon", "Tue", "Wed"],
    "units": [3, 5, 8],
    "rain": ["no", "no", "yes"],
}


def text_of(separator):
    quoted = [f'"{cell}"' if separator in cell else cell for cell in TABLE["shop"]]
    rows = zip(quoted, TABLE["day"], map(str, TABLE["units"]), TABLE["rain"], strict=True)
    return "\n".join(separator.join(row) for row in [tuple(TABLE), *rows]) + "\n"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    "above",
    [
        "Sales of 2026\n",
        "Sales of 2026\n\nall shops\n\n",
        '"Sales,\nby shop"\n',
        "\nexported|2026-12-07\n\n",
        "Sales of 2026||\n",
    ],
)
def test_lines_above_the_header_are_left_out(above, separator, capsys):
    content = (above.replace("|", separator) + text_of(separator)).encode()
    assert Reading().table(content).to_dict("list") == TABLE
    assert "the lines above the header are left out: " in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "gb18030"])
def test_titles_in_any_encoding(encoding):
    content = ("销售报告\n\n" + text_of(",")).encode(encoding)
    assert Reading(encoding=encoding).table(content).to_dict("list") == TABLE


def test_a_file_with_titles_and_row_names_is_read(capsys):
    Path("t.csv").write_text("Sales of 2026\na,b\nr1,1,x\nr2,2,y\n", encoding="utf-8")
    assert Reading().table(Path("t.csv")).to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    assert capsys.readouterr().err == "t.csv: the lines above the header are left out: 'Sales of 2026'\n"


@pytest.mark.parametrize(
    "content",
    [
        "a\n1\n2\n",
        "a,b\n1,2\n",
        "a,b,c\n,,1\n,,2\n,,3\n",
        "note\nrain and snow\nsun\n",
        '"name\nof the shop",day,units\nRome,Mon,3\nOslo,Tue,5\n',
        "name\n",
        "",
    ],
)
def test_usual_files_have_no_titles(content):
    rows = [line.split(",") for line in content.splitlines()] if '"' not in content else []
    assert title_rows(rows) == 0
    if content:
        header = content.split('",')[0] if '"' in content else content.splitlines()[0]
        assert Reading().table(content.encode()).columns[0] == header.split(",")[0].strip('"')


def test_one_column_of_sentences_has_no_titles():
    assert title_rows([["note"], ["rain"], ["sun", " wind"], ["fog"]]) == 0
