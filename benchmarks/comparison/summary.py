"""From results to a verdict: scores by table, mean ranks, wins, the signed-rank test, failures, overruns, costs."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import Any

import numpy as np
from scipy.stats import rankdata, wilcoxon

Record = dict[str, Any]

OURS, DUMMY = "seasoned", "dummy"
GREATER = {"roc_auc"}  # metrics of which more is better
QUIET = 0.3  # cores that others may use meanwhile; more, and a framework had less than its share of time
TOLERANCE = (1.05, 2.0)  # a fit that takes longer than this times its budget and so many seconds is an overrun
PART = ("frameworks", "subject", "mean_rank", "against", "disturbed", "failures", "overruns")  # what a part repeats
COSTS = (
    "fit_seconds",
    "predict_seconds_per_1000",
    "predict_seconds_per_1000_in_memory",
    "load_seconds",
    "peak_memory_bytes",
    "disk_bytes",
    "loop_seconds",  # of the machine, just before and after (`pace.py`)
)


def summarize(records: list[Record], frameworks: list[str], subject: str = OURS) -> dict[str, Any]:
    """The verdict on those frameworks.

    A failed run scores what the dummy scores on that fold. Scores are means over a table's folds; only folds for which
    each framework and the dummy have a result count.

    Args:
        records: Results, of any frameworks.
        frameworks: Whom to rank, in this order.
        subject: Whose wins over each other one are counted, if it is among them.
    """
    cells = complete_cells(records, frameworks)
    tables = by_table(cells, frameworks)
    used = [cell[name] for cell in cells for name in frameworks]
    left_out = {(r["table"], r["fold"]) for r in records} - {(c[DUMMY]["table"], c[DUMMY]["fold"]) for c in cells}
    return {
        "frameworks": frameworks,
        "subject": subject,
        "tables": tables,
        "left_out": [f"{table}, fold {fold}" for table, fold in sorted(left_out)],
        "mean_rank": mean_ranks(tables, frameworks),
        "against": {
            name: versus(tables, subject, name) for name in frameworks if subject in frameworks and name != subject
        },
        "disturbed": {
            name: sum(r["others_cores"] > QUIET and not r.get("abreast") for r in used if r["framework"] == name)
            for name in frameworks
        },
        "failures": {
            name: [
                f"{r['table']}, fold {r['fold']}: {r['error']}" for r in used if r["framework"] == name and r["error"]
            ]
            for name in frameworks
        },
        "overruns": {name: overruns([r for r in used if r["framework"] == name]) for name in frameworks},
        "costs": {name: costs(cells, name, subject) for name in frameworks},
    }


def summarize_parts(
    records: list[Record], frameworks: list[str], development: set[str], subject: str = OURS
) -> dict[str, dict[str, Any]]:
    """The verdict on the development tables and on the others, each by itself, where there are both; else nothing."""
    parts = {
        "the tables of choices": [record for record in records if record["table"] in development],
        "the others": [record for record in records if record["table"] not in development],
    }
    found = {title: summarize(part, frameworks, subject) for title, part in parts.items()}
    if not all(summary["tables"] for summary in found.values()):
        return {}
    return {
        title: {**{field: summary[field] for field in PART}, "tables": len(summary["tables"])}
        for title, summary in found.items()
    }


def complete_cells(records: list[Record], frameworks: list[str]) -> list[dict[str, Record]]:
    """For each table and fold that all have tried: the result of each framework, and of the dummy."""
    found: dict[tuple[str, int], dict[str, Record]] = defaultdict(dict)
    for record in records:
        found[record["table"], record["fold"]][record["framework"]] = record
    cells = [cell for cell in found.values() if {*frameworks, DUMMY} <= set(cell)]
    broken = [cell[DUMMY]["table"] for cell in cells if cell[DUMMY]["score"] is None]
    if broken:
        raise ValueError(f"the dummy failed on {', '.join(broken)}; nothing can be said without its score")
    return cells


def by_table(cells: list[dict[str, Record]], frameworks: list[str]) -> list[dict[str, Any]]:
    """A row for each table: metric, scores, what the dummy scores, who failed on every fold."""
    grouped: dict[str, list[dict[str, Record]]] = defaultdict(list)
    for cell in cells:
        grouped[cell[DUMMY]["table"]].append(cell)
    return [
        {
            "table": table,
            "metric": group[0][DUMMY]["metric"],
            "folds": len(group),
            "scores": {name: _mean_score(group, name) for name in frameworks},
            "dummy": _mean_score(group, DUMMY),
            "failed": [name for name in frameworks if all(cell[name]["score"] is None for cell in group)],
        }
        for table, group in grouped.items()
    ]


def _mean_score(group: list[dict[str, Record]], name: str) -> float:
    scores = [cell[DUMMY if cell[name]["score"] is None else name]["score"] for cell in group]
    return float(f"{statistics.fmean(scores):.6g}")  # differences beyond six digits are ties


def loss(metric: str, score: float) -> float:
    """The score, turned so that less is better and 0 is perfect."""
    return 1 - score if metric in GREATER else score


def gain(row: dict[str, Any], name: str) -> float:
    """What part of the dummy's error a framework takes away: 0 as good as it, 1 perfect; comparable over metrics."""
    return 1 - loss(row["metric"], row["scores"][name]) / loss(row["metric"], row["dummy"])


