"""CSV files of past runs: cells, columns, words for a failure and packed files."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from seasoned import Categorical, Choice, Int, Space
from seasoned.errors import InvalidInput
from seasoned.knowledge import read_csv
from seasoned.knowledge.experience.maintenance import import_file
from seasoned.space import Float


def test_csv_of_past_runs_gives_studies_scores_and_failures(tmp_path):
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
def test_unreadable_cell_of_a_csv_is_named_in_the_error(tmp_path, text, said):
    (tmp_path / "odd.csv").write_text(text)
    with pytest.raises(InvalidInput, match=said):
        read_csv(tmp_path / "odd.csv")


def test_words_for_a_failure_in_a_csv_are_read(tmp_path):
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


def test_csv_run_without_a_task_is_refused(tmp_path):
    (tmp_path / "runs.csv").write_text("task,x,score\na,1,1\n,2,1\n")
    with pytest.raises(InvalidInput, match=r"run 2 of 'runs.csv' names no task"):
        read_csv(tmp_path / "runs.csv")


def test_csv_integers_stay_integers_and_the_word_none_is_a_value(tmp_path):
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


def test_csv_file_name_in_capitals_is_imported(tmp_path):
    (tmp_path / "RUNS.CSV").write_text("task,x,score\na,1,0.5\n")
    assert import_file(f"sqlite:///{tmp_path / 'own.db'}", tmp_path / "RUNS.CSV") == (1, 1)


def test_csv_with_a_parameter_of_a_reserved_name_is_refused(tmp_path):
    (tmp_path / "knn.csv").write_text("task,score,metric,n\na,.5,euclidean,3\na,.6,manhattan,5\n")
    with pytest.raises(InvalidInput, match="several values of 'metric'"):
        read_csv(tmp_path / "knn.csv")


def test_csv_columns_beside_a_configuration_column_are_parameters(tmp_path):
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


def test_csv_cell_is_typed_by_itself_and_not_by_its_column(tmp_path):
    file = tmp_path / "runs.csv"
    file.write_text(
        "task,score,kind,depth,features\na,.5,tree,3.0,0.5\na,.4,linear,,1.0\na,.3,tree,7.0,sqrt\n", encoding="utf-8"
    )
    space = Space(kind=Choice(tree=Space(depth=Int(1, 9)), linear=Space()), features=Categorical([0.5, 1.0, "sqrt"]))
    (task,) = read_csv(file).evaluations(space)
    assert task.scores.tolist() == [0.5, 0.4, 0.3]
    file.write_text("task,score,layers\na,.5,1\na,.4,2\na,.3,1\n", encoding="utf-8")
    assert len(read_csv(file).evaluations(Space(layers=Choice({"1": Space(), "2": Space()})))) == 1


@pytest.mark.parametrize("name", ["runs.csv.gz", "runs.csv.xz", "runs.csv.zip"])
def test_damaged_packed_csv_is_refused_in_one_sentence(tmp_path, name):
    whole = gzip.compress(b"task,x,score\na,1,.5\n" * 100)
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInput, match=f"{name}' cannot be read as CSV"):
        read_csv(tmp_path / name)


def test_packed_csv_names_its_studies_after_the_file(tmp_path):
    (tmp_path / "runs.csv.gz").write_bytes(gzip.compress(b"task,x,score\na,1,.5\n"))
    assert read_csv(tmp_path / "runs.csv.gz").heads[0].kind == "runs"
