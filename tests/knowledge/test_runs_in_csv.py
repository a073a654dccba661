"""Past runs of anything, from a CSV."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.knowledge import Experience, read_csv
from seasoned.knowledge.experience.maintenance import export, heads, import_file
from seasoned.space import Categorical, Float, Int, Space


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task,x,score\na,1,0.5\nb,2,good\n", r"run 2 of 'odd.csv' has 'good' as score; write a number"),
        ("task,x,score,seconds\na,1,0.5,soon\n", r"run 1 of 'odd.csv' has 'soon' as seconds"),
        (
            "task,score,configuration\na,1,{x: 1}\n",
            r"run 1 of 'odd.csv' has '\{x: 1\}' as configuration; write a JSON",
        ),
        ("task,score,configuration\na,1,3\n", r"run 1 of 'odd.csv' has '3' as configuration"),
        ("task,score,configuration\na,1,\n", r"run 1 of 'odd.csv' has None as configuration"),
    ],
)
def test_cells_of_a_csv_that_cannot_be_read_are_named(tmp_path, text, said):
    (tmp_path / "odd.csv").write_text(text)
    with pytest.raises(InvalidInput, match=said):
        read_csv(tmp_path / "odd.csv")


def test_words_for_failures_in_a_csv(tmp_path):
    words = ["true", "1", "Yes", "FALSE", "0", "no", ""]
    (tmp_path / "runs.csv").write_text("task,x,score,failed\n" + "".join(f"a,{n},1,{w}\n" for n, w in enumerate(words)))
    found = read_csv(tmp_path / "runs.csv")
    assert found.failed.tolist() == [True] * 3 + [False] * 4
    assert np.isnan(found.scores).tolist() == found.failed.tolist(), "the score of a failure says nothing"
    (tmp_path / "numbers.csv").write_text("task,x,score,failed\na,1,1,1\na,2,1,\na,3,1,0\n")
    assert read_csv(tmp_path / "numbers.csv").failed.tolist() == [True, False, False]
    (tmp_path / "odd.csv").write_text("task,x,score,failed\na,1,1,perhaps\n")
    with pytest.raises(InvalidInput, match=r"run 1 of 'odd.csv' has 'perhaps' as failed; write true, 1 or yes"):
        read_csv(tmp_path / "odd.csv")


def test_a_run_without_a_task_is_refused(tmp_path):
    (tmp_path / "runs.csv").write_text("task,x,score\na,1,1\n,2,1\n")
    with pytest.raises(InvalidInput, match=r"run 2 of 'runs.csv' names no task"):
        read_csv(tmp_path / "runs.csv")


def test_a_csv_of_past_runs(tmp_path):
    text = 'task,configuration,score,seconds\na,"{""x"": 1}",0.5,2.0\na,"{""x"": 2}",,3.0\nb,"{""x"": 1}",0.7,\n'
    (tmp_path / "runs.csv").write_text(text)
    found = read_csv(tmp_path / "runs.csv", maximise=True)
    assert [head.name for head in found.heads] == ["a", "b"]
    assert found.scores[0] == -0.5
    assert found.failed.tolist() == [False, True, False]
    assert list(found.configs(found.configurations).values()) == [{"x": 1}, {"x": 2}]
    (tmp_path / "bad.csv").write_text("task,x\na,1\n")
    with pytest.raises(InvalidInput, match="lacks the column 'score'"):
        read_csv(tmp_path / "bad.csv")


def test_whole_numbers_stay_whole_beside_empty_cells_and_none_may_be_a_word(tmp_path):
    (tmp_path / "runs.csv").write_text(
        "task,score,depth,rate,activation,fast\na,0.5,3,0.1,None,true\na,0.4,,NA,relu,false\na,,7,1,tanh,\n"
    )
    space = Space(depth=Int(1, 9), rate=Float(0, 1), activation=Categorical(["None", "relu"]), fast=Categorical([True]))
    (study,) = read_csv(tmp_path / "runs.csv").studies()
    first, second, third = (trial.config for trial in study.trials)
    assert first == {"depth": 3, "rate": 0.1, "activation": "None", "fast": True}
    assert type(first["depth"]) is int
    assert space.contains(first)
    assert second == {"activation": "relu", "fast": False}
    assert third == {"depth": 7, "rate": 1.0, "activation": "tanh"}
    assert study.trials[2].failed


def test_a_csv_may_be_called_in_capitals(tmp_path):
    (tmp_path / "RUNS.CSV").write_text("task,x,score\na,1,0.5\n")
    assert import_file(f"sqlite:///{tmp_path / 'own.db'}", tmp_path / "RUNS.CSV") == (1, 1)


def test_a_csv_whose_tasks_have_parameters_of_reserved_names_is_refused(tmp_path):
    (tmp_path / "knn.csv").write_text("task,score,metric,n\na,.5,euclidean,3\na,.6,manhattan,5\n")
    with pytest.raises(InvalidInput, match="several values of 'metric'"):
        read_csv(tmp_path / "knn.csv")


def test_columns_beside_a_configuration_are_parameters_as_well(tmp_path):
    file = tmp_path / "runs.csv"
    file.write_text('task,score,lr,configuration\na,.5,.1,"{""metric"": ""l1""}"\na,.4,.2,"{""metric"": ""l1""}"\n')
    found = read_csv(file)
    assert [trial.config for study in found.studies() for trial in study.trials] == [
        {"lr": 0.1, "metric": "l1"},
        {"lr": 0.2, "metric": "l1"},
    ]
    file.write_text('task,score,lr,configuration\na,.5,.1,"{""lr"": 0.3}"\n')
    with pytest.raises(InvalidInput, match="'lr' as a column and in its configuration"):
        read_csv(file)


def test_seconds_may_come_later_and_corrected_scores_are_told_apart(tmp_path, caplog):
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
    (key,) = [key for key, head in heads(url) if head.name == "a" and sizes(url)[key] == [0.1]]
    assert f"seasoned experience forget {key}" in caplog.text


def sizes(url):
    """Key -> scores."""
    found = Experience.read(url)
    return {
        key: found.scores[found.starts[place] : found.starts[place + 1]].tolist()
        for place, key in enumerate(found.keys)
    }


@pytest.mark.parametrize("name", ["all.csv", "all.CSV.gz", "other.db"])
def test_an_export_replaces_no_database_and_has_no_name_that_cannot_be_imported(tmp_path, name):
    url, file = f"sqlite:///{tmp_path}/s.db", tmp_path / "runs.csv"
    file.write_text("task,x,score\na,1,.5\na,2,.4\n")
    import_file(url, file)
    import_file(f"sqlite:///{tmp_path}/other.db", file)
    before = (tmp_path / "other.db").read_bytes()
    with pytest.raises(InvalidInput, match=r"choose another name|name it \.parquet"):
        export(url, tmp_path / name)
    assert (tmp_path / "other.db").read_bytes() == before
    assert export(url, tmp_path / "all.parquet") == 1