def mean_ranks(tables: list[dict[str, Any]], frameworks: list[str]) -> dict[str, float]:
    """Mean over tables of the rank by score, 1 the best; equals share the mean of their ranks."""
    if not tables:
        return {}
    signs = [-1 if row["metric"] in GREATER else 1 for row in tables]
    ranks = [
        rankdata([sign * row["scores"][name] for name in frameworks]) for sign, row in zip(signs, tables, strict=True)
    ]
    return dict(zip(frameworks, np.mean(ranks, axis=0).round(3).tolist(), strict=True))


def versus(tables: list[dict[str, Any]], ours: str, theirs: str) -> dict[str, Any]:
    """Wins, losses and ties over tables, and the two-sided signed-rank test on the differences of `gain`."""
    points = [_point(row, ours, theirs) for row in tables]
    differences = [gain(row, ours) - gain(row, theirs) for row in tables]
    wins, losses = points.count(1), points.count(-1)
    ties = points.count(0)
    return {
        "wins": wins,
        "losses": losses,
        "ties": ties,
        "win_rate": round((wins + ties / 2) / len(points), 4) if points else None,
        "median_difference": float(np.median(differences)) if points else None,
        "wilcoxon_p": signed_rank(differences),
    }


def _point(row: dict[str, Any], ours: str, theirs: str) -> int:
    """1 for a win of ours, -1 for a loss, 0 for a tie; who alone failed has lost, however bad the other is."""
    failed = (ours in row["failed"], theirs in row["failed"])
    if any(failed):
        return failed[1] - failed[0]
    difference = row["scores"][ours] - row["scores"][theirs]
    return int(np.sign(difference if row["metric"] in GREATER else -difference))


def signed_rank(differences: list[float]) -> float | None:
    """Two-sided p-value of Wilcoxon's signed-rank test; ranks of zeros are split (Demšar 2006). None without data."""
    if not differences:
        return None
    if not any(differences):
        return 1.0
    return float(wilcoxon(differences, zero_method="zsplit").pvalue)


def overruns(records: list[Record]) -> dict[str, Any]:
    """How many fits took 5% and 2 s longer than they should, and the longest as a multiple of the budget."""
    times, seconds = TOLERANCE
    timed = [(r["fit_seconds"], r["budget"]) for r in records if r.get("fit_seconds")]
    shares = [took / budget for took, budget in timed]
    return {
        "count": sum(took > times * budget + seconds for took, budget in timed),
        "longest": round(max(shares), 3) if shares else None,
    }


def costs(cells: list[dict[str, Record]], name: str, subject: str) -> dict[str, Any]:
    """Medians over runs, and whether each was measured in the same comparison as the subject on the same fold."""
    records = [cell[name] for cell in cells if cell[name]["score"] is not None]
    medians = {}
    for field in COSTS:
        values = [r[field] for r in records if r.get(field) is not None]
        medians[field] = float(f"{statistics.median(values):.4g}") if values else None
    together = [cell for cell in cells if subject in cell and cell[subject]["run"] == cell[name]["run"]]
    return {**medians, "same_run": f"{len(together)} of {len(cells)}"}
