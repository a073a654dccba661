"""Which order of trials makes the best ensemble, and how soon: replayed from a bank of predictions, without chance.

    python benchmarks/ensemble_replay.py bank --datasets FOLDER --only credit-g,cmc --bank BANK --workers 2
    python benchmarks/ensemble_replay.py replay --bank BANK --out RESULT.json

Two whole fits of one table differ by chance as much as two policies do: whether one more family is ready in time, say.
So `bank` fits every configuration of a pool once on a table (training rows of fold 2 of five, at most 8,000; five
folds) and keeps what it predicts out of fold and for the test rows (at most 4,000), its loss and its seconds of
processor time. The pool: what shipped experience calls up for the table, the families' first configurations, and
`--draws` random ones of each family, which stand for what the search finds by itself. Tables that choose are the first
41 in alphabetical order; fold 2 is for choosing.

`replay` tries them in the order of each policy, two at a time with .3 s each beside their fits, and after so many
seconds of searching chooses an ensemble as the product does; its loss on the test rows counts. What a policy asks for
that is not in the bank is one of the random configurations of that family, or of any where none is left. Policies:
`cold` is the product's search without experience, `shipped` with what ships, and the others are that with one constant
changed (`CHANGES`); `foreknown` tries what validates best first, as if all were known, which no policy can. Five seeds
each; means of log ratios to `cold`, and the seconds until a trial is as good as the best that `cold` has in the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon
from threadpoolctl import threadpool_limits

import common
from comparison.splits import manifest, one_fold
from seasoned.knowledge.advice.similar_tasks import SimilarTasks
from seasoned.samplers.base import next_of_plan
from seasoned.tabular.ensemble.greedy_selection import select
from seasoned.tabular.experience.advice import TaskAdvice, TaskDescription
from seasoned.tabular.experience.record import ExperienceRecorder
from seasoned.tabular.input.target import read_target
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.models._common.base import Job, predict
from seasoned.tabular.models.registry import choose, find, joint_space
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.search.advised_sampler import AdvisedSampler
from seasoned.tabular.search.family_bandit import FamilyBandit
from seasoned.tabular.search.initial_configurations import first_configurations
from seasoned.tabular.trial.arrays import Arrays, write_arrays
from seasoned.tabular.trial.configuration import textual
from seasoned.tabular.trial.cross_validation import CrossValidation
from seasoned.tabular.validation.folds import make_folds
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState, WarmStart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seasoned.samplers.base import Sampler
    from seasoned.space import Space

ROWS, TEST_ROWS, FOLDS, FOLD = 8_000, 4_000, 5, 2
LIMIT, BESIDE, WORKERS = 30.0, 0.3, 2
SECONDS = (5.0, 10.0, 20.0, 40.0)
SEEDS = range(5)
FIRST = 2  # defaults that come before all else, as in the product
EXPERIENCE = "experience.npz"


# ------------------------------------------------------------------ the bank


@dataclass(frozen=True, eq=False)
class Prepared:
    """A table ready for its pool: what validates, its test rows by diet and their truth, and what experience says."""

    objective: CrossValidation
    tests: dict[str, Any]
    truth: Any
    guide: TaskAdvice
    rows: int


def prepared(datasets: Path, entry: dict[str, Any], folder: Path) -> Prepared:
    """Read a table, split and encode it, write its arrays to a folder and ask experience."""
    fold = one_fold(datasets, entry, FOLD)
    table = pd.read_parquet(datasets / entry["file"])
    train, test = (np.asarray(rows)[:most] for rows, most in ((fold.train, ROWS), (fold.test, TEST_ROWS)))
    X, goal = table.drop(columns=entry["target"]), table[entry["target"]]
    if entry["task"] != "regression":  # of both parts, what the training rows have in every fold
        counts = goal.iloc[train].map(goal.iloc[train].value_counts())
        train = train[(counts >= FOLDS).to_numpy()]
        test = test[goal.iloc[test].isin(goal.iloc[train]).to_numpy()]
    sort = "regression" if entry["task"] == "regression" else "classification"
    target = read_target(goal.iloc[train].reset_index(drop=True), sort)
    schema = Schema.infer(X.iloc[train])
    canonical, held = (schema.apply(X.iloc[rows].reset_index(drop=True)) for rows in (train, test))
    plan = ColumnPlan.fit(canonical, schema, seed=0)
    (folder / "trials").mkdir()
    matrices = {diet: plan.encode(canonical, diet) for diet in ("codes", "dense")}
    write_arrays(folder, target.values, make_folds(FOLDS, target, 0), matrices)
    n = len(target.classes)
    levels = {"categorical": plan.categorical, "many": plan.many, "cyclic": plan.cyclic}
    job = Job(target.task, n, 0, seconds=0.75 * LIMIT / FOLDS, **levels)
    objective = CrossValidation(Arrays(folder), job, resolve(entry.get("metric"), target.task, n))
    memory = ExperienceRecorder.of("shipped", canonical, target, objective)
    guide = memory.guide(folder, joint_space(choose(None), target.task), 60.0)
    assert guide is not None, "what ships knows all sorts"
    tests = {diet: plan.encode(held, diet) for diet in ("codes", "dense")}
    return Prepared(objective, tests, _codes(goal.iloc[test], target), guide, len(train))


def banked(datasets: Path, bank: Path, draws: int, name: str) -> str:
    """Fit the pool on a table and keep what it predicts."""
    kept = bank / name
    if (kept / "about.json").exists():
        return f"{name}: kept"
    (entry,) = manifest(datasets, [name], None, None)
    with tempfile.TemporaryDirectory() as work, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = prepared(datasets, entry, Path(work))
        kept.mkdir(parents=True, exist_ok=True)
        (kept / EXPERIENCE).write_bytes((Path(work) / EXPERIENCE).read_bytes())
        task, models = table.objective.job.task, choose(None)
        starts = first_configurations(models, task, 1.0, table.rows)
        drawn = [{"model": {m.name: _drawn(m.space(task), seed)}} for m in models for seed in range(draws)]
        pool = {textual(config): dict(config) for config in [*table.guide.configs, *starts, *drawn]}
        tried = [
            found for config in pool.values() if (found := _tried(table.objective, config, table.tests)) is not None
        ]
        arrays = {part: np.stack([one[part] for one in tried]).astype(np.float32) for part in ("oof", "test")}
        np.savez_compressed(kept / "predictions.npz", **arrays, y=table.objective.data.target, truth=table.truth)
        about = {
            "metric": entry.get("metric"),
            "task": task,
            "classes": table.objective.job.n_classes,
            "scene": {
                name: getattr(table.guide.scene, name) for name in ("metafeatures", "baseline", "sizes", "metric")
            },
            "starts": starts,
            "trials": [{key: one[key] for key in ("config", "loss", "seconds")} for one in tried],
        }
    (kept / "about.json").write_text(json.dumps(about, default=dict))
    return f"{name}: {len(tried)} of {len(pool)} configurations"


def _drawn(space: Space, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng([7, seed])
    return dict(space.decode(rng.random(len(space.dimensions)))) if space.dimensions else {}


def _codes(goal: pd.Series, target: Any) -> Any:
    if not len(target.classes):
        return goal.to_numpy(dtype=np.float64)
    places = {str(label): code for code, label in enumerate(target.classes.tolist())}
    return np.array([places[str(label)] for label in goal.tolist()])


def _tried(objective: CrossValidation, config: dict[str, Any], tests: dict[str, Any]) -> dict[str, Any] | None:
    """What a configuration predicts, its loss, and its seconds; None where it fails."""
    ((family, _),) = config["model"].items()
    began = time.process_time()
    try:
        loss = objective(config)
        seconds = time.process_time() - began
        fitted = objective.refit(config)
    except Exception as error:  # noqa: BLE001 - whatever a family raises, it is no part of the bank
        print(f"  {family} failed: {type(error).__name__}: {error}", flush=True)
        return None
    test = predict(fitted, tests[find(family).diet], objective.job.n_classes)
    oof = np.asarray(objective.records.out_of_fold(config))
    return {"config": config, "loss": float(loss), "seconds": seconds, "oof": oof, "test": test}


# ------------------------------------------------------------------ the replay


@dataclass(frozen=True, eq=False)
class Bank:
    """A table's bank."""

    about: dict[str, Any]
    oof: Any
    test: Any
    y: Any
    truth: Any
    folder: Path

    @classmethod
    def read(cls, folder: Path, speed: float = 1.0) -> Bank:
        """That of a folder, as on a machine so many times as fast as the one that made it."""
        with np.load(folder / "predictions.npz") as stored:
            arrays = {name: stored[name] for name in stored.files}
        about = json.loads((folder / "about.json").read_text())
        for trial in about["trials"]:
            trial["seconds"] /= speed
        return cls(about, arrays["oof"], arrays["test"], arrays["y"], arrays["truth"], folder)

    @property
    def space(self) -> Space:
        """The joint space."""
        return joint_space(choose(None), self.about["task"])

    def guide(self) -> TaskAdvice:
        """What experience says of the table."""
        told = self.about["scene"]
        scene = TaskDescription(
            told["metafeatures"], told["baseline"], self.about["task"], told["metric"], tuple(told["sizes"]), FOLDS, ""
        )
        return TaskAdvice(SimilarTasks.load(self.folder / EXPERIENCE), scene, self.space, 60.0)


