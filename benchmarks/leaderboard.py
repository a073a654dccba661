"""Leaderboard of kept results in the words of TabArena: Elo, win rate, improvability and mean rank with intervals.

    python benchmarks/leaderboard.py benchmarks/results/automl-report-60s.json --datasets FOLDER \
        --out benchmarks/results/leaderboard.json

The files are those that `automl.py` writes; nothing is measured. The figures come from the package `bencheval`, which
TabArena uses (intervals: 95%, bootstrap over tables). An error is 1 - AUC, the log loss or the root mean squared error.
A failed run has the dummy's error. With `--datasets`, the tables of TabArena are also reported by themselves.

*Improvability* is the part of the error that the best framework on a table has less, mean over tables; 0 is the best.
Elo is set so that the mean of all frameworks is 1000.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd
from bencheval.evaluator import BenchmarkEvaluator

import common
from comparison.records import read
from comparison.splits import manifest
from comparison.summary import DUMMY, by_table, complete_cells, loss
from comparison.text import table

COLUMNS = ("rank", "elo", "elo+", "elo-", "winrate", "improvability", "improvability+", "improvability-")
SUITE = "TabArena"


def errors(rows: list[dict[str, Any]], frameworks: list[str]) -> pd.DataFrame:
    """Error of each framework on each table, a row for each pair."""
    found = [
        {
            "method": name,
            "task": row["table"],
            "metric_error": loss(row["metric"], row["scores"][name]),
        }
        for row in rows
        for name in frameworks
    ]
    return pd.DataFrame(found, columns=["method", "task", "metric_error"])


def leaderboard(data: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Figures of each framework, the best first."""
    board = BenchmarkEvaluator(columns_to_agg_extra=None).leaderboard(data)
    return {str(name): {key: round(float(row[key]), 4) for key in COLUMNS} for name, row in board.iterrows()}


def tabarena(folder: Path) -> set[str]:
    """Names of the tables of a folder that TabArena has."""
    return {entry["name"] for entry in manifest(folder, []) if any(SUITE in one for one in entry.get("benchmarks", []))}


def render(board: dict[str, dict[str, float]]) -> str:
    return table([["framework", *COLUMNS], *([name, *row.values()] for name, row in board.items())])


def main(words: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="what automl.py wrote with --out")
    parser.add_argument("--frameworks", default="", help="names, separated by commas; all of the files if left out")
    parser.add_argument("--datasets", type=Path, metavar="FOLDER", help="tables with a manifest.json")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON with the figures")
    options = parser.parse_args(words)
    records = [record for path in options.files for record in read(path)]
    there = dict.fromkeys(record["framework"] for record in records if record["framework"] != DUMMY)
    names = [name for name in options.frameworks.split(",") if name] or list(there)
    rows = by_table(complete_cells(records, names), names)
    if not rows:
        raise SystemExit(f"no table has results of all of {', '.join(names)} and of the dummy")
    parts = {"all": rows}
    if options.datasets:
        parts[SUITE] = [row for row in rows if row["table"] in tabarena(options.datasets)]
    found = {}
    for part, chosen in parts.items():
        if chosen:
            found[part] = {"tables": len(chosen), "leaderboard": leaderboard(errors(chosen, names))}
            print(f"{part}, {len(chosen)} tables:\n{render(found[part]['leaderboard'])}\n")
    if options.out:
        common.write(options.out, {"files": [path.name for path in options.files], **found})
    return found


if __name__ == "__main__":
    main()
