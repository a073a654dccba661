"""Whole AutoML systems on a folder of tables: quality, failures, time kept, speed, memory and size.

    python benchmarks/automl.py --setup                        # makes the peers' environments under benchmarks/envs
    python benchmarks/automl.py --datasets FOLDER --frameworks seasoned,flaml,autogluon-best,lightgbm \
        --budget 60 --folds 0 --only adult,churn --out comparison.json

The folder has a `manifest.json`: `datasets`, each with name, file (Parquet), target, task (binary, multiclass,
regression) and metric (roc_auc, log_loss, rmse). All get the same rows of five folds, the same cores and the same
metric; each run is a process of its own, one at a time. `seasoned` has the extras that are installed beside this script
(for the recorded tables: `pip install ".[all]"`), `seasoned-core` none. A result that is there is not measured again:
peers' are kept for each version and budget in `benchmarks/results/peers/`, ours in the file given with `--out`, which
is refused where it has results of another state of the source (`--mixed` takes them all the same, for a summary of
several days). `--fresh` measures the named frameworks anew, for instance to compare speed in one run. What the network
is worth: `--frameworks seasoned,seasoned-no-network --first 41 --abreast`. With `--abreast` the named
frameworks share the cores and run on a table at the same time, so that whatever else the machine does falls on all of
them alike: for pairs of our own; `--abreast 2` runs more than two in pairs. What choosing among families is worth:
`--frameworks seasoned,seasoned-one-family`, where the second gets the whole budget for the family whose trial was the
first's best. What each part of the search is worth: the arms in `comparison/registry.py`, and `ablation.py` for their
table.

Choices are made on the first 41 tables of a folder in alphabetical order, or on the half `--half choose` of
`splits.json`; groups and times are then kept by the folds. With `--declared` ours, AutoGluon and FLAML are told the
column of these groups or times, as a user would; the others have no such argument. Where a comparison has some of these
and some of the others, the summary is given for each by itself, too. `--last 20` names the others of 61. Wins are
counted of `--subject`, which is `seasoned` if nothing is said: `--frameworks seasoned-core,flaml --subject seasoned-
core`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import common
from comparison.holdout import FOLDS, HALVES
from comparison.records import Records
from comparison.registry import BEST, FRAMEWORKS, Framework, setup
from comparison.runner import Conditions, identity, measure
from comparison.source import source_state
from comparison.splits import development, folds, manifest
from comparison.summary import DUMMY, OURS, summarize, summarize_parts
from comparison.text import render

if TYPE_CHECKING:
    from comparison.splits import Fold

ALL = -1  # value of `--abreast` without a number
STANDARD = [name for name, framework in FRAMEWORKS.items() if name == "seasoned" or not framework.ours]


def names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, metavar="FOLDER", help="tables with a manifest.json")
    parser.add_argument("--frameworks", type=names, default=list(STANDARD), help=", ".join(FRAMEWORKS))
    parser.add_argument("--budget", type=float, default=60, help="seconds for each fit (default 60)")
    parser.add_argument("--folds", type=names, default=["0"], help="numbers from 0 to 4 (default 0)")
    parser.add_argument("--only", type=names, default=[], help="names of tables; all if left out")
    parser.add_argument("--half", choices=("choose", "report"), help="tables of that half of `splits.json`")
    end = parser.add_mutually_exclusive_group()
    end.add_argument("--first", type=int, metavar="N", help="the first N of these in alphabetical order")
    end.add_argument("--last", type=int, metavar="N", help="the last N of these in alphabetical order")
    parser.add_argument("--cores", type=int, help="how many cores each process is pinned to (default all)")
    parser.add_argument(
        "--abreast",
        type=int,
        nargs="?",
        const=ALL,
        metavar="N",
        help="N frameworks at the same time, each on its own cores, and then the next N (all if N is left out)",
    )
    parser.add_argument(
        "--declared", action="store_true", help="say which column has the groups or times of `splits.json`"
    )
    parser.add_argument("--subject", default=OURS, help=f"whose wins over the others are counted (default {OURS})")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON with our results and the summary")
    parser.add_argument("--mixed", action="store_true", help="take kept results of other states of the source, too")
    parser.add_argument("--fresh", type=names, default=[], help="frameworks to measure again")
    parser.add_argument(
        "--peers", type=Path, default=common.HERE / "results" / "peers", help="where peers' results are"
    )
    parser.add_argument("--setup", action="store_true", help="make the environments of the named frameworks first")
    options = parser.parse_args(words)
    options.only = options.only or list(HALVES[options.half] if options.half else [])
    unknown = {*options.frameworks, *options.fresh} - set(FRAMEWORKS)
    if unknown:
        parser.error(f"no such framework: {', '.join(sorted(unknown))}; there are {', '.join(FRAMEWORKS)}")
    if options.subject not in {OURS, *options.frameworks}:
        parser.error(f"--subject {options.subject} is none of the frameworks that are compared")
    if not set(options.folds) <= {str(number) for number in range(FOLDS)}:
        parser.error(f"--folds takes numbers from 0 to {FOLDS - 1}")
    if not options.datasets and not options.setup:
        parser.error("give --datasets FOLDER, or --setup")
    return options


def conditions(options: argparse.Namespace, lanes: int) -> list[Conditions]:
    """What holds in each lane: runs of different lanes happen at the same time, on different cores, equally many."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    each = len(allowed[: options.cores]) // lanes
    if not each:
        raise SystemExit(f"{lanes} frameworks cannot run abreast on {len(allowed[: options.cores])} cores; name fewer.")
    cores = [allowed[lane * each : (lane + 1) * each] for lane in range(lanes)]
    return [Conditions(options.budget, lane, now, options.declared) for lane in cores]


