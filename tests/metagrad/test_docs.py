"""The examples of docs/metagrad.md run as they stand, with fewer meta-steps, and are short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs" / "metagrad.md").read_text(encoding="utf-8")
ALL = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("code", ALL, ids=range(len(ALL)))
def test_an_example_is_under_twenty_lines(code):
    assert len(code.strip().splitlines()) < 20
    compile(code, "example", "exec")


@pytest.mark.slow
@pytest.mark.parametrize("code", ALL, ids=range(len(ALL)))
def test_an_example_runs(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    short = re.sub(r"steps=[\d_]{3,}(?=[,)])", "steps=50", code)
    exec(short, {})
    assert "nan" not in capsys.readouterr().out
