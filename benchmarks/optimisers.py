"""Optimisers compared: ours and peers on COCO's functions, recorded tables and live surrogates, seed by seed.

    python benchmarks/optimisers.py --setup                       # makes the environments under benchmarks/envs
    python benchmarks/optimisers.py --suites bbob5,mixint5 --frameworks seasoned,peers --seeds 10 --trials 200 \
        --jobs 2 --out comparison.json
    python benchmarks/optimisers.py --speed --frameworks seasoned,optuna-tpe --out speed.json

Suites: bbob5, bbob10, mixint5, mixint10 (COCO); xgboost, rpart (surrogates), hpobench, hpolib, nasbench201 (tables) of
`--metadata FOLDER`; shifted (for long runs: `--trials 100000`); yahpo is xgboost,rpart. Frameworks: ours as
`seasoned-auto`, `seasoned-bayes-ei`, ...; `seasoned` is all of them, `acquisitions` those of Bayes, `peers` all others.
Each run's improvements are kept, so that measures can be computed again: peers' by version in
`benchmarks/results/peers/optimisers/`, ours in `--runs`; what is there is not measured again. `--fresh` asks for
runs of the present source: ours of another state are replaced one by one, so that it can be cut off and gone on with.
The same instances for all; costly peers run part of it (`optimising/registry.py`). Reported are seeds 0 to 9, that is
COCO's instances 1 to 10, and the tasks that `optimising/problems.py` names; what is chosen in our samplers is chosen on
COCO's instances 11 to 15 and on other tasks. Up to 250 trials `Auto` is `Bayes`, draw by draw. `--background` takes no
lock, and pauses while a benchmark holds it; quality does not depend on time.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import common
from comparison.registry import setup
from optimising.measures import BUDGET
from optimising.records import Curves, References, Run, key_of
from optimising.registry import ACQUISITIONS, OURS, PEERS, PROBLEMS, VOLUMES, Volume, own
from optimising.runner import HERE as PARTS
from optimising.runner import POLL, Crew, Job, evaluator, held_by_another, log
from optimising.service import Service, ServiceError
from optimising.summary import cells_of, summarize
from optimising.text import render, render_speed

if TYPE_CHECKING:
    from comparison.registry import Framework

SOURCE = Path(__file__).parent.parent / "src" / "seasoned"
SUITES = ("bbob5", "bbob10", "mixint5", "mixint10", "xgboost", "rpart", "hpobench", "hpolib", "nasbench201", "shifted")
MANY = {"yahpo": ("xgboost", "rpart"), "tables": ("hpobench", "hpolib", "nasbench201")}
ROOMS = ("samplers", "space", "study", "surrogates", "trials")
SPEED_TRIALS = {"optuna-gp": 200, "smac": 200, "hebo": 60}  # else 1,000
LONG = ("seasoned-random", "seasoned-genetic", "seasoned-differentialevolution", "seasoned-particleswarm")


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = lambda text: [name for name in text.split(",") if name]  # noqa: E731
    parser.add_argument("--suites", type=names, default=list(SUITES[:4]), help="suites, by comma")
    parser.add_argument("--frameworks", type=names, default=["seasoned", "peers"], help="frameworks, by comma")
    parser.add_argument("--subject", help="which of ours is tested against each peer (default the first)")
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds, from 0 on (default 10)")
    parser.add_argument("--trials", type=int, default=BUDGET, help="evaluations a run (default 200)")
    parser.add_argument("--only", type=names, default=[], help="names of problems; all if left out")
    parser.add_argument("--metadata", type=Path, metavar="FOLDER", help="recorded problems")
    parser.add_argument("--jobs", type=int, default=1, help="runs at the same time (default 1)")
    parser.add_argument("--background", action="store_true", help="take no lock; pause while another has it")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON with the figures")
    parser.add_argument("--runs", type=Path, default=common.HERE / "results" / "optimisers", help="where ours are kept")
    parser.add_argument("--peers", type=Path, default=common.HERE / "results" / "peers" / "optimisers")
    parser.add_argument("--fresh", action="store_true", help="ours anew, if of another source")
    parser.add_argument("--speed", action="store_true", help="time of the samplers instead of quality")
    parser.add_argument("--long", action="store_true", help="with --speed: 100,000 trials of those without a model")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="with --speed: cpu if others run, too")
    parser.add_argument("--setup", action="store_true", help="make the environments first")
    options = parser.parse_args(words)
    options.suites = [suite for name in options.suites for suite in MANY.get(name, (name,))]
    if unknown := set(options.suites) - set(SUITES):
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}, {', '.join(MANY)}")
    return options


def chosen(words: list[str]) -> dict[str, Framework]:
    """The frameworks that were named."""
    ours = own()
    acquisitions = [f"{OURS}bayes-{kind.replace('_', '-')}" for kind in ACQUISITIONS]
    groups = {"seasoned": list(ours), "peers": list(PEERS), "acquisitions": acquisitions}
    known = {**ours, **PEERS}
    names = [name for word in words for name in groups.get(word, [word])]
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"no such framework: {', '.join(unknown)}; there are {', '.join(known)}")
    return {name: known[name] for name in names}


def source_state() -> str:
    """A fingerprint of the rooms that decide our samplers' quality."""
    digest = hashlib.sha256()
    for file in sorted(file for room in ROOMS for file in (SOURCE / room).rglob("*.py")):
        digest.update(str(file.relative_to(SOURCE)).encode() + file.read_bytes())
    return digest.hexdigest()[:12]


