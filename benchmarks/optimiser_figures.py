"""Figures and tables of docs/optimisers.md, from the runs that `optimisers.py` keeps; measures nothing.

    python benchmarks/optimiser_figures.py --subject seasoned-bayes --figures docs/figures --page docs/optimisers.md
    python benchmarks/optimiser_figures.py --frameworks acquisitions

Writes one SVG file for each set of suites: COCO's share of targets reached by number of evaluations, or r (the gap to
the optimum over random search's, a geometric mean over problems) where COCO's targets say nothing. Prints the tables
as Markdown. A framework is drawn if it ran all problems of a set with as many of these seeds as any, else left out and
named. With `--subject` a set's seeds are those that it ran whole, and it is tested against each other framework over
what both ran.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import common
from optimising import measures
from optimising.chart import Axis, Line, chart
from optimising.measures import BUDGET, CHECKPOINTS, Cells, Key
from optimising.problems import instances
from optimising.records import Curves
from optimising.registry import OURS, PEERS, own
from optimising.summary import SETS, cells_of, complete, open_problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIGURES = {
    "BBOB 5-D": "optimisers-bbob5.svg",
    "BBOB 10-D": "optimisers-bbob10.svg",
    "mixed and conditional": "optimisers-mixed.svg",
    "recorded tables": "optimisers-tables.svg",
}
COLOURS = ("#0b5fa5", "#c8452c", "#2a8a57", "#8a4fb0", "#b8860b", "#00868b", "#d0578f", "#4c4c4c", "#5c6bc0", "#7d5a3c")
MARKS = ("<!-- measured -->", "<!-- end -->")
POINTS = (1, 2, 5, 10, 20, 50, 100, 200)


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    results = common.HERE / "results"
    parser.add_argument("--runs", type=Path, default=results / "optimisers", help="where our runs are")
    parser.add_argument("--peers", type=Path, default=results / "peers" / "optimisers", help="where peers' are")
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds, from 0 on (default 10)")
    parser.add_argument("--frameworks", default="samplers,peers", help="by comma; samplers, acquisitions, peers")
    parser.add_argument("--subject", help="tested against each other one, on the seeds that it ran; none if left out")
    parser.add_argument("--page", type=Path, metavar="FILE", help="put the tables there, between its marks")
    parser.add_argument("--figures", type=Path, metavar="FOLDER", help="where the figures go; none if left out")
    return parser.parse_args(words)


def chosen(words: Sequence[str]) -> set[str]:
    """The names of frameworks that words stand for."""
    groups = {
        "samplers": [name for name in own() if "-bayes-" not in name],
        "acquisitions": [name for name in own() if "-bayes-" in name],
        "peers": list(PEERS),
    }
    return {name for word in words for name in groups.get(word, [word])}


def kept(folders: Sequence[Path], seeds: int) -> dict[str, list[dict[str, Any]]]:
    """Framework -> its runs of these seeds, peers' of the version that is compared now."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(file for folder in folders for file in folder.glob("*.jsonl")):
        for record in Curves(file).all():
            name = record["framework"]
            current = name not in PEERS or file.name.startswith(f"{name}-{PEERS[name].version}-")
            if record["seed"] < seeds and current:
                found.setdefault(name, []).append(record)
    for name, records in found.items():
        if len(states := {record["source"] for record in records if "source" in record}) > 1:
            print(f"the runs of {name} are of {len(states)} states of the source: {', '.join(sorted(states))}")
    return found


def share(cells: Cells, keys: Sequence[Key]) -> list[tuple[float, float]]:
    """Evaluation -> the share of COCO's targets reached by then, over all runs: the run-time ECDF."""
    times = [
        next((place for place, gap in cell.gaps if gap <= target), BUDGET + 1)
        for key in keys
        for cell in cells[key].values()
        for target in measures.TARGETS
    ]
    counts = np.bincount(np.minimum(times, BUDGET + 1), minlength=BUDGET + 2)[1 : BUDGET + 1]
    return [(place + 1.0, float(value)) for place, value in enumerate(np.cumsum(counts) / len(times))]


