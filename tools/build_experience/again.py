"""Meta-features of a build's tasks anew, where a sample of rows or a landmarker has changed but no loss has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build_experience.evaluate import features_of
from build_experience.lines import Lines
from build_experience.tables import listed, tasks_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from build_experience.evaluate import Rules

__all__ = ["describe_again"]


def describe_again(folder: Path, rules: Rules, *, without: Sequence[str] = ()) -> tuple[int, int]:
    """Describe the tasks of a folder again, those of the usual rows or those with more, as the rules say.

    Args:
        folder: Of the build; a line with the new meta-features is added for each task.
        rules: How much of each task is used.
        without: Patterns of tables to leave out.

    Returns:
        How many tasks were described, and how many of the folder were not found among the tables.
    """
    lines = Lines(folder)
    known = {name: about for name, about in lines.tasks().items() if not about.get("left_out")}
    found = set()
    for table in listed(without):
        if not any(name.startswith(f"{table.name}#") for name in known):
            continue
        for asked in tasks_of(table):
            name = rules.name(table.name, str(asked.target.name), len(asked.target))
            if name in known:
                lines.add_task({**known[name], "metafeatures": features_of(asked, rules)})
                found.add(name)
    return len(found), len(known) - len(found)
