"""Two halves of a folder of tables, drawn before anybody looks: one for choices, one for reports.

    python benchmarks/split_tables.py --datasets FOLDER --out benchmarks/splits.json

Only the manifest is read. The tables are sorted by kind: with or without text, below 2,000 rows or not, task, dates or
groups, number of rows. Neighbours form pairs, and a draw with a fixed seed sends one of each pair to each half. A table
that earlier work has used is for choices, and the other one of its pair is for reports.

`holdout` names the column by which a table's test rows are separated: all rows of a group are on one side, and the
test rows of a table in time are the latest. The other tables have random folds, stratified by class.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

SEED = 46
SMALL = 2_000  # rows
TIMES = {"alexa-reviews": "date", "walmart-weekly-sales": "Date", "weather-aus": "Date", "west-nile-virus": "Date"}
"""Tables that run in time, by the folder's README, with the column of the time."""
SEEN = {"beijing-houses-zh", "ningbo-houses-zh"}
"""Tables with which the reading of money, areas and dates was developed (`readings.py`)."""


def kind(entry: dict[str, Any]) -> tuple[Any, ...]:
    """Sorting key of a table: tables of one kind are neighbours."""
    special = bool(entry["date_columns"]) + 2 * bool(entry["group_columns"])
    return not entry["text_columns"], entry["n_rows"] >= SMALL, entry["task"], special, entry["n_rows"]


def halves(entries: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Names of both halves; an odd table at the end goes to the half of choices."""
    rng = np.random.default_rng(SEED)
    names = [entry["name"] for entry in sorted(entries, key=kind)]
    choose, report = names[len(names) // 2 * 2 :], []
    for first, second in zip(names[::2], names[1::2], strict=False):
        one, other = (first, second) if rng.random() < 0.5 else (second, first)
        if other in SEEN:
            one, other = other, one
        choose.append(one)
        report.append(other)
    return {"choose": sorted(choose), "report": sorted(report)}


def holdout(entries: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """The column that separates the test rows, for each table in time or with groups."""
    groups = {entry["name"]: {"groups": entry["group_columns"][0]} for entry in entries if entry["group_columns"]}
    times = {entry["name"]: {"time": TIMES[entry["name"]]} for entry in entries if entry["name"] in TIMES}
    return {**groups, **times}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, required=True, metavar="FOLDER", help="tables with a manifest.json")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON with halves and holdout columns")
    options = parser.parse_args()
    entries = json.loads((options.datasets / "manifest.json").read_text())["datasets"]
    found = {**halves(entries), "holdout": dict(sorted(holdout(entries).items()))}
    options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
