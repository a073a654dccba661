"""Page docs/fidelity.md: its examples run, and cover each rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seasoned import fidelity

TEXT = (Path(__file__).parents[2] / "docs" / "fidelity.md").read_text(encoding="utf-8")
ALL = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("code", ALL, ids=range(len(ALL)))
def test_a_fidelity_example_runs_and_is_under_twenty_lines(code, tmp_path, monkeypatch, capsys):
    assert len(code.strip().splitlines()) < 20
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    printed = capsys.readouterr().out
    assert printed
    assert "nan" not in printed


def test_every_rule_has_an_example():
    examples = " ".join(ALL)
    for name in set(fidelity.__all__) - {"Decision", "Fidelity", "LiveTrial"}:
        assert re.search(rf"\b{name}\(", examples), name
