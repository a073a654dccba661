"""Page docs/optimisers.md: its examples run, are short, and cover each sampler."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seasoned import samplers

TEXT = (Path(__file__).parents[2] / "docs" / "optimisers.md").read_text(encoding="utf-8")
ALL = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("code", ALL, ids=range(len(ALL)))
def test_an_optimisers_example_runs_and_is_under_twenty_lines(code, tmp_path, monkeypatch, capsys):
    assert len(code.strip().splitlines()) < 20
    if "optuna" in code:
        import optuna

        optuna.logging.set_verbosity(30)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    printed = capsys.readouterr().out
    assert printed
    assert "nan" not in printed


def test_every_sampler_has_an_example():
    examples = " ".join(ALL)
    for name in set(samplers.__all__) - {"Sampler", "Suggestion", "Auto", "Random"}:
        assert re.search(rf"\b{name}\(", examples), name


def test_every_figure_of_the_optimisers_page_exists():
    for path in re.findall(r"!\[.*?\]\((.*?)\)", TEXT):
        assert (Path(__file__).parents[2] / "docs" / path).exists(), path