def ratios(cells: Cells, keys: Sequence[Key]) -> list[tuple[float, float]]:
    """Evaluation -> r, where random search's medians are known."""
    return [
        (float(n), measures.geometric([measures.ratio(cells, key, sorted(cells[key]), n) for key in keys]))
        for n in CHECKPOINTS
    ]


def picture(title: str, cells: Mapping[str, Cells], keys: Sequence[Key]) -> str:
    """The figure of one set."""
    coco = all(key[0].startswith("bbob") for key in keys)
    curves = {name: (share if coco else ratios)(one, keys) for name, one in cells.items()}
    order = sorted(curves, key=lambda name: curves[name][-1][1], reverse=coco)
    lines = [Line(plain(n), curves[n], colour(n), dashed=not n.startswith(OURS), steps=coco) for n in order]
    if coco:
        top = 1.05 * max(curve[-1][1] for curve in curves.values())
        y = Axis("share of targets reached", 0, top, [step / 20 for step in range(int(top * 20) + 1)])
        return chart(title, Axis("evaluations", 1, BUDGET, POINTS, log=True), y, lines)
    values = [value for curve in curves.values() for _, value in curve]
    marks = [m for m in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2) if min(values) * 0.9 <= m <= max(values) * 1.1]
    y = Axis("gap over random search's (r)", min(values) * 0.9, max(values) * 1.1, marks, log=True)
    return chart(title, Axis("evaluations", CHECKPOINTS[0], BUDGET, CHECKPOINTS, log=True), y, lines)


def colour(name: str) -> str:
    """The same in all figures; ours and peers go through the same colours, peers are dashed."""
    names = [name for name in own() if "-bayes-" not in name] if name.startswith(OURS) else list(PEERS)
    return COLOURS[names.index(name) % len(COLOURS)] if name in names else "#222"


def plain(name: str) -> str:
    """`seasoned-bayes` is `Bayes` in the figure; peers keep their names."""
    names = {"tpe": "TPE", "cmaes": "CMAES", "particleswarm": "ParticleSwarm"} | {
        "differentialevolution": "DifferentialEvolution"
    }
    short = name.removeprefix(OURS)
    return names.get(short, short.capitalize()) if name.startswith(OURS) else name


def markdown(title: str, cells: Mapping[str, Cells], keys: Sequence[Key]) -> str:
    """The table of one set: area (COCO only), mean rank and r, the best mean rank at the end first."""
    coco = all(key[0] in measures.COCO for key in keys)
    ranks = {n: measures.mean_ranks(cells, keys, n) for n in CHECKPOINTS}
    head = ["", *(["area"] if coco else []), *(f"rank {n}" for n in CHECKPOINTS), *(f"r {n}" for n in CHECKPOINTS)]
    rows = [head, ["---"] * len(head)]
    for name in sorted(cells, key=ranks[BUDGET].__getitem__):
        runs = [cell for key in keys for cell in cells[name][key].values()]
        area = [f"{np.mean([measures.area(cell) for cell in runs]):.3f}"] if coco else []
        r = [f"{value:.3f}" for _, value in ratios(cells[name], keys)]
        rows.append([plain(name), *area, *(f"{ranks[n][name]:.2f}" for n in CHECKPOINTS), *r])
    return f"**{title}, {len(keys)} problems**\n\n" + table(rows)


