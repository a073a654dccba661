"""The verdict as plain text."""

from __future__ import annotations

from typing import Any

from comparison.summary import QUIET, TOLERANCE


def table(rows: list[list[Any]]) -> str:
    """Columns aligned by spaces, the first to the left, the others to the right; the first row names them."""
    cells = [
        ["" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row]
        for row in rows
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = []
    for row in cells:
        first, *others = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *others]).rstrip())
    return "\n".join(lines)


def render(summary: dict[str, Any]) -> str:
    """All of the summary but the fields of single runs."""
    parts = [_scores(summary), _verdict(summary) + "\n" + _legend(summary["subject"])]
    for title, part in summary.get("parts", {}).items():
        parts.append(f"{title}, {part['tables']} tables:\n{_verdict(part)}")
    parts.append(_costs(summary))
    failures = [f"{name}: {line}" for name, lines in summary["failures"].items() for line in lines]
    if failures:
        parts.append("\n".join(["Failures (each scores what the dummy scores):", *failures]))
    if summary["left_out"]:
        parts.append("Left out, for not all have a result: " + "; ".join(summary["left_out"]))
    return "\n\n".join(parts)


def _scores(summary: dict[str, Any]) -> str:
    names = summary["frameworks"]
    rows = [["table", "metric", "folds", *names]]
    for row in summary["tables"]:
        shown = [f"{row['scores'][name]:.5g}" + ("*" if name in row["failed"] else "") for name in names]
        rows.append([row["table"], row["metric"], row["folds"], *shown])
    return table(rows)


def _verdict(summary: dict[str, Any]) -> str:
    head = [
        "framework",
        "mean rank",
        "wins",
        "losses",
        "ties",
        "win rate",
        "p",
        "failed",
        "overruns",
        "longest",
        "disturbed",
    ]
    rows: list[list[Any]] = [head]
    for name in summary["frameworks"]:
        against = summary["against"].get(name, {})
        over = summary["overruns"][name]
        rows.append(
            [
                name,
                summary["mean_rank"].get(name),
                *(against.get(field) for field in ("wins", "losses", "ties", "win_rate", "wilcoxon_p")),
                len(summary["failures"][name]),
                over["count"],
                over["longest"],
                summary["disturbed"][name],
            ]
        )
    return table(rows)


def _legend(subject: str) -> str:
    times, seconds = TOLERANCE
    return (
        f"Wins, losses, ties, win rate and p (two-sided Wilcoxon signed-rank test over tables): {subject} against "
        f"each.\nOverruns: fits of more than {times:g} budgets + {seconds:g} s; longest: in budgets. Disturbed: runs\n"
        f"during which others used more than {QUIET:g} cores; measure these anew (--fresh NAME --only TABLE)."
    )


def _costs(summary: dict[str, Any]) -> str:
    head = ["framework", "fit s", "s/1,000 rows", "in memory", "load s", "peak MB", "disk MB", "loop s", "same run"]
    rows: list[list[Any]] = [head]
    for name in summary["frameworks"]:
        cost = summary["costs"][name]
        mega = [None if cost[f] is None else cost[f] / 1e6 for f in ("peak_memory_bytes", "disk_bytes")]
        times = [cost[f"predict_seconds_per_1000{end}"] for end in ("", "_in_memory")]
        others = cost["loop_seconds"], cost["same_run"]
        rows.append([name, cost["fit_seconds"], *times, cost["load_seconds"], *mega, *others])
    return (
        table(rows)
        + "\nMedians over runs. In memory: with the models kept loaded, where that is a step of its own. Loop: a\n"
        "million steps of a plain loop just before and after, which says how fast the machine was. Same run:\n"
        f"how many were measured in the same comparison as {summary['subject']}; times from different ones are not to "
        "be compared."
    )
