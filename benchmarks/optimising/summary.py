"""The verdict: records and references to tables of figures, by set of suites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from optimising import measures
from optimising.measures import BUDGET, CHECKPOINTS, Cell, Cells, Key
from optimising.records import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SETS = {
    "BBOB 5-D": ("bbob5",),
    "BBOB 10-D": ("bbob10",),
    "mixed and conditional": ("mixint5", "mixint10", "xgboost", "rpart"),
    "bbob-mixint 5-D": ("mixint5",),
    "bbob-mixint 10-D": ("mixint10",),
    "conditional: XGBoost": ("xgboost",),
    "decision tree": ("rpart",),
    "recorded tables": ("hpobench", "hpolib", "nasbench201"),
}
SHIFTED = {"sphere": (1e-6, 20_000), "rosenbrock": (1e-8, 100_000), "rastrigin": (1e-8, 100_000)}


def cells_of(
    records: Mapping[str, Sequence[dict[str, Any]]], references: Mapping[str, Any], instances: Mapping[str, Any]
) -> dict[str, Cells]:
    """Framework -> its runs as cells. Where the optimum is not known for sure, the best of all runs may replace it."""
    best: dict[str, float] = {}
    for record in (record for rows in records.values() for record in rows if "curve" in record):
        key = _key(record, instances)
        best[key] = min(best.get(key, np.inf), record["curve"][-1][1])
    found: dict[str, Cells] = {}
    for framework, rows in records.items():
        cells: Cells = {}
        for record in rows:
            key = _key(record, instances)
            cell = cell_of(record, references[key], best.get(key, np.inf))
            cells.setdefault((record["suite"], record["problem"]), {})[record["seed"]] = cell
        found[framework] = cells
    return found


def _key(record: dict[str, Any], instances: Mapping[str, Any]) -> str:
    return key_of(record["suite"], record["problem"], instances[record["suite"]][str(record["seed"])])


def cell_of(record: dict[str, Any], reference: dict[str, Any], best: float) -> Cell:
    optimum = min(reference["optimum"], best)
    gaps = tuple((int(place), value - optimum) for place, value in record.get("curve", ()))
    random = {int(place): value - optimum for place, value in reference["random"].items()}
    return Cell(gaps, record["trials"], random, record.get("error"))


def summarize(cells: Mapping[str, Cells], subject: str | None, peers: Sequence[str]) -> dict[str, Any]:
    """All figures.

    Args:
        cells: Framework -> its runs.
        subject: Which of ours is tested against each other framework; None for no test.
        peers: Names of the other frameworks.
    """
    keys = sorted({key for one in cells.values() for key in one})
    out = {key for key in keys if not open_problem(cells, key)}
    found: dict[str, Any] = {"left_out": ["/".join(key) for key in sorted(out)], "sets": {}}
    for name, suites in SETS.items():
        chosen = [key for key in keys if key[0] in suites and key not in out]
        if chosen and (name == "recorded tables" or {key[0] for key in chosen} == set(suites)):
            found["sets"][name] = of_set(cells, chosen, subject, peers)
    found["groups"] = {
        name: measures.beats_random(one, cells["random"], "bbob5")
        for name, one in cells.items()
        if name != "random" and "random" in cells and any(key[0] == "bbob5" for key in one)
    }
    found["shifted"] = {
        name: {problem: measures.reached(one, ("shifted", problem), *goal) for problem, goal in SHIFTED.items()}
        for name, one in cells.items()
        if any(key[0] == "shifted" for key in one)
    }
    found["failures"] = {
        name: sorted(
            f"{'/'.join(key)} seed {seed}: {cell.error}"
            for key, row in one.items()
            for seed, cell in row.items()
            if cell.error
        )
        for name, one in cells.items()
    }
    return found


def open_problem(cells: Mapping[str, Cells], key: Key) -> bool:
    """Whether random search leaves something to find; the shifted functions are not compared."""
    some = next(cell for one in cells.values() for cell in one.get(key, {}).values())
    return key[0] != "shifted" and some.random[BUDGET] > measures.FLOOR


def of_set(cells: Mapping[str, Cells], keys: Sequence[Key], subject: str | None, peers: Sequence[str]) -> Any:
    """Figures over some problems: of all frameworks that ran each problem with the most seeds, then pairs."""
    whole = complete(cells, keys)
    found: dict[str, Any] = {"problems": len(keys), "frameworks": {}, "against": {}}
    ranks = {n: measures.mean_ranks(whole, keys, n) for n in CHECKPOINTS} if len(whole) > 1 else {}
    for name, one in whole.items():
        row: dict[str, Any] = {"rank": {n: ranks[n][name] for n in ranks}, "ratio": {}}
        for n in CHECKPOINTS:
            ratios = [measures.ratio(one, key, measures.common_seeds([one], key, n), n) for key in keys]
            row["ratio"][n] = measures.geometric(ratios)
        if all(key[0] in measures.COCO for key in keys):
            runs = [cell for key in keys for cell in one[key].values()]
            row["area"] = float(np.mean([measures.area(cell) for cell in runs]))
            row["area_linear"] = float(np.mean([measures.area(cell, logarithmic=False) for cell in runs]))
        row["seeds"] = max(len(one[key]) for key in keys)
        found["frameworks"][name] = row
    if subject in cells:
        for peer in peers:
            pairs = {n: measures.versus(cells[subject], cells[peer], keys, n) for n in (25, 50, 60, 100, 200)}
            kept = {n: pair for n, pair in pairs.items() if pair and (n != 60 or pairs[100] is None)}
            if kept:
                found["against"][peer] = kept
    return found


def complete(cells: Mapping[str, Cells], keys: Sequence[Key]) -> dict[str, Cells]:
    """The frameworks that ran every problem, to the end, with as many seeds as any."""
    counts = {
        name: min(sum(cell.trials >= BUDGET for cell in one.get(key, {}).values()) for key in keys)
        for name, one in cells.items()
    }
    most = max(counts.values())
    return {name: cells[name] for name, count in counts.items() if count == most and most}
