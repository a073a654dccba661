"""Damaged stores, Parquet files and CSV files: imported in part, or refused in one sentence that names the file."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest

from past_studies import studies
from seasoned.errors import InvalidInput
from seasoned.knowledge import Experience
from seasoned.knowledge.experience.files import write_file
from seasoned.knowledge.experience.maintenance import (
    add_experience,
    database_of,
    import_file,
    import_studies,
    read_database,
)

CSV = "task,score,seconds,failed,depth,configuration\n" + "".join(
    f'"t{row % 3}",{row / 7:.4f},{row},{"true" if row % 5 == 0 else "false"},{row},"{{""x"": {row}}}"\n'
    for row in range(12)
)


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory):
    """The three kinds of files, as bytes."""
    folder = tmp_path_factory.mktemp("whole")
    add_experience(f"sqlite:///{folder}/store.db", Experience.of_studies(studies()))
    with closing(sqlite3.connect(folder / "store.db")) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    write_file(Experience.of_studies(studies()), folder / "runs.parquet")
    (folder / "runs.csv").write_text(CSV)
    return {name: (folder / name).read_bytes() for name in ("store.db", "runs.parquet", "runs.csv")}


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('target')}/own.db"


def imported(path, target):
    """As the command does it."""
    database = database_of(str(path))
    if database is None:
        return import_file(target, path)
    return import_studies(target, read_database(database)[0])


def survives(path, target):
    """Import without a refusal; a refusal is one sentence that names the file."""
    refused = None
    try:
        imported(path, target)
    except InvalidInput as error:
        refused = str(error)
    assert refused is None or (path.name in refused and "\n" not in refused), refused
    return refused is None


def mutated(content, rng):
    """The bytes with some of them changed, removed, repeated or cut off."""
    damaged = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        place, length = rng.randrange(len(damaged)), rng.choice([1, 1, 4, 16])
        match rng.randrange(5):
            case 0:
                damaged[place] ^= 1 << rng.randrange(8)
            case 1:
                damaged[place : place + length] = rng.randbytes(length)
            case 2 if len(damaged) > 64:
                del damaged[place : place + length]
            case 3:
                damaged[place:place] = damaged[max(0, place - length) : place] * rng.choice([1, 8])
            case _:
                damaged[place : place + 1] = rng.choice(
                    [b"", b"{", b"[" * 40, b'"', b",", b"\n", b"\xff", b"\0", b"1e400"]
                )
    return bytes(damaged[: rng.randrange(1, len(damaged))] if rng.random() < 0.05 else damaged)


@pytest.mark.filterwarnings("ignore::pandas.errors.DtypeWarning")
@pytest.mark.parametrize(("name", "cases"), [("store.db", 30), ("runs.parquet", 40), ("runs.csv", 40)])
def test_mutated_files_are_read_or_refused(name, cases, whole_files, target, tmp_path):
    path = tmp_path / name
    path.write_bytes(whole_files[name])
    assert survives(path, target)
    for seed in range(cases):
        path.write_bytes(mutated(whole_files[name], random.Random(seed)))
        survives(path, target)


TEXTS = [
    '{"x": ',
    "[" * 100_000,
    '{"a":' * 100_000,
    "",
    "[]",
    "5",
    '"\\ud800"',
    '{"x": "\\ud800"}',
    '{"x": ' + "1" * 5000 + "}",
]


@pytest.mark.parametrize("column", ["head", "content", "names"])
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:12])
def test_store_with_any_text_in_a_column_is_read_or_refused(column, text, whole_files, target, tmp_path):
    path = tmp_path / "store.db"
    path.write_bytes(whole_files["store.db"])
    table = "seasoned_past_configurations" if column == "content" else "seasoned_past_studies"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            f"UPDATE {table} SET {column} = ? WHERE rowid IN (SELECT rowid FROM {table} LIMIT 1)", (text,)
        )
    survives(path, target)


@pytest.mark.parametrize("column", ["numbers", "configurations", "scores", "seconds", "failed"])
@pytest.mark.parametrize("value", [b"", b"\xff" * 7, b"\xff" * 64, "text", 5])
def test_store_with_any_array_in_a_column_is_read_or_refused(column, value, whole_files, target, tmp_path):
    path = tmp_path / "store.db"
    path.write_bytes(whole_files["store.db"])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE seasoned_past_studies SET {column} = ? WHERE id = 2", (value,))
    survives(path, target)


@pytest.mark.parametrize(
    "text",
    [
        CSV + "t1,1,2,false,3,,4,5\n",
        CSV.partition("\n")[0] + "\nt1,1,2,false,3,{},4,5\n",
        "task,score\na,1,2\n",
        "task,score,configuration\na,1," + "[" * 100_000 + "\n",
        "task,score,configuration\na,1,{\n",
        "",
        "\0",
    ],
    ids=["long row", "long first row", "all rows long", "depth", "cut JSON", "empty", "zero"],
)
def test_unreadable_csv_is_refused(text, target, tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text(text)
    assert not survives(path, target)
