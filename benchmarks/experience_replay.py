"""What experience says about tasks that it has not seen: the shipped tasks themselves, each without its whole family.

    python benchmarks/experience_replay.py --out benchmarks/results/experience-replay.json

Every shipped task, by the search's usual metric, is replayed from its recorded configurations: what would have been
tried in which order, and how good was the best after so many trials, and after so many seconds of one core? The
experience is that of all other families. Orders:

- `defaults`: the families' defaults in order of cost, then the other configurations at random (seed 0), as without
  experience, but for Bayes, which tries what was not recorded;
- `mean`: by mean regret over the past tasks, from the best (a ranking that no trial changes);
- `advised`: the two cheapest defaults, then by expected gain, re-ranked after every trial, as in the product;
- `timed`: the same by expected gain per predicted second, as in the product where time counts.

`clock` is how far the predicted seconds of a trial are off, median |log10|, before any trial and after the first one
and three that were advised: mean over tasks. Rows are believed to count as `guide.py` says; that was chosen on every
third task of each sort.

Regret: 0 = the best recorded configuration of the task, 1 = its median or worse; a failure counts as 1 and takes 20 s.
Tasks are replayed side by side, one on each core. Intervals: 95%, bootstrap over families (2,000 draws, seed 0). The
two settings in `knowledge/data/settings.json` were chosen on every fourth of these tasks, which are in the means.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

import common
from seasoned.knowledge.advice.adviser import AdviserState
from seasoned.knowledge.advice.similar_tasks import TaskQuery, recall
from seasoned.knowledge.experience.files import read_file
from seasoned.knowledge.experience.locations import shipped
from seasoned.tabular.experience.advice import TaskAdvice, TaskDescription
from seasoned.tabular.metrics.registry import usual_metric
from seasoned.tabular.models.registry import choose, joint_space
from seasoned.tabular.trial.configuration import current, textual

if TYPE_CHECKING:
    from seasoned.knowledge.experience.experience import Experience
    from seasoned.space import Space

TRIALS = (1, 2, 3, 5, 8, 12, 16, 20)
SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0)
TIMED = (0, 1, 3)
FAILED = 20.0
LIMIT = 60.0


def replayed(experience: Experience, place: int) -> dict[str, Any] | None:
    """The curves of one task; None where the others know too little."""
    head = experience.heads[place]
    others = experience.chosen([row for row, other in enumerate(experience.heads) if other.family != head.family])
    space = joint_space(choose(None), head.sort)
    asking = TaskQuery("pipeline", head.sort, head.metric, head.metric, experience.metafeatures[place])
    found = recall(others, asking, partial(current, space=space))
    if found is None:
        return None
    scene = TaskDescription(
        {}, head.baseline, head.sort, head.metric, (head.about["rows"], head.about["columns"]), 2, head.family
    )
    guide = TaskAdvice(found, scene, space, LIMIT)
    regrets, seconds, scores = recorded(experience, place, found.configs, space)
    rng = np.random.default_rng(0)
    known = {textual(config): row for row, config in enumerate(found.configs)}
    defaults = [
        known[text]
        for model in choose(None)
        if (text := textual({"model": {model.name: dict(model.space(head.sort).default)}})) in known
    ]
    rest = [row for row in rng.permutation(len(regrets)).tolist() if row not in defaults]
    losses = np.where(np.isfinite(guide.adviser.metric.losses), guide.adviser.metric.losses, 1.0)
    orders = {
        "defaults": defaults + rest,
        "mean": np.argsort(found.weights @ losses, kind="stable").tolist(),
        "advised": advised(guide, defaults[:2], scores, seconds, timed=False),
        "timed": advised(guide, defaults[:2], scores, seconds, timed=True),
    }
    return {
        "task": head.name,
        "family": head.family,
        "orders": {name: curves(order, regrets, seconds) for name, order in orders.items()},
        "clock": clock(guide, orders["advised"], seconds, scores),
    }


def recorded(experience: Experience, place: int, configs: Any, space: Space) -> tuple[Any, Any, Any]:
    """Regret, seconds and score of each configuration, in the form of today, on the task."""
    own = experience.chosen([place])
    table = own.table()
    today = {
        number: current(config, experience.heads[place].version, space)
        for number, config in own.configs(table.configurations).items()
    }
    texts = {textual(config): number for number, config in today.items() if config is not None}
    columns = {int(number): column for column, number in enumerate(table.configurations)}
    at = [columns.get(texts.get(textual(config), -1), -1) for config in configs]
    scores = np.array([np.nan if column < 0 else table.scores[0, column] for column in at])
    seconds = np.array([np.nan if column < 0 else table.seconds[0, column] for column in at])
    best, middle = np.nanmin(scores), np.nanmedian(scores)
    regrets = np.clip((scores - best) / max(middle - best, 1e-12), 0.0, 1.0)
    return np.where(np.isfinite(regrets), regrets, 1.0), np.where(np.isfinite(scores), seconds, FAILED), scores


def advised(guide: TaskAdvice, first: list[int], scores: Any, seconds: Any, *, timed: bool) -> list[int]:
    state, seen, order = AdviserState(), {}, []
    while len(order) < len(scores):
        rows = np.array([row for row in range(len(scores)) if row not in order], dtype=np.intp)
        if len(order) < len(first):
            row = first[len(order)]
        else:
            gains = guide.gains(state, rows)
            cost = np.maximum(guide.expected_seconds(seen, rows), guide.floor) if timed else 1.0
            row = int(rows[np.argmax(gains / cost)])
        order.append(row)
        seen[row] = float(seconds[row])
        if np.isfinite(scores[row]):
            state = guide.adviser.tell(state, row, guide.relative(float(scores[row])))
    return order


def clock(guide: TaskAdvice, order: list[int], seconds: Any, scores: Any) -> list[float]:
    """Median |log10| of predicted and true seconds of what is left and does not fail, after the first trials."""
    whole = [row for row in order if np.isfinite(scores[row])]
    errors = []
    for count in TIMED:
        seen, rows = whole[:count], np.array(whole[count:], dtype=np.intp)
        expected = guide.expected_seconds({row: float(seconds[row]) for row in seen}, rows)
        off = np.abs(np.log10(expected / np.maximum(seconds[rows], 1e-3)))
        errors.append(float(np.median(off)) if len(off) else math.nan)
    return errors


def curves(order: list[int], regrets: Any, seconds: Any) -> dict[str, list[float]]:
    best = np.minimum.accumulate(regrets[order])
    spent = np.cumsum(seconds[order])
    return {
        "trials": [float(best[min(count, len(best)) - 1]) for count in TRIALS],
        "seconds": [float(best[spent <= limit][-1]) if (spent <= limit).any() else 1.0 for limit in SECONDS],
    }


def summary(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over tasks, with intervals over families."""
    families = sorted({task["family"] for task in tasks})
    rng = np.random.default_rng(0)
    draws = rng.integers(len(families), size=(2000, len(families)))
    of = np.array([families.index(task["family"]) for task in tasks])
    counts = np.stack([np.bincount(draw, minlength=len(families)) for draw in draws])[:, of]
    found: dict[str, Any] = {}
    for axis, marks in (("trials", TRIALS), ("seconds", SECONDS)):
        for name in tasks[0]["orders"]:
            values = np.array([task["orders"][name][axis] for task in tasks])
            means = (counts @ values) / counts.sum(axis=1, keepdims=True)
            low, high = np.quantile(means, [0.025, 0.975], axis=0)
            found.setdefault(axis, {})[name] = {
                str(mark): [round(float(v), 4) for v in (values[:, at].mean(), low[at], high[at])]
                for at, mark in enumerate(marks)
            }
    errors = np.nanmean([task["clock"] for task in tasks], axis=0)
    found["clock"] = {str(count): round(float(error), 4) for count, error in zip(TIMED, errors, strict=True)}
    return {"tasks": len(tasks), "families": len(families), **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, help="experience in the place of what ships")
    parser.add_argument("--out", type=Path, default=common.HERE / "results" / "experience-replay.json")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="tasks side by side (default: all cores)")
    options = parser.parse_args()
    common.all_families()
    experience = shipped() if options.file is None else read_file(options.file)
    usual = [place for place, head in enumerate(experience.heads) if head.metric == usual_metric(head.sort)]
    with ProcessPoolExecutor(options.workers, initializer=partial(threadpool_limits, 1)) as pool:
        tasks = [one for one in pool.map(partial(replayed, experience), usual, chunksize=8) if one is not None]
    result = {"experience": experience.id, "summary": summary(tasks), "tasks": tasks}
    for axis in ("trials", "seconds"):
        for name, means in result["summary"][axis].items():
            print(axis, name, json.dumps({mark: values[0] for mark, values in means.items()}))
    print("clock", json.dumps(result["summary"]["clock"]))
    common.write(options.out, result)


if __name__ == "__main__":
    main()
