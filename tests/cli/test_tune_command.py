"""Command `seasoned tune`: functions and spaces of files, stores, resumption and refusals."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from commands import call
from seasoned import Choice, Float, Int, Space, Study

SPACE = Space(x=Float(-1, 1), net=Choice(deep=Space(n=Int(1, 4)), flat=Space()))
SCRIPT = """
import math

from beside_{stem} import square
from seasoned import Float, Space

space = Space(x=Float(-1, 1))
number = 3

def loss(config):
    return square(config["x"] - 0.25)

def nested(config):
    return square(config["x"]) + config["net"].get("deep", {{"n": 0}})["n"]

def broken(config):
    return math.sqrt(-1 - config["x"] ** 2)
"""


@pytest.fixture
def script(own_folder, monkeypatch):
    """A script, and a module beside it that it imports; both are forgotten after the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    stem = f"script_{own_folder.name.replace('-', '_')}"
    Path(f"beside_{stem}.py").write_text("def square(x):\n    return x * x\n", "utf-8")
    Path(f"{stem}.py").write_text(SCRIPT.format(stem=stem), "utf-8")
    yield f"{stem}.py"
    for name in (stem, f"beside_{stem}"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_function_of_a_file(script, workers):
    shown = call("tune", f"{script}:loss", "--space", f"{script}:space", "--trials", 12, "--workers", workers).output
    assert "loss: minimize" in shown
    study = Study.load("studies.db", "loss")
    assert len(study.trials) == 12
    assert study.best.value == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("whole", [True, False])
def test_a_space_in_json(script, whole):
    declared = json.loads(SPACE.to_json())
    Path("s.json").write_text(json.dumps(declared if whole else declared["parameters"]), "utf-8")
    asked = ("tune", f"{script}:nested", "--space", "s.json", "--trials", 4, "--store", "own.db", "--name", "mine")
    call(*asked, "--sampler", "random", "--maximize", "--seed", 5, "--report", "r.html")
    study = Study.load("own.db", "mine")
    assert study.space == SPACE
    assert (study.directions, study.seed) == (("maximize",), 5)
    assert Path("r.html").is_file()


def test_a_study_goes_on_only_where_it_is_asked_to(script):
    asked = ("tune", f"{script}:loss", "--space", f"{script}:space", "--sampler", "random")
    assert "no study 'loss' to resume" in call(*asked, "--trials", 3, "--resume", code=2).stderr
    call(*asked, "--trials", 3)
    assert "the study 'loss' exists; --resume goes on" in call(*asked, "--trials", 5, code=2).stderr
    assert len(Study.load("studies.db", "loss").trials) == 3
    call(*asked, "--trials", 5, "--resume")
    assert len(Study.load("studies.db", "loss").trials) == 5


@pytest.mark.parametrize(
    ("objective", "space", "sentence"),
    [
        ("{}", "{}:space", "write FILE.py:NAME"),
        ("none.py:loss", "{}:space", "there is no file 'none.py'"),
        ("no_such_package:loss", "{}:space", "there is no module 'no_such_package'"),
        ("{}:los", "{}:space", "has no 'los'; did you mean 'loss'?"),
        ("{}:number", "{}:space", "is a int; give a function"),
        ("{}:loss", "{}:number", "is a int; give a Space"),
        ("{}:loss", "none.json", "'none.json' cannot be read"),
        ("{}:loss", "text.json", "'text.json' is not JSON"),
        ("{}:loss", "list.json", "'list.json' declares no space"),
        ("{}:loss", "half.json", "'half.json' declares no space"),
        ("{}:loss", "kind.json", "is of the kind 'flot'"),
    ],
)
def test_refused(script, objective, space, sentence):
    Path("text.json").write_text("{", "utf-8")
    Path("list.json").write_text("[1]", "utf-8")
    Path("half.json").write_text('{"x": {"kind": "float", "low": 0}}', "utf-8")
    Path("kind.json").write_text('{"x": {"kind": "flot", "low": 0}}', "utf-8")
    found = call("tune", objective.format(script), "--space", space.format(script), "--trials", 3, code=2)
    assert sentence in found.stderr
    assert not Path("studies.db").exists()


def test_a_file_with_the_name_of_another_module_is_refused():
    before = list(sys.path)
    Path("json.py").write_text("def f(config):\n    return 0\n", "utf-8")
    found = call("tune", "json.py:f", "--space", "json.py:s", "--trials", 1, code=2)
    assert "has the name of another module" in found.stderr
    assert sys.path == before  # workers and later imports would find the file


def test_an_end_is_needed(script):
    found = call("tune", f"{script}:loss", "--space", f"{script}:space", code=2)
    assert "give --trials or --time-limit" in found.stderr


def test_a_function_that_always_fails_ends_with_its_reason(script):
    found = call("tune", f"{script}:broken", "--space", f"{script}:space", "--trials", 40, code=1)
    assert "ValueError: math domain error" in found.stderr
