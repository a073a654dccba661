"""Page docs/metagrad.md: its examples are short and run with fewer meta-steps, and the bilevel example runs whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs" / "metagrad.md").read_text(encoding="utf-8")
ALL = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("code", ALL, ids=range(len(ALL)))
def test_metagrad_page_example_is_under_twenty_lines(code):
    assert len(code.strip().splitlines()) < 20
    compile(code, "example", "exec")


@pytest.mark.slow
@pytest.mark.parametrize("code", ALL, ids=range(len(ALL)))
def test_metagrad_page_example_runs_with_fewer_meta_steps(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    short = re.sub(r"steps=[\d_]{3,}(?=[,)])", "steps=50", code)
    exec(short, {})
    assert "nan" not in capsys.readouterr().out


def test_metagrad_page_example_of_outer_descent_converges(caplog):
    """The whole example, not a shortened one: a descent may diverge late."""
    (code,) = (code for code in ALL if "minimize_outer" in code)
    names = {}
    exec(code, names)
    found = names["found"]
    assert not found.diverged
    assert not caplog.records
    assert float(found.losses[-1]) < 0.7 * float(found.losses[0])
    assert int(found.best_step) == len(found.losses) - 1
