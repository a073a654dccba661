"""The verdict as plain text."""

from __future__ import annotations

from typing import Any

from comparison.text import table


def render(summary: dict[str, Any], subject: str | None) -> str:
    parts = [part for name, one in summary["sets"].items() for part in _set(name, one, subject)]
    if summary["groups"]:
        groups = list(next(iter(summary["groups"].values())))
        rows: list[list[Any]] = [["p: better than random", *groups]]
        rows += [[name, *(found.get(group) for group in groups)] for name, found in summary["groups"].items()]
        parts.append("BBOB 5-D, 200 evaluations, one-sided, paired over function instances\n" + table(rows))
    if summary["shifted"]:
        goals = ["sphere", "rosenbrock", "rastrigin"]
        rows = [["seeds that reach the target", "sphere 1e-6", "Rosenbrock 1e-8", "Rastrigin 1e-8"]]
        rows += [[name, *(found[goal] for goal in goals)] for name, found in summary["shifted"].items()]
        parts.append("Shifted, 10-D; 20,000 evaluations for the sphere, else 100,000\n" + table(rows))
    if summary["left_out"]:
        parts.append("Left out, for random search reaches the optimum: " + ", ".join(summary["left_out"]))
    failed = [f"{name}: {len(lines)} failed, e.g. {lines[0]}" for name, lines in summary["failures"].items() if lines]
    return "\n\n".join([*parts, *failed])


def _set(name: str, found: dict[str, Any], subject: str | None) -> list[str]:
    parts = []
    if found["frameworks"]:
        points = list(next(iter(found["frameworks"].values()))["ratio"])
        head = ["framework", "seeds", "area", "(linear)", *(f"rank {n}" for n in points), *(f"r {n}" for n in points)]
        rows: list[list[Any]] = [head]
        for framework, row in found["frameworks"].items():
            ranks = [row["rank"].get(n) for n in points]
            areas = [row.get("area"), row.get("area_linear")]
            rows.append([framework, row["seeds"], *areas, *ranks, *(row["ratio"][n] for n in points)])
        parts.append(f"{name}: {found['problems']} problems\n{table(rows)}")
    if found["against"]:
        rows = [[f"{subject} against", "at", "problems", "seeds", "wins", "losses", "p", "r", "its r", "area", "its"]]
        fields = ("problems", "seeds", "wins", "losses", "p", "ours", "theirs", "area", "their_area")
        for peer, pairs in found["against"].items():
            rows += [[peer, n, *(pair[field] for field in fields)] for n, pair in pairs.items()]
        parts.append(f"{name}: pairs, on what both ran\n{table(rows)}")
    return parts


def render_speed(found: dict[str, Any]) -> str:
    rows: list[list[Any]] = [["ms of ask + tell", "trials", "150-200", "p99", "950-1000", "p99", "last 1000", "500, s"]]
    fields = ("trials", "mean_150_200", "p99_150_200", "mean_950_1000", "p99_950_1000", "mean_last_1000", "whole_500_s")
    rows += [[name, *(row.get(field) for field in fields)] for name, row in found.items()]
    return table(rows)
