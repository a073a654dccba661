"""The examples of the pages about tables and studies run as they stand."""

from __future__ import annotations

import ast
import dataclasses
import doctest
import re
from pathlib import Path

import pytest

from in_process import stay_in_process
from seasoned import fidelity, samplers
from seasoned.tabular.models.registry import MODELS

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize(
    "name", ["practice.md", "reference.md", "serving.md", "studies.md", "tables.md", "validation.md"]
)
def test_the_examples_run(name, monkeypatch, tmp_path):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    stay_in_process(monkeypatch)
    text = (DOCS / name).read_text(encoding="utf-8").replace("```", "")
    test = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    assert test.examples
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test).failed == 0


def test_the_reference_has_every_hyperparameter_of_every_family():
    """Names and defaults; they are changed in the spaces, and forgotten on the page."""
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    for name, model in MODELS.items():
        (section,) = re.findall(rf"^### {name}$(.*?)^### ", text, re.MULTILINE | re.DOTALL)
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if "| `" in line[:3]]
        told = {cells[0].strip("`"): cells[3] for cells in rows}
        spaces = [model.space(task).default for task in ("binary", "regression")]
        assert told.keys() == spaces[0].keys() | spaces[1].keys(), name
        for key, shown in told.items():
            values = dict.fromkeys(_rounded(space[key]) for space in spaces if key in space)
            assert [_rounded(part.strip(" `")) for part in shown.split("/")] == list(values), f"{name}: {key}"


def test_the_reference_has_every_setting_of_samplers_and_rules():
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## Samplers and rules of fidelity$(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    told = {
        line.split("`")[1]: {name: ast.literal_eval(value) for name, value in re.findall(r"`(\w+)=([^`]+)`", line)}
        for line in section.splitlines()
        if line.startswith("| `")
    }
    real = {
        name: {one.name: one.default for one in dataclasses.fields(kind) if one.name != "warm_start"}
        for module in (samplers, fidelity)
        for name, kind in ((name, getattr(module, name)) for name in module.__all__)
        if dataclasses.is_dataclass(kind)
    }
    assert told == {name: settings for name, settings in real.items() if settings}


def _rounded(value):
    try:
        return float(f"{float(value):.6g}")  # defaults on a scale of logarithms are off by rounding
    except ValueError:
        return value