def advised(bank: Bank, seed: int, sampler: Sampler[Any]) -> Iterator[int]:
    """As the sampler asks, until the time is up; what the bank lacks is another of the same family, or of any."""
    trials, rng = bank.about["trials"], np.random.default_rng(seed)
    places = {textual(trial["config"]): place for place, trial in enumerate(trials)}
    left = rng.permutation(len(trials)).tolist()
    spec = StudySpec(bank.space, seed=seed, warm_start=sampler.warm_start)
    state, clocks = sampler.init(spec), [0.0] * WORKERS
    for number in range(len(trials)):
        if min(clocks) > SECONDS[-1]:
            return
        (suggestion,), state = sampler.ask(state, [number])
        place = places.get(textual(suggestion.config), -1)
        tag = suggestion.tag
        if place not in left:
            ((family, _),) = suggestion.config["model"].items()
            same = (one for one in left if family in trials[one]["config"]["model"])
            place, tag = next(same, left[0]), None
        left.remove(place)
        clocks[int(np.argmin(clocks))] += trials[place]["seconds"] + BESIDE
        planned, _ = next_of_plan(spec, number)
        config = suggestion.config if planned is not None else Config(trials[place]["config"])
        told = Finished(number, TrialState.COMPLETE, (trials[place]["loss"],), trials[place]["seconds"])
        state = sampler.tell(state, [Suggested(number, config, tag), told])
        yield place


