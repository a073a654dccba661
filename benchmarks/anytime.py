"""Anytime curve: the test score after 1, 2, 5, 10, 30 and 60 seconds of a fit, beside peers with these budgets.

    python benchmarks/anytime.py --datasets FOLDER --only adult,churn --out benchmarks/results/anytime.json

`seasoned` gets a time limit of 60 seconds, and a stop request after each of the times: the score is that of the model
which a user has who stops the fit then. Peers have no such request; they get the times as their budgets. Each fit is a
process of its own, one at a time, on fold 0; results in the file are not measured again.

*Score* of a table: the part of the dummy's error that is taken away, divided by the largest such part of any run on the
table, and at least 0. A failed fit has the score 0. The summary has means over tables, the medians of the seconds that
the fits really took, and the number of failures.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import common
from comparison.interleaved import interleaved
from comparison.records import Record, Records
from comparison.registry import FRAMEWORKS, Framework
from comparison.splits import manifest, one_fold
from comparison.summary import DUMMY, gain
from comparison.text import table

SECONDS = (1, 2, 5, 10, 30, 60)
OURS = "seasoned"


def stopped(framework: Framework, seconds: float) -> Framework:
    """The framework with a stop request after so many seconds."""
    options = {**framework.options, "stop_after": seconds}
    return replace(framework, name=f"{framework.name}-stopped-{seconds:g}", options=options)


def runs_of(tools: list[str], seconds: list[float]) -> dict[str, tuple[Framework, float]]:
    """Name of each run, its framework and its budget: all tools after the first time, then after the second, ..."""
    longest, runs = max(seconds), {DUMMY: (FRAMEWORKS[DUMMY], max(seconds))}
    for time in seconds:
        for tool in tools:
            framework = FRAMEWORKS[tool]
            ours = framework.ours and time < longest
            runs[f"{tool}@{time:g}"] = (stopped(framework, time), longest) if ours else (framework, time)
    return runs


def gains(found: dict[str, Record]) -> dict[str, float]:
    """Score of each run on one table, from 0 (the dummy's) to 1 (the best of all runs)."""
    scores = {name: record["score"] for name, record in found.items() if not record["error"]}
    row = {"metric": found[DUMMY]["metric"], "scores": scores, "dummy": scores[DUMMY]}
    shares = {name: gain(row, name) if name in scores else 0.0 for name in found if name != DUMMY}
    best = max(shares.values())
    return {name: max(value / best, 0.0) if best > 0 else 0.0 for name, value in shares.items()}


def summarize(tables: list[dict[str, Record]], tools: list[str], seconds: list[float]) -> dict[str, Any]:
    """Mean score, median seconds and failures of each tool after each time."""
    scores = [gains(found) for found in tables]
    return {
        tool: {
            f"{time:g}": {
                "score": round(statistics.fmean(one[f"{tool}@{time:g}"] for one in scores), 4),
                "fit_seconds": median([found[f"{tool}@{time:g}"].get("fit_seconds") for found in tables]),
                "failed": sum(bool(found[f"{tool}@{time:g}"]["error"]) for found in tables),
            }
            for time in seconds
        }
        for tool in tools
    }


def median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 2) if known else None


def render(summary: dict[str, Any], seconds: list[float]) -> str:
    rows: list[list[Any]] = [["mean score after s", *(f"{time:g}" for time in seconds)]]
    for field in ("score", "fit_seconds", "failed"):
        rows += [
            [f"{tool}, {field}", *(told[f"{time:g}"][field] for time in seconds)] for tool, told in summary.items()
        ]
    return table(rows)


def main(words: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, required=True, metavar="FOLDER", help="tables with a manifest.json")
    parser.add_argument("--only", default="", help="names of tables, separated by commas; all if left out")
    parser.add_argument("--tools", default=f"{OURS},flaml,autogluon-best-trees", help="default %(default)s")
    parser.add_argument("--seconds", default=",".join(map(str, SECONDS)), help="default %(default)s")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON with the results and the summary")
    options = parser.parse_args(words)
    tools, seconds = options.tools.split(","), [float(word) for word in options.seconds.split(",")]
    records = Records(options.out, {"environment": common.environment(), "seconds": seconds})
    runs = runs_of(tools, seconds)
    tables = [
        interleaved(one_fold(options.datasets, entry, 0), runs, records)
        for entry in manifest(options.datasets, [name for name in options.only.split(",") if name])
    ]
    summary = summarize(tables, tools, seconds)
    records.store({"summary": summary})
    print("\n" + render(summary, seconds))
    return summary


if __name__ == "__main__":
    main()
