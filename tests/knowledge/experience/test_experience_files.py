"""Files of experience: Parquet that is written, read again or refused."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from past_studies import halted, same, study
from seasoned.errors import InvalidInput
from seasoned.knowledge import Experience, read_file, write_file


def test_large_experience_file_is_written_in_several_row_groups(tmp_path, monkeypatch):
    whole = Experience.of_studies([halted(), study(), study("b")])
    monkeypatch.setattr("seasoned.knowledge.experience.files.TRIALS_PER_WRITE", 4)
    write_file(whole, tmp_path / "all.parquet")
    assert pq.read_metadata(tmp_path / "all.parquet").num_row_groups > 2
    assert same(read_file(tmp_path / "all.parquet"), whole)


def test_older_experience_file_without_a_stopped_column_is_read(tmp_path):
    whole = Experience.of_studies([study()])
    write_file(whole, tmp_path / "new.parquet")
    table = pq.read_table(tmp_path / "new.parquet")
    pq.write_table(table.drop_columns("stopped"), tmp_path / "old.parquet")
    assert same(read_file(tmp_path / "old.parquet"), whole)


def test_foreign_and_damaged_experience_files_are_refused(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(InvalidInput, match="holds no experience"):
        read_file(tmp_path / "x.parquet")
    Experience.of_studies([study()]).tasks().to_parquet(tmp_path / "y.parquet")
    with pytest.raises(InvalidInput, match="format None"):
        read_file(tmp_path / "y.parquet")


@pytest.mark.parametrize(
    "odd", [{"about": {"folds": "many"}}, {"baseline": "low"}, {"version": "new"}, {"metric": None}]
)
def test_experience_file_with_odd_head_values_is_refused(tmp_path, odd):
    good = study()
    write_file(Experience.of_studies([replace(good, head=replace(good.head, **odd))]), tmp_path / "odd.parquet")
    with pytest.raises(InvalidInput, match=r"which is no (number|text)"):
        read_file(tmp_path / "odd.parquet")


def test_experience_file_without_text_in_a_text_column_is_refused(tmp_path):
    write_file(Experience.of_studies([study()]), tmp_path / "e.parquet")
    good = pq.read_table(tmp_path / "e.parquet")
    for name, cells in (("configuration", None), ("study", None), ("configuration", "[]")):
        place = good.column_names.index(name)
        odd = good.set_column(place, name, pa.array([cells] * len(good), pa.string()))
        pq.write_table(odd, tmp_path / "odd.parquet")
        with pytest.raises(InvalidInput):
            read_file(tmp_path / "odd.parquet")