class Comparison:
    """The runs that are there, those still missing, and the verdict."""

    def __init__(self, options: argparse.Namespace, frameworks: dict[str, Framework]) -> None:
        self._options, self._frameworks = options, frameworks
        self._seeds = list(range(options.seeds))
        self._references = References(options.peers / "references.json")
        self._stores = {(f.name, suite): self._store(f, suite) for f in frameworks.values() for suite in options.suites}
        self._problems: dict[str, list[str]] = {}
        self._instances: dict[str, dict[str, str]] = {}

    def _store(self, framework: Framework, suite: str) -> Curves:
        if framework.ours:
            return Curves(self._options.runs / f"{framework.name}-{suite}.jsonl")
        return Curves(self._options.peers / f"{framework.name}-{framework.version}-{suite}.jsonl")

    def run(self) -> dict[str, Any]:
        """Measure what is missing; print and store the figures."""
        held = contextlib.nullcontext() if self._options.background else common.alone()
        with held:
            self._refer()
            jobs = self._jobs()
            print(f"{len(jobs)} runs are missing", flush=True)
            crew = Crew(
                self._options.metadata,
                self._options.jobs,
                background=self._options.background,
                say=lambda line: print(line, flush=True),
            )
            crew.run(jobs)
        return self._verdict()

    def _refer(self) -> None:
        """List problems and instances; find each one's optimum and random search's medians, once for all."""
        service = evaluator(self._options.metadata)
        try:
            for suite in self._options.suites:
                names = service.ask({"op": "names", "suite": suite})
                self._problems[suite] = [name for name in names if not self._options.only or name in self._options.only]
                self._instances[suite] = service.ask({"op": "instances", "suite": suite, "seeds": self._seeds})
                for problem in self._problems[suite]:
                    for seed, instance in self._instances[suite].items():
                        key = key_of(suite, problem, instance)
                        if key not in self._references.found:
                            self._wait()
                            place = {"suite": suite, "problem": problem, "seed": int(seed)}
                            service.ask({"op": "open", **place})
                            self._references.put(key, service.ask({"op": "reference", **place}))
        finally:
            service.close()

    def _wait(self) -> None:
        while self._options.background and held_by_another():
            time.sleep(POLL)

    def _jobs(self) -> list[Job]:
        """Framework by framework, seed by seed, so that what is there is balanced whenever it is stopped."""
        state = source_state()
        found = []
        for framework in self._frameworks.values():
            volume = VOLUMES.get(framework.name, Volume())
            trials = min(self._options.trials, volume.trials)
            for seed in self._seeds[: volume.seeds]:
                for suite in self._options.suites:
                    store = self._stores[framework.name, suite]
                    for problem in volume.problems(suite, self._problems[suite]):
                        run, source = Run(suite, problem, seed), state if framework.ours else None
                        if store.find(run, trials, source if self._options.fresh else None) is None:
                            found.append(Job(framework, run, trials, store, source))
        return found

    def _verdict(self) -> dict[str, Any]:
        records: dict[str, list[dict[str, Any]]] = {name: [] for name in self._frameworks}
        for (name, suite), store in self._stores.items():
            asked = {(suite, problem) for problem in self._problems[suite]}
            kept = [r for r in store.all() if (r["suite"], r["problem"]) in asked and r["seed"] in self._seeds]
            records[name] += kept
        cells = cells_of({n: rows for n, rows in records.items() if rows}, self._references.found, self._instances)
        ours = [name for name in cells if self._frameworks[name].ours]
        subject = self._options.subject or (ours[0] if ours else None)
        summary = summarize(cells, subject, [name for name in cells if name != subject])
        print("\n" + render(summary, subject))
        states = {record["source"] for rows in records.values() for record in rows if "source" in record}
        if len(states) > 1:
            print(f"\nours come from {len(states)} states of the source; --fresh measures them anew.")
        if self._options.out:
            common.write(self._options.out, {"subject": subject, "sources": sorted(states), **summary})
        return summary