class Comparison:
    """The results that are there, those still missing, and the verdict."""

    def __init__(self, options: argparse.Namespace) -> None:
        if options.abreast and any(FRAMEWORKS[name].options.get("models") == BEST for name in options.frameworks):
            raise SystemExit("what takes the best family of another run cannot run beside it: leave --abreast out")
        self._options = options
        lanes = len(options.frameworks) if options.abreast == ALL else options.abreast
        self._lanes = conditions(options, lanes or 1)
        self._frameworks = [FRAMEWORKS[name] for name in dict.fromkeys([DUMMY, *options.frameworks])]
        header = {"environment": common.environment(), "budget": options.budget}
        self._ours = Records(options.out, header)
        self._stores = {f.name: self._ours if f.ours else self._peer(f) for f in self._frameworks}
        self._compared: list[dict[str, Any]] = []
        self._source = source_state()

    def _peer(self, framework: Framework) -> Records:
        name = f"{framework.name}-{framework.version}-{self._options.budget:g}s.json"
        return Records(self._options.peers / name, {"framework": framework.name, "version": framework.version})

    def run(self) -> dict[str, Any]:
        """Measure what is missing, table by table; print and store the summary."""
        tables = [
            fold
            for entry in manifest(self._options.datasets, self._options.only, self._options.first, self._options.last)
            for fold in folds(self._options.datasets, entry, [int(number) for number in self._options.folds])
        ]
        self._refuse_incomplete(tables)
        for fold in tables:
            self._compared += self._results(fold)
        summary = self._summary()
        states = {record["source"] for record in self._compared if "source" in record}
        print("\n" + render(summary))
        if len(states) > 1:
            print(f"\nour results come from {len(states)} states of the source; --fresh seasoned measures it anew.")
        peers = [record for record in self._compared if not FRAMEWORKS[record["framework"]].ours]
        self._ours.conclude(summary, peers)
        return summary

    def _summary(self) -> dict[str, Any]:
        """The verdict on all tables, and on the two parts of them."""
        judged = self._compared, self._options.frameworks
        parts = summarize_parts(*judged, development(self._options.datasets), self._options.subject)
        return {**summarize(*judged, self._options.subject), **({"parts": parts} if parts else {})}

    def _refuse_incomplete(self, tables: list[Fold]) -> None:
        """Before anything runs: environments and families of ours that are not there; kept results need neither."""
        missing = [f for f in self._frameworks if any(self._kept(f, fold) is None for fold in tables)]
        lacking = [framework.name for framework in missing if not framework.ready]
        if lacking:
            raise SystemExit(f"no environment for {', '.join(lacking)}: run with --setup first")
        if any(framework.ours and not framework.requirements for framework in missing):
            common.all_families()

    def _kept(self, framework: Framework, fold: Fold) -> dict[str, Any] | None:
        if framework.name in self._options.fresh:
            return None
        kept = self._stores[framework.name].find(identity(framework, fold, self._lanes[0]))
        if kept and kept.get("source", self._source) != self._source and not self._options.mixed:
            raise SystemExit(
                f"{self._options.out} has {framework.name} of another state of the source ({kept['source']}, not "
                f"{self._source}): give another --out, measure anew with --fresh {framework.name}, or take them all "
                "the same with --mixed."
            )
        if kept and framework.options.get("models") == BEST and kept.get("best") != self._best_family(fold):
            return None  # the search's best family is another one by now
        return kept

    def _results(self, fold: Fold) -> list[dict[str, Any]]:
        """The kept results and new ones, as many at a time as there are lanes, kept as soon as these are done."""
        found = {framework.name: self._kept(framework, fold) for framework in self._frameworks}
        again = found.get(OURS, True) is None  # its best family may come to be another one
        missing = [f for f in self._frameworks if found[f.name] is None or (again and f.options.get("models") == BEST)]
        if len(self._lanes) > 1 and any(f.ours for f in missing):  # a pair is measured together or not at all
            missing = [f for f in self._frameworks if f in missing or f.name in self._options.frameworks]
        while missing:
            now, missing = self._next(missing)
            if now[0].options.get("models") == BEST and (kept := self._kept(now[0], fold)):
                found[now[0].name] = kept
                continue
            named = [self._named(framework, fold) for framework in now]
            with common.alone(), ThreadPoolExecutor(len(now)) as together:
                records = list(together.map(measure, named, [fold] * len(now), self._lanes))
            for framework, record in zip(now, records, strict=True):
                found[framework.name] = self._keep(framework, fold, record)
        return [record for framework in self._frameworks if (record := found[framework.name])]

    def _next(self, missing: list[Framework]) -> tuple[list[Framework], list[Framework]]:
        """Who runs now, and who after that; the dummy, whose time nobody asks for, runs by itself."""
        count = 1 if missing[0].name == DUMMY else len(self._lanes)
        return missing[:count], missing[count:]

    def _named(self, framework: Framework, fold: Fold) -> Framework:
        """The framework, with the best family's name where it asks for that.

        Where the search found none, because it failed, its own choice of families is no worse than any one.
        """
        if framework.options.get("models") != BEST:
            return framework
        family = self._best_family(fold)
        return replace(framework, options={**framework.options, "models": family and [family]})

    def _best_family(self, fold: Fold) -> str | None:
        """The family of the best trial of the whole search on the same fold; None where there was none.

        Raises:
            SystemExit: The whole was not measured.
        """
        whole = self._ours.find(identity(FRAMEWORKS[OURS], fold, self._lanes[0]))
        if whole is None:
            raise SystemExit(f"what takes the best family of {OURS} needs its result: name {OURS} before it")
        return (whole.get("details") or {}).get("family")

    def _keep(self, framework: Framework, fold: Fold, record: dict[str, Any]) -> dict[str, Any]:
        record |= {"source": source_state()} if framework.ours else {}
        record |= {"abreast": True} if len(self._lanes) > 1 else {}
        record |= {"best": self._best_family(fold)} if framework.options.get("models") == BEST else {}
        self._stores[framework.name].put(record, identity(framework, fold, self._lanes[0]))
        seconds = record.get("fit_seconds")
        what = record["error"] or f"{record['metric']} {record['score']:.5g}, fit {seconds:.1f} s"
        print(f"{fold.table}, fold {fold.number}, {framework.name}: {what}", flush=True)
        return record


def main(words: list[str] | None = None) -> dict[str, Any] | None:
    options = arguments(words)
    if options.setup:
        setup([FRAMEWORKS[name] for name in options.frameworks])
    if not options.datasets:
        return None
    return Comparison(options).run()


if __name__ == "__main__":
    main()
