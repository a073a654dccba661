"""A meta-learner tuned by a study, against its default and against a fine grid, on tasks that no tuning saw.

Sinusoids learned by MAML in few meta-steps, from its default inner rate of 0.01 and one inner step. The space is the
inner rate and the inner steps, as in the grid. The loss is the mean over test tasks after as many steps as the learner
was trained for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned import Float, Int, Space
from seasoned.errors import InvalidInput
from seasoned.knowledge import tune_meta_learner
from seasoned.knowledge.tuning.meta_learner import MetaValidation
from seasoned.metagrad import MAML, Sinusoids, Training

if TYPE_CHECKING:
    from metagradient.records import Records
    from seasoned.metagrad.learners.base import MetaLearner

RATES = tuple(float(rate) for rate in np.geomspace(1e-3, 0.3, 13))
STEPS = (1, 2, 4, 8)
TASKS = Sinusoids(shots=10, queries=10)
DIVERGED = 1e30
TEST = {"count": 2000, "seed": 77}  # of `evaluate`; validation draws with seed 0


def run(steps: int | None, seeds: int, trials: int, records: Records) -> dict[str, Any]:
    """Losses of the default, the grid's best, and the tuned learners, for each seed and their means."""
    steps = 1000 if steps is None else steps
    learners = [_learner(steps, seed) for seed in range(seeds)]
    for rate in RATES:
        for count in STEPS:
            for learner in learners:  # one after the other, since they share a compiled program
                _cell(learner, rate, count, records)
    found = [_one(learner, trials, records) for learner in learners]
    summary: dict[str, Any] = {"trials": trials, "meta_steps": steps}
    for what in ("validation", "test"):
        losses = {name: [one[name][what] for one in found] for name in found[0]}
        summary[what] = {name: float(np.mean(values)) for name, values in losses.items()}
        over = np.array(losses["tuned"]) / np.array(losses["grid"])
        summary[f"{what}_tuned_over_grid"] = {"mean": float(over.mean()), "seeds": over.tolist()}
    print(summary, flush=True)
    return {"meta_tuning": summary, "meta_tuning_seeds": found}


def _learner(steps: int, seed: int) -> MAML:
    training = Training(steps=steps, tasks=10, every=max(1, steps // 9), seed=seed)
    return MAML(inner_lr=0.01, inner_steps=1, training=training)


def _one(learner: MAML, trials: int, records: Records) -> dict[str, Any]:
    seed = learner.training.seed
    about = {"steps": learner.training.steps, "seed": seed}
    space = Space(
        inner_lr=Float(RATES[0], RATES[-1], log=True, default=learner.inner_lr),
        inner_steps=Int(STEPS[0], STEPS[-1], log=True, default=learner.inner_steps),
    )
    result = {"default": records.keep({**about, "part": "default"}, partial(_trained, learner))}
    key = {**about, "part": "tuned", "trials": trials}
    result["tuned"] = records.keep(key, partial(_tuned, learner, space, trials, seed))
    cells = [_cell(learner, rate, count, records) for rate in RATES for count in STEPS]
    best = min(cells, key=lambda cell: cell["validation"])  # on validation tasks
    result["grid"] = {**best, "cpu_seconds": sum(cell["cpu_seconds"] for cell in cells)}
    print(seed, result, flush=True)
    return result


def _cell(learner: MAML, rate: float, count: int, records: Records) -> dict[str, Any]:
    config = {"inner_lr": rate, "inner_steps": count}
    key = {"steps": learner.training.steps, "seed": learner.training.seed, "part": "grid", **config}
    return records.keep(key, partial(_trained, dataclasses.replace(learner, **config)))


def _tuned(learner: MAML, space: Space, trials: int, seed: int) -> dict[str, Any]:
    start = time.process_time()
    tuned = tune_meta_learner(learner, TASKS, space=space, trials=trials, seed=seed, progress=False)
    states = [str(trial.state) for trial in tuned.study.trials]
    return {
        "test": _test(tuned.learner),
        "validation": tuned.study.best.value,
        "config": tuned.study.best.config,
        "stopped_early": states.count("pruned"),
        "cpu_seconds": time.process_time() - start,
    }


def _trained(learner: MAML) -> dict[str, Any]:
    """One learner trained in full, judged on the validation tasks and the test tasks."""
    start = time.process_time()
    test = judged = np.inf
    with contextlib.suppress(InvalidInput):  # it diverged from the first step on
        trained = learner.fit(TASKS, progress=False)
        test, judged = _test(trained), MetaValidation(lambda _config: learner, TASKS, TASKS).judged(trained)
    return {
        "test": test if np.isfinite(test) else DIVERGED,
        "validation": judged if np.isfinite(judged) else DIVERGED,
        "config": {"inner_lr": learner.inner_lr, "inner_steps": learner.inner_steps},
        "cpu_seconds": time.process_time() - start,
    }


def _test(learner: MetaLearner) -> float:
    steps = learner.trained_steps
    return float(learner.evaluate(TASKS, steps=[steps], **TEST)[steps].mean())
