"""Past runs of anything, from a CSV."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.knowledge import read_csv
from seasoned.knowledge.keeping import import_file
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