def table(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def pairs(subject: str, cells: Mapping[str, Cells], keys: Sequence[Key]) -> str:
    """The tests: problems won and lost by the seed-mean result, and the p of Wilcoxon's signed ranks over problems."""
    points = (*CHECKPOINTS[:2], 60, *CHECKPOINTS[2:])
    rows = [[f"{plain(subject)} against", "problems", "seeds", *(f"won:lost (p) at {n}" for n in points)]]
    rows.append(["---"] * len(rows[0]))
    for name in sorted(set(cells) - {subject}):
        found = {n: measures.versus(cells[subject], cells[name], keys, n) for n in points}
        if found[points[0]]:
            texts = [f"{one['wins']}:{one['losses']} ({one['p']:.2g})" if one else "" for one in found.values()]
            first = found[points[0]]
            rows.append([plain(name), str(first["problems"]), str(first["seeds"]), *texts])
    return table(rows)


def groups(cells: Mapping[str, Cells]) -> str:
    """One-sided p that a framework beats random search on each of BBOB's groups, in 5-D."""
    rows = [["p: better than random", *measures.GROUPS], ["---"] * (1 + len(measures.GROUPS))]
    for name in sorted(set(cells) - {"random"}):
        found = measures.beats_random(cells[name], cells["random"], "bbob5")
        if len(found) == len(measures.GROUPS):
            rows.append([plain(name), *(f"{found[group]:.1g}" for group in measures.GROUPS)])
    return table(rows)


def whole_seeds(cells: Cells, keys: Sequence[Key]) -> int:
    """How many seeds, from 0 on, a framework ran on every problem, to the end."""
    seeds = [{seed for seed, cell in cells.get(key, {}).items() if cell.trials >= BUDGET} for key in keys]
    there = set.intersection(*seeds)
    return next(n for n in range(len(there) + 1) if n not in there)


def of_seeds(cells: Mapping[str, Cells], seeds: int) -> dict[str, Cells]:
    """The runs of the first seeds."""
    return {
        name: {key: {seed: cell for seed, cell in row.items() if seed < seeds} for key, row in one.items()}
        for name, one in cells.items()
    }


def section(title: str, cells: Mapping[str, Cells], keys: Sequence[Key], subject: str | None) -> str:
    """The tables of one set; empty if nobody ran it whole."""
    whole = complete(cells, keys) if keys else {}
    if not whole:
        return ""
    seeds = min(whole_seeds(one, keys) for one in whole.values())
    parts = [markdown(f"{title}, {seeds} seed{'s' * (seeds != 1)}", whole, keys)]
    if out := sorted(set(cells) - set(whole)):
        parts.append(f"Not in it, for want of runs: {', '.join(map(plain, out))}.")
    return "\n\n".join([*parts, pairs(subject, cells, keys)] if subject else parts)


def paged(text: str, page: str) -> str:
    """A page with what stands between its marks replaced."""
    head, _, rest = page.partition(MARKS[0])
    _, found, tail = rest.partition(MARKS[1])
    if not found:
        raise SystemExit(f"the page has no lines {MARKS[0]} and {MARKS[1]}")
    return f"{head}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{tail}"


def main(words: list[str] | None = None) -> None:
    options = arguments(words)
    asked = chosen(options.frameworks.split(","))
    records = {n: rows for n, rows in kept([options.runs, options.peers], options.seeds).items() if n in asked}
    references = json.loads((options.peers / "references.json").read_text())
    suites = sorted({record["suite"] for rows in records.values() for record in rows})
    named = {s: {str(k): v for k, v in instances(s, list(range(options.seeds))).items()} for s in suites}
    cells = cells_of(records, references, named)
    keys = sorted({key for one in cells.values() for key in one})
    parts = []
    for title, members in SETS.items():
        these = [key for key in keys if key[0] in members and open_problem(cells, key)]
        subject = cells.get(options.subject, {})
        compared = of_seeds(cells, whole_seeds(subject, these) if options.subject and these else options.seeds)
        if found := section(title, compared, these, options.subject):
            parts.append(found)
            if options.figures and title in FIGURES:
                options.figures.mkdir(parents=True, exist_ok=True)
                (options.figures / FIGURES[title]).write_text(picture(title, complete(compared, these), these))
    if "random" in cells and any(key[0] == "bbob5" for key in keys):
        parts.append(groups(cells))
    text = "\n\n".join(parts)
    print(text)
    if options.page:
        options.page.write_text(paged(text, options.page.read_text()))


if __name__ == "__main__":
    main()
