"""The examples of docs/few_shot.md run as they stand, with fewer meta-steps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[3] / "docs" / "few_shot.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("code", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_runs(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(re.sub(r"steps=[\d_]{3,}(?=[,)])", "steps=50", code), {})
    assert "nan" not in capsys.readouterr().out
