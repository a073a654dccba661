"""Import into a store of experience and export from the store: grown, corrected, repeated and older runs."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from past_studies import scored_study
from seasoned.errors import InvalidInput
from seasoned.knowledge import Experience
from seasoned.knowledge.experience import maintenance
from seasoned.knowledge.experience.files import read_csv, write_file
from seasoned.knowledge.experience.maintenance import export, heads, import_file
from seasoned.knowledge.experience.past_study import Head, PastStudy, PastTrial


def a_study(trials, name="t", source="optuna"):
    found = [PastTrial({"x": float(place)}, float(place), 1.0) for place in range(trials)]
    return PastStudy(Head(name, name, name, source=source), {}, found)


@pytest.fixture
def store(tmp_path):
    return f"sqlite:///{tmp_path}/past.db"


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'store.db'}"


def sizes(url):
    found = Experience.read(url)
    return list(zip(found.heads, np.diff(found.starts).tolist(), strict=True))


def test_imported_runs_that_have_grown_replace_the_older_runs(tmp_path):
    url, file = f"sqlite:///{tmp_path}/s.db", tmp_path / "runs.csv"

    def imported(*lines):
        file.write_text("\n".join(["task,x,score", *lines]))
        return maintenance.import_file(url, file)[0]

    assert imported("a,1,.5", "a,2,.4", "b,1,.3") == 2
    assert imported("a,1,.5", "a,2,.4", "a,3,.1", "b,1,.3") == 1
    assert [(head.name, size) for head, size in sizes(url)] == [("b", 1), ("a", 3)]
    assert imported("a,9,.9") == 1
    assert [(head.name, size) for head, size in sizes(url)] == [("b", 1), ("a", 3), ("a", 1)], "these are other runs"
    assert imported("a,1,.7", "a,2,.4", "a,3,.1", "b,1,.3") == 1
    assert len(sizes(url)) == 4, "with another score it may be anybody's"
    both = Experience.read(url)
    assert maintenance.import_studies(url, both) == 0
    assert len(sizes(url)) == 4, "what is in one file together is kept together"


def scores_by_key(url):
    """Key -> scores."""
    found = Experience.read(url)
    return {
        key: found.scores[found.starts[place] : found.starts[place + 1]].tolist()
        for place, key in enumerate(found.keys)
    }


def test_import_adds_later_seconds_and_tells_corrected_scores_apart(tmp_path, caplog):
    url, file = f"sqlite:///{tmp_path}/s.db", tmp_path / "runs.csv"
    file.write_text("task,x,score\na,1,.5\na,2,.4\nb,1,.5\n")
    assert import_file(url, file) == (2, 2)
    file.write_text("task,x,score,seconds\na,1,.5,3\na,2,.4,4\n")
    assert import_file(url, file) == (1, 1)
    (timed,) = [study for study in Experience.read(url).studies() if study.head.name == "a"]
    assert [trial.seconds for trial in timed.trials] == [3, 4]
    file.write_text("task,x,score\na,1,.5\na,2,.4\n")
    assert import_file(url, file) == (0, 1), "what is there says more"
    file.write_text("task,x,score\nb,1,.5\na,1,.5\na,2,.4\na,4,.9\n")
    assert import_file(url, file) == (1, 2)
    (grown,) = [study for study in Experience.read(url).studies() if study.head.name == "a"]
    assert [trial.seconds for trial in grown.trials] == [3, 4, None], "a file that has grown keeps what is known"
    assert not caplog.records
    file.write_text("task,x,score\na,3,.1\n")
    assert import_file(url, file) == (1, 1)
    assert not caplog.records, "other configurations are other runs"
    assert import_file(url, file, maximise=True) == (1, 1)
    (key,) = [key for key, head in heads(url) if head.name == "a" and scores_by_key(url)[key] == [0.1]]
    assert f"seasoned experience forget {key}" in caplog.text


@pytest.mark.parametrize("name", ["all.csv", "all.CSV.gz", "other.db"])
def test_export_replaces_no_database_and_needs_a_name_for_import(tmp_path, name):
    url, file = f"sqlite:///{tmp_path}/s.db", tmp_path / "runs.csv"
    file.write_text("task,x,score\na,1,.5\na,2,.4\n")
    import_file(url, file)
    import_file(f"sqlite:///{tmp_path}/other.db", file)
    before = (tmp_path / "other.db").read_bytes()
    with pytest.raises(InvalidInput, match=r"choose another name|name it \.parquet"):
        export(url, tmp_path / name)
    assert (tmp_path / "other.db").read_bytes() == before
    assert export(url, tmp_path / "all.parquet") == 1


def test_file_cut_by_another_tool_is_imported_repeatedly_without_loss(store, tmp_path):
    """Every second time its studies were deleted: the keys in the file are not those that the store gives."""
    file = tmp_path / "e.parquet"
    write_file(Experience.of_studies([a_study(12)]), file)
    pq.write_table(pq.read_table(file).slice(0, 8), file)
    for _ in range(3):
        maintenance.import_file(store, file)
        assert [len(Experience.read(store)), len(Experience.read(store).scores)] == [1, 8]


@pytest.mark.parametrize("order", [(5, 10), (10, 5)])
def test_import_of_an_older_state_adds_nothing_to_a_newer_one(store, order):
    for count in order:
        maintenance.import_studies(store, Experience.of_studies([a_study(count)]))
    assert np.diff(Experience.read(store).starts).tolist() == [10]


@pytest.mark.parametrize(
    "again",
    [
        "task,x,score\na,2,.4\na,1,.5\n",  # another order
        "task,x,score,seconds\na,1,.5,3\na,2,.4,5\n",  # with seconds
        "task,x,score\na,1,.5\na,2,.4\na,3,.3\n",  # grown
    ],
)
def test_import_of_stored_runs_in_another_form_loses_nothing(url, tmp_path, again):
    file = tmp_path / "runs.csv"
    for content in ("task,x,score\na,1,.5\na,2,.4\n", again):
        file.write_text(content, encoding="utf-8")
        maintenance.import_file(url, file)
    found = Experience.read(url)
    assert len(found) == 1
    assert {0.5, 0.4} <= set(found.scores.tolist())


def test_import_replaces_a_study_by_a_longer_one_with_its_runs(url):
    maintenance.import_studies(url, Experience.of_studies([scored_study()]))
    longer = scored_study(scores=(0.3, 0.4, 0.5, 0.2))
    assert maintenance.import_studies(url, Experience.of_studies([longer])) == 1
    assert Experience.read(url).scores.tolist() == [0.3, 0.4, 0.5, 0.2]


def test_imported_csv_that_grew_by_floats_replaces_one_of_integers(url, tmp_path):
    file = tmp_path / "runs.csv"
    text = "task,x,score\na,1,.5\na,2,.4\n"
    for content in (text, f"{text}a,0.5,.3\n"):
        file.write_text(content, encoding="utf-8")
        maintenance.import_file(url, file)
    assert Experience.read(url).scores.tolist() == [0.5, 0.4, 0.3]


def test_import_recognises_runs_that_an_earlier_version_has_read(url, tmp_path):
    file = tmp_path / "runs.csv"
    file.write_text("task,x,n,score\na,0.5,,.5\na,1.0,3.0,.4\na,0.25,4.0,.3\n", encoding="utf-8")
    rows = ({"x": 0.5}, 0.5), ({"x": 1.0, "n": 3.0}, 0.4), ({"x": 0.25, "n": 4.0}, 0.3)
    head = read_csv(file).heads[0]
    maintenance.import_studies(url, Experience.of_studies([PastStudy(head, {}, [PastTrial(*row) for row in rows])]))
    file.write_text(f"{file.read_text()}a,0.75,5,.2\n", encoding="utf-8")
    assert maintenance.import_file(url, file)[0] == 1
    assert Experience.read(url).scores.tolist() == [0.5, 0.4, 0.3, 0.2]