def speed(options: argparse.Namespace, frameworks: dict[str, Framework]) -> dict[str, Any]:
    """Time of ask and tell by trial, 10 coordinates, one thread for linear algebra, all in this run, one at a time."""
    found: dict[str, Any] = {}
    with contextlib.nullcontext() if options.background else common.alone():
        for name, framework in frameworks.items():
            trials = SPEED_TRIALS.get(name, 1000)
            ways = {name: {}, f"{name}, without Study": {"direct": True}} if framework.ours else {name: {}}
            for way, extra in ways.items():
                if framework.ours and options.long and name in LONG and extra:
                    trials = 100_000
                found[way] = timed(framework, trials, extra, options.clock)
                print(f"{way}: {found[way]}", flush=True)
    print("\n" + render_speed(found))
    if options.out:
        common.write(options.out, {"clock": options.clock, "speed": found})
    return found


def timed(framework: Framework, trials: int, extra: dict[str, Any], clock: str) -> dict[str, Any]:
    settings = {**framework.options, **extra}
    job = {"module": framework.module, "seed": 0, "trials": trials, "clock": clock, "options": settings}
    service = Service([framework.python, PARTS / "worker.py"], log())
    try:
        times = service.ask(job)["milliseconds"]
    except ServiceError as error:
        return {"trials": trials, "error": str(error)}
    finally:
        service.close()
    return {"trials": trials, **figures(times)}


def figures(times: list[float]) -> dict[str, float]:
    """Means and 99th percentiles of some windows, in milliseconds, and seconds of the first 500 trials."""
    found = {}
    for first, last in ((150, 200), (950, 1000)):
        if len(times) >= last:
            window = times[first:last]
            found[f"mean_{first}_{last}"] = statistics.fmean(window)
            found[f"p99_{first}_{last}"] = statistics.quantiles(window, n=100, method="inclusive")[98]
    if len(times) > 2000:
        found["mean_last_1000"] = statistics.fmean(times[-1000:])
    if len(times) >= 500:
        found["whole_500_s"] = sum(times[:500]) / 1e3
    return found


def main(words: list[str] | None = None) -> dict[str, Any] | None:
    options = arguments(words)
    frameworks = chosen(options.frameworks)
    needed = [*frameworks.values(), PROBLEMS]
    if options.setup:
        setup(needed)
        return None
    if missing := [framework.name for framework in needed if not framework.ready]:
        raise SystemExit(f"no environment for {', '.join(missing)}: run with --setup first")
    return speed(options, frameworks) if options.speed else Comparison(options, frameworks).run()


if __name__ == "__main__":
    main()
