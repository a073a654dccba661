"""The examples of docs/metagrad.md run with fewer meta-steps, and are short; the bilevel example runs whole."""

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


def test_hyperparameters_by_gradient_converge_as_printed(caplog):
    """The whole example, not a shortened one: a descent may diverge late."""
    (code,) = (code for code in ALL if "minimize_outer" in code)
    names = {}
    exec(code, names)
    found = names["found"]
    assert not found.diverged
    assert not caplog.records
    assert float(found.losses[-1]) < 0.7 * float(found.losses[0])
    assert int(found.best_step) == len(found.losses) - 1
