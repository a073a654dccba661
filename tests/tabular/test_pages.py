"""The examples of the pages about tables and studies run as they stand."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from in_process import stay_in_process

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["practice.md", "studies.md", "tables.md", "validation.md"])
def test_the_examples_run(name, monkeypatch, tmp_path):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    stay_in_process(monkeypatch)
    text = (DOCS / name).read_text(encoding="utf-8").replace("```", "")
    test = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    assert test.examples
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test).failed == 0