def cold(bank: Bank, seed: int) -> Iterator[int]:
    """The product's sampler without experience: the first configurations, then families by what they promise."""
    starts = tuple(bank.about["starts"])
    yield from advised(bank, seed, FamilyBandit(timed=True, warm_start=WarmStart(configurations=starts)))


def shipped(bank: Bank, seed: int, guide: TaskAdvice) -> Iterator[int]:
    """The product's sampler with experience."""
    starts = tuple(bank.about["starts"])
    first, free = WarmStart(configurations=starts[:FIRST]), FamilyBandit(timed=True)
    yield from advised(bank, seed, AdvisedSampler(free, guide, starts, True, 15.0, warm_start=first))


def foreknown(bank: Bank) -> list[int]:
    """By the loss in validation, which nobody knows before."""
    found: list[int] = np.argsort([trial["loss"] for trial in bank.about["trials"]], kind="stable").tolist()
    return found


CHANGES: dict[str, dict[str, float]] = {
    "shipped": {},
    "room 0": {"guide._ROOM": 0.0},
    "room .5": {"guide._ROOM": 0.5},
    "hope .03": {"experienced._HOPE": 0.03},
    "hope .3": {"experienced._HOPE": 0.3},
    "no opening": {"experienced._HOPE": float("inf")},
    "floor .01": {"guide._FLOOR": 0.01},
    "floor .1": {"guide._FLOOR": 0.1},
    "free .25": {"experienced._MOST_FREE": 0.25},
    "free .75": {"experienced._MOST_FREE": 0.75},
    "floor .01, room .5": {"guide._FLOOR": 0.01, "guide._ROOM": 0.5},
    "floor .01, no opening": {"guide._FLOOR": 0.01, "experienced._HOPE": float("inf")},
    "floor .01, free .75": {"guide._FLOOR": 0.01, "experienced._MOST_FREE": 0.75},
}


@contextlib.contextmanager
def changed(constants: dict[str, float]) -> Iterator[None]:
    """Meanwhile constants of the product have other values."""
    with contextlib.ExitStack() as stack:
        for name, value in constants.items():
            stack.enter_context(patch(f"seasoned.tabular.{name}", value))
        yield


def orders(bank: Bank) -> Iterator[tuple[str, list[list[int]]]]:
    """Each policy's name, and for each seed the order in which it tries the bank's configurations."""
    yield "cold", [list(cold(bank, seed)) for seed in SEEDS]
    for name, constants in CHANGES.items():
        with changed(constants):
            guide = bank.guide()
            yield name, [list(shipped(bank, seed, guide)) for seed in SEEDS]
    yield "foreknown", [foreknown(bank)]


