"""The examples of docs/practice.md run as they stand."""

from __future__ import annotations

import doctest
from pathlib import Path

from in_process import stay_in_process

PAGE = Path(__file__).parents[2] / "docs" / "practice.md"


def test_the_examples_run(monkeypatch, tmp_path):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    text = PAGE.read_text(encoding="utf-8").replace("```", "")
    test = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0)
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test).failed == 0
