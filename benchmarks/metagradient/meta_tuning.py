"""A meta-learner tuned by a study, against its default and against a fine grid, on tasks that no tuning saw.

Sinusoids learned by MAML in few meta-steps, from its default inner rate of 0.01 and one inner step. The space is the
inner rate and the inner steps, as in the grid; `all` tunes the whole default space (architecture, outer rate, weight
decay). The loss is the mean over test tasks after as many steps as the learner was trained for.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np

from seasoned import Float, Int, Space
from seasoned.knowledge import tune_meta_learner
from seasoned.knowledge.tuning import MetaValidation
from seasoned.metagrad import MAML, Sinusoids, Training

RATES = tuple(float(rate) for rate in np.geomspace(1e-3, 0.3, 15))
STEPS = (1, 2, 3, 5, 8)
TASKS = Sinusoids(shots=10, queries=10)
TEST = {"count": 2000, "seed": 77}  # of `evaluate`; validation draws with seed 0


def run(steps: int | None, seeds: int, trials: int = 30) -> dict[str, Any]:
    """Test losses of the default, the grid's best, and the tuned learners, for each seed and their means."""
    found = [_one(1000 if steps is None else steps, seed, trials) for seed in range(seeds)]
    losses = [{name: part["test"] for name, part in one.items()} for one in found]
    mean = {name: float(np.mean([one[name] for one in losses])) for name in losses[0]}
    against_grid = [one["tuned"] / one["grid"] for one in losses]
    summary = {**mean, "tuned_over_grid": float(np.mean(against_grid)), "trials": trials}
    print(summary, flush=True)
    return {"meta_tuning": summary, "meta_tuning_seeds": found}


def _one(steps: int, seed: int, trials: int) -> dict[str, Any]:
    training = Training(steps=steps, tasks=10, every=max(1, steps // 9), seed=seed)
    learner = MAML(inner_lr=0.01, inner_steps=1, training=training)
    space = Space(
        inner_lr=Float(RATES[0], RATES[-1], log=True, default=learner.inner_lr),
        inner_steps=Int(STEPS[0], STEPS[-1], log=True, default=learner.inner_steps),
    )
    result: dict[str, Any] = {"default": {"test": _test(learner.fit(TASKS, progress=False))}}
    for name, where in (("tuned", space), ("all", None)):
        start = time.process_time()
        tuned = tune_meta_learner(learner, TASKS, space=where, trials=trials, seed=seed, progress=False)
        states = [str(trial.state) for trial in tuned.study.trials]
        result[name] = {
            "test": _test(tuned.learner),
            "validation": tuned.study.best.value,
            "config": tuned.study.best.config,
            "stopped_early": states.count("pruned"),
            "cpu_seconds": time.process_time() - start,
        }
        print(seed, name, result[name], flush=True)
    result["grid"] = _grid(learner)
    print(seed, "grid", result["grid"], flush=True)
    return result


def _grid(learner: MAML) -> dict[str, Any]:
    """Every combination trained in full; the best on the validation tasks, judged on the test tasks."""
    start, seen = time.process_time(), []
    for rate in RATES:
        for count in STEPS:
            trained = dataclasses.replace(learner, inner_lr=rate, inner_steps=count).fit(TASKS, progress=False)
            judged = MetaValidation(lambda _config: learner, TASKS, TASKS).judged(trained)
            seen.append((judged if np.isfinite(judged) else np.inf, rate, count, _test(trained)))
    value, rate, count, test = min(seen)
    seconds = time.process_time() - start
    return {
        "test": test,
        "validation": value,
        "config": {"inner_lr": rate, "inner_steps": count},
        "cpu_seconds": seconds,
    }


def _test(learner: MAML) -> float:
    steps = learner.trained_steps
    return float(learner.evaluate(TASKS, steps=[steps], **TEST)[steps].mean())
