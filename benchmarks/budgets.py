"""Frameworks with different budgets beside each other, from kept records: ours after 60 s, AutoGluon after 300 s.

    python benchmarks/budgets.py benchmarks/results/automl-60s.json benchmarks/results/automl-300s.json \
        --sides seasoned@60,autogluon-best@300 --only adult,churn --out benchmarks/results/budgets.json

The files are those that `automl.py` writes, with `--out` or as kept results of peers; nothing is measured. A side is a
framework and its seconds; the first one's wins are counted. The verdict is `automl.py`'s: a table's score is the mean
over the folds that all sides and the dummy have, a failed run scores what the dummy scores, and a win is a win on a
table. All must have had the same rows and `--cores` cores. With `--datasets` the development tables and the others are
told apart, as there.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import common
from comparison.records import Record, read
from comparison.splits import development
from comparison.summary import DUMMY, summarize, summarize_parts
from comparison.text import render

SIDES = "seasoned@60,autogluon-best@300"


def chosen(records: list[Record], sides: list[str]) -> list[Record]:
    """The results of the sides, each under the side's name, and one of the dummy for each fold, whose budget is none.

    Raises:
        SystemExit: A side has two results for a fold, or not all are of the same rows.
    """
    found: dict[tuple[str, str, int], Record] = {}
    for record in records:
        side = record["framework"] if record["framework"] == DUMMY else f"{record['framework']}@{record['budget']:g}"
        if side not in {DUMMY, *sides}:
            continue
        first = found.setdefault((side, record["table"], record["fold"]), {**record, "framework": side})
        if side != DUMMY and (first["run"], first["score"]) != (record["run"], record["score"]):
            raise SystemExit(f"two results of {side} on {record['table']}, fold {record['fold']}: name one file")
    if absent := set(sides) - {side for side, *_ in found}:
        raise SystemExit(f"no results of {', '.join(sorted(absent))} in these files")
    tried = {(table, fold) for side, table, fold in found if side != DUMMY}
    kept = [record for (_, *place), record in found.items() if tuple(place) in tried]
    refuse_unequal(kept)
    return kept


def refuse_unequal(records: list[Record]) -> None:
    """Sides that had other rows are not to be compared."""
    rows: dict[tuple[str, int], tuple[Any, ...]] = {}
    for record in records:
        fold, here = (record["table"], record["fold"]), (record["sha256"], record["split"], record["metric"])
        if rows.setdefault(fold, here) != here:
            raise SystemExit(f"{record['framework']} had other rows or another metric on {fold[0]}, fold {fold[1]}")


def main(words: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="what automl.py wrote")
    parser.add_argument("--sides", default=SIDES, help="NAME@SECONDS,... (default %(default)s)")
    parser.add_argument("--only", default="", help="names of tables; all if left out")
    parser.add_argument("--cores", type=int, default=2, help="of results that count (default %(default)s)")
    parser.add_argument("--datasets", type=Path, metavar="FOLDER", help="tables with a manifest.json")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON with the summary")
    options = parser.parse_args(words)
    sides, only = options.sides.split(","), {name for name in options.only.split(",") if name}
    there = (record for path in options.files for record in read(path))
    records = chosen([r for r in there if r["framework"] == DUMMY or r["cores"] == options.cores], sides)
    if unknown := only - {record["table"] for record in records}:
        raise SystemExit(f"no results on {', '.join(sorted(unknown))} in these files")
    records = [record for record in records if not only or record["table"] in only]
    summary = summarize(records, sides, sides[0])
    if options.datasets and (parts := summarize_parts(records, sides, development(options.datasets), sides[0])):
        summary["parts"] = parts
    print(render(summary))
    if options.out:
        common.write(options.out, {"files": [path.name for path in options.files], "summary": summary})
    return summary


if __name__ == "__main__":
    main()
