"""What the engine itself costs: import, time and memory per trial at 10 and at 100,000 trials, folding a log.

    python benchmarks/engine.py [--out FILE] [--optuna]

Ask, store and tell, with an objective that does nothing. Every time is the median of repeats; `--optuna` measures
Optuna's random search the same way in the same run (needs optuna installed).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import HERE, alone, write
from seasoned import Choice, Float, Grid, Int, Random, Sobol, Space, Study
from seasoned.storage import MemoryStorage, SqlStorage
from seasoned.trials import Created, Finished, StudySpec, Suggested, TrialState

if TYPE_CHECKING:
    from collections.abc import Callable

    from seasoned.samplers.base import Sampler

SPACE = Space(
    lr=Float(1e-4, 1e-1, log=True),
    depth=Int(1, 8),
    x=Float(0, 1),
    y=Float(0, 1),
    optimizer=Choice(sgd=Space(momentum=Float(0, 0.99)), adam=Space(beta=Float(0.8, 0.999))),
)
SMALL, LARGE, MEASURED, REPEATS = 10, 100_000, 200, 5


def log_of(trials: int) -> list[Any]:
    """The events of a study of that many trials."""
    events: list[Any] = []
    rng_space = Study(SPACE, seed=1)._ledger
    for number in range(trials):
        (suggestion,), _ = Random().ask(rng_space.spec, [number])
        events += [
            Suggested(number, suggestion.config, None, "bench"),
            Finished(number, TrialState.COMPLETE, (1.0,), 0.1),
        ]
    return events


def filled(storage: MemoryStorage | SqlStorage, trials: int, name: str) -> Study:
    """A study with that many finished trials."""
    log = storage.open(name, Created(StudySpec(SPACE, seed=1)))
    log.claim(trials, "bench")
    log.append(log_of(trials))
    return Study(SPACE, storage=storage, name=name)


def per_trial(study: Study) -> float:
    """Median milliseconds per trial of `optimize`."""
    times = []
    for _ in range(REPEATS):
        before = len(study.trials)
        began = time.perf_counter()
        study.optimize(lambda config: 1.0, trials=before + MEASURED)
        times.append((time.perf_counter() - began) / MEASURED * 1e3)
    return statistics.median(times)


def by_hand(study: Study) -> float:
    """Median milliseconds per trial of `ask` and `tell`."""
    times = []
    for _ in range(REPEATS * MEASURED):
        began = time.perf_counter()
        study.tell(study.ask(), 1.0)
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def overhead() -> dict[str, float]:
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, make in (("memory", MemoryStorage), ("sqlite", lambda: SqlStorage(f"sqlite:///{folder}/s.db"))):
            for trials in (SMALL, LARGE):
                storage = make()
                found[f"{kind}, optimize, at {trials} trials"] = per_trial(filled(storage, trials, f"o{trials}"))
                found[f"{kind}, ask and tell, at {trials} trials"] = by_hand(filled(storage, trials, f"a{trials}"))
                storage.close()
    return found


def memory_per_trial() -> dict[str, float]:
    """Bytes that one more trial takes in this process, storage included."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, make in (("memory", MemoryStorage), ("sqlite", lambda: SqlStorage(f"sqlite:///{folder}/s.db"))):
            study = Study(SPACE, storage=make(), name="s", seed=1)
            study.optimize(lambda config: 1.0, trials=100)
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            study.optimize(lambda config: 1.0, trials=2100)
            found[kind] = (tracemalloc.get_traced_memory()[0] - before) / 2000
            tracemalloc.stop()
            study.close()
    return found


def fold_seconds(sampler: Sampler[Any]) -> float:
    """Median seconds to fold 1,000 trials into a sampler's state."""
    events, spec = log_of(1000), StudySpec(SPACE, seed=1)
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        sampler.tell(sampler.init(spec), events)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def import_seconds() -> dict[str, float]:
    """Median seconds of a fresh interpreter, less those of an empty one."""

    def run(code: str) -> float:
        times = []
        for _ in range(15):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - began)
        return statistics.median(times)

    empty = run("")
    return {
        "import seasoned": run("import seasoned") - empty,
        "from seasoned import minimize": run("from seasoned import minimize") - empty,
        "from seasoned import AutoClassifier": run("from seasoned import AutoClassifier") - empty,
    }


def reopen_seconds() -> float:
    """Seconds to open a stored study of 100,000 trials."""
    with tempfile.TemporaryDirectory() as folder:
        storage = SqlStorage(f"sqlite:///{folder}/s.db")
        filled(storage, LARGE, "s")
        began = time.perf_counter()
        Study(SPACE, storage=storage, name="s")
        seconds = time.perf_counter() - began
        storage.close()
        return seconds


def optuna_overhead() -> dict[str, float]:
    """Optuna's random search on the same space, milliseconds per trial after 10 trials."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial: Any) -> float:
        trial.suggest_float("lr", 1e-4, 1e-1, log=True)
        trial.suggest_int("depth", 1, 8)
        trial.suggest_float("x", 0, 1)
        trial.suggest_float("y", 0, 1)
        if trial.suggest_categorical("optimizer", ["sgd", "adam"]) == "sgd":
            trial.suggest_float("momentum", 0, 0.99)
        else:
            trial.suggest_float("beta", 0.8, 0.999)
        return 1.0

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, url in (("memory", None), ("sqlite", f"sqlite:///{folder}/o.db")):
            study = optuna.create_study(storage=url, sampler=optuna.samplers.RandomSampler(seed=1))
            study.optimize(objective, n_trials=SMALL)
            times = []
            for _ in range(REPEATS):
                began = time.perf_counter()
                study.optimize(objective, n_trials=MEASURED)
                times.append((time.perf_counter() - began) / MEASURED * 1e3)
            found[kind] = statistics.median(times)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "results" / "engine.json")
    parser.add_argument("--optuna", action="store_true")
    arguments = parser.parse_args()
    parts: dict[str, Callable[[], Any]] = {
        "import_seconds": import_seconds,
        "milliseconds_per_trial": overhead,
        "bytes_per_trial": memory_per_trial,
        "seconds_to_fold_1000_trials": lambda: {
            type(s).__name__: fold_seconds(s) for s in (Random(), Sobol(), Grid(3))
        },
        "seconds_to_open_100000_trials": reopen_seconds,
    }
    if arguments.optuna:
        parts["optuna_milliseconds_per_trial"] = optuna_overhead
    with alone():
        result = {name: part() for name, part in parts.items()}
    for name, figures in result.items():
        for label, value in figures.items() if isinstance(figures, dict) else [("", figures)]:
            print(f"{name:36s} {label:44s} {value:10.4g}")
    write(arguments.out, result)


if __name__ == "__main__":
    main()
