"""What warm starts from past tasks gain where these are alike, and cost where they are not, for every sampler.

    python benchmarks/relative_starts.py --out benchmarks/results/relative-starts.json

The function has many valleys, four numbers, and its deepest point near 0.7 of each range, for every task elsewhere;
eight past tasks of 60 evaluations each have scales of their own. They are *alike*, *irrelevant* (their deepest points
lie anywhere) or say the *opposite* (negated scores). Starts are `none` and `quantile`. `FILE` gets
JSON: sampler -> past -> start -> evaluations -> log10 of the best value so far, the mean over seeds. Nothing depends on
time.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import common
from seasoned import Float, Space, Study, WarmStart
from seasoned.knowledge import Evaluations, quantile_start
from seasoned.samplers import CMAES, TPE, Bayes, DifferentialEvolution, Genetic, ParticleSwarm, Random

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH = 4
SPACE = Space({f"x{index}": Float(0, 1) for index in range(WIDTH)})
TASKS, EVALUATIONS = 8, 60
AT = {"Bayes": (5, 10, 15, 20, 22, 25)}
LONG = (5, 10, 20, 30, 57, 60)
SAMPLERS = {
    type(sampler).__name__: sampler
    for sampler in (Bayes(), TPE(), Genetic(), DifferentialEvolution(), ParticleSwarm(), CMAES(), Random())
}
PASTS = ("alike", "irrelevant", "opposite")


def hills(point: NDArray[np.float64], deepest: NDArray[np.float64]) -> float:
    away = point - deepest
    return float(np.square(away).sum() + 0.15 * (1.0 - np.cos(9.0 * away)).sum())


def centre(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.clip(0.7 + 0.08 * rng.normal(size=WIDTH), 0.0, 1.0)


def past_tasks(kind: str) -> list[Evaluations]:
    rng, found = np.random.default_rng(0), []
    for place in range(TASKS):
        points = rng.random((EVALUATIONS, WIDTH))
        deepest = rng.random(WIDTH) if kind == "irrelevant" else centre(rng)
        scores = np.array([hills(point, deepest) for point in points])
        found.append(Evaluations(points, (-scores if kind == "opposite" else scores) * 10.0 ** (place - 4)))
    return found


def curve(name: str, start: WarmStart, seed: int) -> NDArray[np.float64]:
    at = AT.get(name, LONG)
    deepest = centre(np.random.default_rng((1, seed)))
    study = Study(SPACE, sampler=replace(SAMPLERS[name], warm_start=start), seed=seed, budget=max(at))
    study.optimize(lambda config: hills(np.array(list(config.values())), deepest), trials=max(at), progress=False)
    best = np.minimum.accumulate([trial.value for trial in study.trials])
    return np.log10(best[[count - 1 for count in at]] + 1e-9)


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON")
    parser.add_argument("--samplers", default=",".join(SAMPLERS), help="some of them (default all)")
    parser.add_argument("--seeds", type=int, default=12)
    options = parser.parse_args(words)
    known = {
        "none": {"none": WarmStart()},
        **{kind: {"quantile": quantile_start(SPACE, past_tasks(kind))} for kind in PASTS},
    }
    result: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for name in options.samplers.split(","):
        for kind, some in known.items():
            for start, warm in some.items():
                mean = np.mean([curve(name, warm, seed) for seed in range(options.seeds)], axis=0)
                told = {
                    str(count): round(float(value), 3) for count, value in zip(AT.get(name, LONG), mean, strict=True)
                }
                result.setdefault(name, {}).setdefault(kind, {})[start] = told
                print(f"{name:22} {kind:11} {start:9}", *(f"{count}:{value:6.2f}" for count, value in told.items()))
    common.write(options.out, result)


if __name__ == "__main__":
    main()
