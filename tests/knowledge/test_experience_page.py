"""Page docs/experience.md and the public names of its package: the examples run and print what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seasoned import knowledge

TEXT = (Path(__file__).parents[2] / "docs" / "experience.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_experience_page_examples_print_what_the_page_says():
    names = {}
    for block in BLOCKS:
        exec(compile(block, "docs/experience.md", "exec"), names)
    assert len(names["both"]) == 2
    assert names["both"].table().scores.shape == (2, 10)
    assert names["state"].rows[0] != names["state"].rows[1]
    assert min(names["state"].scores) < 0.03
    assert names["state"].share < 0.5
    assert names["portfolio"].seconds[-1] <= 6.0
    assert names["best"].value < 0.01
    assert f"{len(names['METAFEATURES'])} numbers" in TEXT


@pytest.mark.parametrize("name", knowledge.__all__)
def test_every_public_name_of_knowledge_can_be_imported(name):
    assert getattr(knowledge, name) is not None
    assert name in dir(knowledge)
