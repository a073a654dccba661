"""A store of many studies: how long it takes to open it and rank configurations for a new task, and in what memory.

    python benchmarks/experience.py --studies 10000 --trials 200 --out benchmarks/results/experience.json

The store is generated: each study has 40 configurations that all share, drawn once, and others of its own; its scores
are a low-rank function of both plus noise. Written once to a temporary folder (`--keep FOLDER` keeps it there), it is
then opened in fresh processes. Timed there, several times: reading the store (`Experience.read`), calling up what bears
on a new task (`recall`), fitting the learned metric, and the expected gains of all its configurations. Seconds are wall
clock; beside them stands the processor's time of the same process, which others on the machine do not change.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import common
from seasoned.knowledge.experience.locations import add_studies
from seasoned.knowledge.experience.past_study import Head, PastStudy, PastTrial
from seasoned.tabular.models.registry import choose, joint_space

SHARED = 40
RANK = 4
RUNS = 5


def generate(url: str, studies: int, trials: int, seed: int = 0) -> None:
    from seasoned.knowledge.meta_features.meta_features import METAFEATURES

    rng = np.random.default_rng(seed)
    names = [feature.name for feature in METAFEATURES]
    space = joint_space(choose(None), "binary")
    shared = [space.sample(rng) for _ in range(SHARED)]
    loadings = rng.normal(size=(RANK, SHARED))
    batch: list[PastStudy] = []
    for number in range(studies):
        factors = rng.normal(size=RANK)
        scores = -0.8 + 0.02 * (factors @ loadings) + 0.01 * rng.normal(size=SHARED)
        tried = [
            PastTrial(config, float(score), float(rng.uniform(0.1, 5)))
            for config, score in zip(shared, scores, strict=True)
        ]
        own = [PastTrial(space.sample(rng), float(rng.normal(-0.8, 0.03)), 1.0) for _ in range(trials - SHARED)]
        features = dict(zip(names, np.concatenate([factors, rng.normal(size=len(names) - RANK)]).tolist(), strict=True))
        head = Head(
            f"study {number}", f"family {number}", sort="binary", metric="roc_auc", baseline=-0.5, about={"folds": 5}
        )
        batch.append(PastStudy(head, features, tried + own))
        if len(batch) == 100 or number == studies - 1:
            add_studies(url, batch)
            batch = []


def measure(url: str) -> dict[str, Any]:
    """In a process of its own."""
    from functools import partial

    from seasoned.knowledge.advice.similar_tasks import TaskQuery, recall
    from seasoned.knowledge.experience.experience import Experience
    from seasoned.knowledge.meta_features.meta_features import METAFEATURES
    from seasoned.knowledge.performance_model.model import fit_metric
    from seasoned.tabular.trial.configuration import current

    space = joint_space(choose(None), "binary")
    asking = TaskQuery(
        "pipeline", "binary", "roc_auc", "roc_auc", np.random.default_rng(1).normal(size=len(METAFEATURES))
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    clock, processor = [time.perf_counter()], time.process_time()
    experience = Experience.read(url)
    clock.append(time.perf_counter())
    found = recall(experience, asking, partial(current, space=space))
    assert found is not None
    clock.append(time.perf_counter())
    belief = fit_metric(found.scores).condition(np.zeros(0, dtype=np.intp), np.zeros(0), weights=found.weights)
    clock.append(time.perf_counter())
    gains = belief.expected_gain(np.arange(len(found.configs)))
    clock.append(time.perf_counter())
    steps = dict(zip(("open", "recall", "fit", "rank"), np.diff(clock).tolist(), strict=True))
    megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3
    return {
        **steps,
        "seconds": clock[-1] - clock[0],
        "processor_seconds": time.process_time() - processor,
        "megabytes": megabytes,
        "studies": len(experience),
        "trials": len(experience.scores),
        "tasks_called_up": len(found.names),
        "configurations": len(found.configs),
        "best_gain": float(gains.max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--keep", type=Path, help="folder where the store is kept, and found again")
    parser.add_argument("--out", type=Path, default=common.HERE / "results" / "experience.json")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        file = (options.keep or Path(temporary)) / f"store-{options.studies}x{options.trials}.db"
        url = f"sqlite:///{file}"
        began = time.perf_counter()
        if not file.exists():
            generate(url, options.studies, options.trials)
        written = time.perf_counter() - began
        command = [sys.executable, __file__, "--measure", url]
        with common.alone():
            ran = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(RUNS)]
        runs = [json.loads(one.stdout) for one in ran]
        medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        print(json.dumps(medians, indent=1))
        size = file.stat().st_size / 1e6
        common.write(options.out, {"written_in": written, "store_megabytes": size, "median": medians, "runs": runs})


if __name__ == "__main__":
    main()