def timed(trials: list[dict[str, Any]], order: list[int]) -> list[tuple[float, int]]:
    """When each trial of an order ends, and which it is, sorted by that."""
    clocks, ready = [0.0] * WORKERS, []
    for place in order:
        worker = int(np.argmin(clocks))
        clocks[worker] += trials[place]["seconds"] + BESIDE
        ready.append((clocks[worker], place))
    return sorted(ready)


def best_by(trials: list[dict[str, Any]], order: list[int], limit: float) -> float:
    """The lowest validation loss of the trials that end until then."""
    return min((trials[place]["loss"] for when, place in timed(trials, order) if when <= limit), default=math.inf)


def reached(trials: list[dict[str, Any]], order: list[int], target: float) -> float:
    """Seconds until a trial's validation loss is as low; infinite if none is."""
    return next((when for when, place in timed(trials, order) if trials[place]["loss"] <= target), math.inf)


def losses(bank: Bank, order: list[int]) -> list[float]:
    """Test loss of the ensemble after so many seconds."""
    metric = resolve(bank.about["metric"], bank.about["task"], bank.about["classes"])
    trials = bank.about["trials"]
    ready, found = timed(trials, order), []
    for limit in SECONDS:
        done = [place for when, place in ready if when <= limit] or [order[0]]
        best = sorted(done, key=lambda place: trials[place]["loss"])[:40]
        weights = select([bank.oof[place] for place in best], bank.y, metric, most=10, seed=0)
        mean = sum(weight * bank.test[best[place]].astype(np.float64) for place, weight in weights.items())
        if mean.ndim == 2:
            mean = mean / mean.sum(axis=1, keepdims=True)
        loss = metric.loss(bank.truth, mean)
        found.append(1.0 + loss if bank.about["metric"] == "roc_auc" else loss)
    return found


def replayed(speed: float, folder: Path) -> dict[str, Any]:
    bank = Bank.read(folder, speed)
    found, trials = dict(orders(bank)), bank.about["trials"]
    curves = {name: [losses(bank, order) for order in some] for name, some in found.items()}
    target = float(np.median([best_by(trials, order, SECONDS[-1]) for order in found["cold"]]))
    seconds = {
        name: float(np.median([reached(trials, order, target) for order in some])) for name, some in found.items()
    }
    return {"table": folder.name, "curves": curves, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("bank", "replay"))
    parser.add_argument("--datasets", type=Path, help="tables with a manifest.json")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], help="names of tables; 41 if left out")
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=3, help="random configurations of each family (default 3)")
    parser.add_argument("--speed", type=float, default=1.0, help="times that of the machine which made the bank")
    parser.add_argument("--workers", type=int, default=2, help="tables side by side")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.workers, initializer=partial(threadpool_limits, 1)) as pool:
        if options.what == "bank":
            common.all_families()
            names = [entry["name"] for entry in manifest(options.datasets, options.only, 41, None)]
            for line in pool.map(partial(banked, options.datasets, options.bank, options.draws), names):
                print(line, flush=True)
            return
        tables = list(
            pool.map(partial(replayed, options.speed), sorted(p.parent for p in options.bank.glob("*/about.json")))
        )
    base = np.array([np.mean(np.log(np.maximum(one["curves"]["cold"], 1e-9)), axis=0) for one in tables])
    for name in tables[0]["curves"]:
        own = np.array([np.mean(np.log(np.maximum(one["curves"][name], 1e-9)), axis=0) for one in tables])
        for place, limit in enumerate(SECONDS):
            gaps = own[:, place] - base[:, place]
            p = wilcoxon(gaps).pvalue if np.any(gaps) and len(gaps) > 5 else 1.0
            print(
                f"{name} after {limit:g} s: better {np.sum(gaps < 0)}, worse {np.sum(gaps > 0)}, "
                f"mean {100 * gaps.mean():+.2f}%, median {100 * np.median(gaps):+.2f}%, p {p:.3f}"
            )
        took = np.median([one["seconds"][name] for one in tables])
        print(f"{name}: {took:.1f} s to the best trial that cold has after {SECONDS[-1]:g} s, in the median of tables")
    if options.out:
        common.write(options.out, {"environment": common.environment(), "seconds": SECONDS, "tables": tables})


if __name__ == "__main__":
    main()
