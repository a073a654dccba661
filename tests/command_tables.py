"""Tables for the tests of commands, and files with such tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from messy import messy
from seasoned.cli.tables.reading import Reading

__all__ = ["class_rows", "coloured_rows", "read", "write"]


def coloured_rows():
    """80 rows with an identifier, names and cells outside ASCII, noise, and a number `y` to predict."""
    rng = np.random.default_rng(0)
    rows = 80
    frame = pd.DataFrame(
        {
            "id": [f"{place:04d}" for place in range(rows)],
            "größe": rng.normal(size=rows).round(3),
            "farbe": rng.choice(["grün", "rot"], rows),
            "noise": rng.normal(size=rows).round(2),
        }
    )
    return frame.assign(y=(3 * frame["größe"] + (frame["farbe"] == "rot") + 0.01 * frame["noise"]).round(4))


def class_rows():
    """60 rows with two numbers, a group of six rows in `who`, and a class `y` to predict."""
    rng = np.random.default_rng(0)
    rows = 60
    frame = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows), "who": np.arange(rows) // 6})
    return frame.assign(y=np.where(frame["a"] > 0, "yes", "no"))


def write(task, path, rows=160):
    """Write a messy table with its target to a CSV file; return its features and target."""
    X, y = messy(task, rows=rows)
    X.assign(target=y).to_csv(path, index=False)
    return X, y


def read(content, **how):
    """Read a CSV file with this content, as commands read tables."""
    Path("t.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    return Reading(**how).table(Path("t.csv"))
