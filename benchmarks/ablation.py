"""What each part of the search is worth: the whole beside the whole without it, from kept records of `automl.py`.

    python benchmarks/automl.py --datasets FOLDER --first 41 --budget 60 --out benchmarks/results/ablation.json \
        --frameworks seasoned,seasoned-no-ensemble,seasoned-no-defaults,seasoned-no-features,\
seasoned-all-features,seasoned-no-network
    python benchmarks/ablation.py benchmarks/results/ablation.json --out benchmarks/results/ablation-worth.json

An arm is any framework of ours in the file but the whole; each file is judged by itself, so that pairs which ran
abreast stay pairs. Without texts, or with fewer than 12,000 rows, the arm without feature steps is the whole itself:
what it differs by there is chance, and nothing smaller can be told of the others. For each arm:

- its mean rank and the whole's, among all in the file, on the tables that all have tried;
- tables that the whole wins and loses against it, the median difference of `gain` (what part of the dummy's error is
  taken away, `comparison/summary.py`), and Wilcoxon's signed-rank test, two-sided, on the tables that both have tried;
- how many seconds later the arm reaches the loss at which the whole ends, and how many seconds later the whole reaches
  that of the arm; in how many runs they ever do. It is the validation loss of the best trial so far, for what the
  ensemble would have lost is not known before the end; a run that never gets there is infinitely late, and the median
  over runs with it;
- complete trials and seconds of the fit, medians over runs.

What experience is worth is told in the same way: `--frameworks seasoned,seasoned-shipped`, `--arms seasoned-shipped`.
Results of different states of the source are not compared; run a long comparison from a checkout of its own.
"""

from __future__ import annotations

import argparse
import math
import statistics
from pathlib import Path
from typing import Any

import common
from comparison.records import Record, read
from comparison.summary import DUMMY, OURS, by_table, complete_cells, mean_ranks, versus
from comparison.text import table
from warm_start import reached

Cells = list[dict[str, Record]]


def worth(records: list[Record], whole: str, arms: list[str]) -> list[dict[str, Any]]:
    """A row for each arm.

    Raises:
        SystemExit: The dummy, by whose score gains are measured, has no results here.
    """
    if not any(record["framework"] == DUMMY for record in records):
        raise SystemExit(f"there are no results of the {DUMMY}: let automl.py come to its end")
    names = [whole, *arms]
    ranks = mean_ranks(by_table(of_one_state(complete_cells(records, names), names), names), names)
    found = []
    for arm in arms:
        every = complete_cells(records, [whole, arm])
        cells = of_one_state(every, [whole, arm])
        tables = by_table(cells, [whole, arm])
        row = {"arm": arm, "tables": len(tables), "mean_rank": ranks.get(arm), "mean_rank_of_whole": ranks.get(whole)}
        row |= {"of_other_states": len(every) - len(cells)}
        row |= versus(tables, whole, arm)
        row |= {"arm_later": lateness(cells, whole, arm), "whole_later": lateness(cells, arm, whole)}
        found.append(row | {f"{field}_of_{role}": median(cells, name, field) for field in ("complete", "fit_seconds")
                            for role, name in (("arm", arm), ("whole", whole))})  # fmt: skip
    return found


def of_one_state(cells: Cells, names: list[str]) -> Cells:
    """Without those whose results come from different states of the source: they would tell what was changed since."""
    return [cell for cell in cells if len({cell[name].get("source") for name in names}) == 1]


def lateness(cells: Cells, first: str, second: str) -> dict[str, Any]:
    """How many seconds after the first the second reaches the loss at which the first ends: the median over runs.

    Runs whose first has no complete trial, or that were kept before curves were, do not count.
    """
    curves = [[(cell[name].get("details") or {}).get("curve") for name in (first, second)] for cell in cells]
    delays = []
    for goal, follower in ((goal, follower) for goal, follower in curves if goal and follower is not None):
        seconds = reached(follower, goal[-1][1])
        delays.append(math.inf if seconds is None else seconds - goal[-1][0])
    middle = statistics.median(delays) if delays else math.inf
    return {
        "runs": len(delays),
        "reached": sum(math.isfinite(delay) for delay in delays),
        "median_seconds": round(middle, 1) if math.isfinite(middle) else None,
    }


def median(cells: Cells, name: str, field: str) -> float | None:
    """Of a field of the results or their details, over the runs that have it."""
    found = [{**cell[name], **(cell[name].get("details") or {})}.get(field) for cell in cells]
    values = [value for value in found if value is not None]
    return round(statistics.median(values), 1) if values else None


def render(rows: list[dict[str, Any]], whole: str) -> str:
    head = ["arm", "tables", "mean rank", "whole's", "wins", "losses", "ties", "difference", "p"]
    head += ["arm later s", "whole later s", "trials", "whole's", "fit s", "whole's"]
    shown: list[list[Any]] = [head]
    for row in rows:
        line = [row[field] for field in ("arm", "tables", "mean_rank", "mean_rank_of_whole", "wins", "losses", "ties")]
        line += [row["median_difference"], row["wilcoxon_p"], late(row["arm_later"]), late(row["whole_later"])]
        line += [row[f"{field}_of_{role}"] for field in ("complete", "fit_seconds") for role in ("arm", "whole")]
        shown.append(line)
    return table(shown) + (
        f"\nWins, losses, ties, median difference of gain and p: {whole} against the arm.\nLater: when the arm's best "
        "trial has the validation loss at which the whole ends, and the reverse; in how many runs it ever has."
    )


def late(found: dict[str, Any]) -> str | None:
    if not found["runs"]:
        return None
    seconds = "never" if found["median_seconds"] is None else f"{found['median_seconds']:+.1f}"
    return f"{seconds} ({found['reached']} of {found['runs']})"


def main(words: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="what automl.py wrote with --out")
    parser.add_argument("--whole", default=OURS, help="with what all others are compared (default %(default)s)")
    parser.add_argument("--arms", default="", help="names of arms; all of a file if left out")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON with the same figures")
    options = parser.parse_args(words)
    found = {}
    for path in options.files:
        records = read(path)
        there = dict.fromkeys(record["framework"] for record in records)
        wanted = [name for name in options.arms.split(",") if name] or [n for n in there if n.startswith(f"{OURS}-")]
        arms = [name for name in wanted if name in there and name != options.whole]
        if not arms or options.whole not in there:
            raise SystemExit(f"{path} has no results of {options.whole} and of one of its arms")
        found[path.name] = worth(records, options.whole, arms)
        print(f"{path.name}:\n{render(found[path.name], options.whole)}\n")
        if left_out := {row["arm"]: row["of_other_states"] for row in found[path.name] if row["of_other_states"]}:
            print(f"left out, for the two results are of different states of the source: {left_out}\n")
    if options.out:
        common.write(options.out, {"whole": options.whole, "worth": found})
    return found


if __name__ == "__main__":
    main()
