"""Two states of this package on the same tables, interleaved: the loss after against the loss before.

    python benchmarks/before_after.py --before REVISION --after REVISION --datasets FOLDER \
        --out benchmarks/results/before-after.json

Both states are checked out into folders of their own, so that work on the source can go on meanwhile. The two fits of a
table follow each other, and the state that comes first alternates from table to table. Results that are in the file
already are not measured again: a comparison that was stopped goes on with the next table. But both fits of a table are
repeated if other processes took more than 0.3 cores during one of them. Both fits get shipped experience, the default
models, the environment of this script, the same rows and the same seed.

A loss is 1 - AUC, the log loss or the root mean squared error. `change` is loss after / loss before - 1; two losses
that differ by less than one part in a million are equal.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import common
from comparison.interleaved import conditions
from comparison.records import Record, Records
from comparison.registry import Framework
from comparison.runner import identity, measure
from comparison.splits import development, manifest, one_fold
from comparison.summary import QUIET, loss, signed_rank
from comparison.text import table

EQUAL = 1e-6  # relative difference of two losses that counts as none
SMALL = 2000  # rows, below which a table is small
STATES = ("before", "after")


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, metavar="REVISION", help="a commit of this repository")
    parser.add_argument("--after", default="HEAD", metavar="REVISION", help="another one (default %(default)s)")
    parser.add_argument("--datasets", type=Path, required=True, metavar="FOLDER", help="tables with a manifest.json")
    parser.add_argument("--budget", type=float, default=60, help="seconds for each fit (default 60)")
    parser.add_argument("--fold", type=int, default=0, help="which of the five folds (default 0)")
    parser.add_argument("--only", default="", help="names of tables, separated by commas; all if left out")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON with the results and the summary")
    return parser.parse_args(words)


def commit(revision: str) -> str:
    """The short name of a commit."""
    command = ["git", "rev-parse", "--short", f"{revision}^{{commit}}"]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=common.HERE).stdout.strip()


def checkout(name: str, tree: Path) -> Path:
    """The package and the benchmarks of a commit, without their history, in a folder that is made for them."""
    tree.mkdir()
    command = ["git", "archive", name, "src", "benchmarks/frameworks"]
    archive = subprocess.run(command, check=True, capture_output=True, cwd=common.HERE.parent).stdout
    subprocess.run(["tar", "-x", "-C", tree], input=archive, check=True)
    return tree


def measured(options: argparse.Namespace, arms: dict[str, Framework], records: Records) -> list[dict[str, Record]]:
    """The two results of each table: those in the file, and the missing ones as they come."""
    now = conditions(options.budget)
    pairs = []
    for position, entry in enumerate(manifest(options.datasets, [name for name in options.only.split(",") if name])):
        fold = one_fold(options.datasets, entry, options.fold)
        order = STATES if position % 2 == 0 else STATES[::-1]
        wanted = {state: identity(arms[state], fold, now) for state in STATES}
        pair = {state: known for state in STATES if (known := records.find(wanted[state])) is not None}
        if any(known["others_cores"] > QUIET for known in pair.values()):
            pair = {}
        for state in order:
            if state not in pair:
                with common.alone():
                    pair[state] = measure(arms[state], fold, now)
                pair[state] |= {"rows": entry["n_rows"], "text": bool(entry["text_columns"])}
                records.put(pair[state], wanted[state])
        pairs.append(pair)
        print(f"{fold.table}: {', '.join(f'{state} {shown(pair[state])}' for state in STATES)}", flush=True)
    return pairs


def shown(record: Record) -> str:
    return record["error"] or f"{record['score']:.5g} in {record['fit_seconds']:.0f} s"


def change(pair: dict[str, Record]) -> float:
    """Loss after against loss before; 0 where both are equal, 0 included."""
    before, after = (loss(pair[state]["metric"], pair[state]["score"]) for state in STATES)
    if abs(after - before) <= EQUAL * max(abs(before), abs(after)):
        return 0.0
    return after / before - 1 if before else float("inf")


def verdict(pairs: list[dict[str, Record]]) -> dict[str, Any]:
    """Counts, the median change and Wilcoxon's signed-rank test, two-sided; failures are counted apart."""
    whole = [pair for pair in pairs if not any(pair[state]["error"] for state in STATES)]
    changes = [change(pair) for pair in whole]
    found = {f"failed_{state}": sum(bool(pair[state]["error"]) for pair in pairs) for state in STATES}
    if not changes:
        return {"tables": 0, **found}
    return {
        "tables": len(changes),
        "better": sum(value < 0 for value in changes),
        "equal": sum(value == 0 for value in changes),
        "worse": sum(value > 0 for value in changes),
        "better_or_equal_share": round(sum(value <= 0 for value in changes) / len(changes), 3),
        "median_change": round(statistics.median(changes), 5),
        "p": signed_rank(changes),
        **found,
    }


def groups(pairs: list[dict[str, Record]], developed: set[str]) -> dict[str, list[dict[str, Record]]]:
    """The pairs of all tables and of the kinds of tables that are judged apart."""
    kinds = {
        "all": lambda record: True,
        "text": lambda record: record["text"],
        "small": lambda record: record["rows"] < SMALL,
        "regression": lambda record: record["task"] == "regression",
        "development": lambda record: record["table"] in developed,
        "others": lambda record: record["table"] not in developed,
    }
    return {name: [pair for pair in pairs if belongs(pair["before"])] for name, belongs in kinds.items()}


def main(words: list[str] | None = None) -> dict[str, Any]:
    options = arguments(words)
    commits = {"before": commit(options.before), "after": commit(options.after)}
    header = {"environment": common.environment(), "budget": options.budget, "commits": commits}
    records = Records(options.out, header)
    with tempfile.TemporaryDirectory(prefix="before-after-") as temporary:
        arms = {
            state: Framework(state, "seasoned_", "seasoned", pinned=name, options={"experience": "shipped"}, ours=True,
                             source=checkout(name, Path(temporary) / state))
            for state, name in commits.items()
        }  # fmt: skip
        pairs = measured(options, arms, records)
    summary = {name: verdict(part) for name, part in groups(pairs, development(options.datasets)).items()}
    records.store({"summary": summary})
    head = list(summary["all"])
    print(
        "\n"
        + table([["tables of", *head], *([name, *(row.get(key) for key in head)] for name, row in summary.items())])
    )
    return summary


if __name__ == "__main__":
    main()
