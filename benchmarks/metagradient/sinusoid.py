"""Sinusoids (Finn et al. 2017): error after 1, 5 and 10 steps on fixed test tasks, and meta-steps per CPU second."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.metagrad import ANIL, IMAML, MAML, MAMLPlusPlus, MetaLearner, MetaSGD, Reptile, Sinusoids, Training

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seasoned.metagrad.tasks import Rows

FAMILY = Sinusoids(shots=10, queries=10)
TEST_TASKS = 2000
JOINT_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)


@dataclasses.dataclass(frozen=True)
class Joint(MetaLearner):
    """Joint pre-training: one network for the rows of all tasks, fine-tuned at test by gradient steps."""

    inner_lr: float = 0.01

    @property
    def trained_steps(self) -> int:
        """None: it is not trained to be adapted."""
        return 0

    def start(self, theta: Any) -> Any:
        """The joint weights."""
        return theta["params"]

    def advance(self, theta: Any, carry: Any, rows: Rows, number: Any, scale: Any) -> Any:
        """A gradient step."""
        return MAML(self.inner_lr, network=self.network, loss=self.loss).advance(theta, carry, rows, number, scale)


def methods(steps: int, seed: int) -> dict[str, MetaLearner]:
    """The learners compared; all see 25 tasks a meta-step."""
    training = Training(steps=steps, seed=seed)
    return {
        "joint": Joint(training=training),
        "maml": MAML(training=training),
        "first_order": MAML(first_order=True, training=training),
        "meta_sgd": MetaSGD(training=dataclasses.replace(training, lr=0.004, schedule="cosine")),
        "anil": ANIL(training=training),
        "maml_plus_plus": MAMLPlusPlus(inner_steps=5, training=dataclasses.replace(training, schedule="cosine")),
        "reptile": Reptile(training=dataclasses.replace(training, optimizer="sgd", lr=0.1)),
        "imaml": IMAML(training=training),
    }


def run(steps: int | None, seeds: int, only: Iterable[str] | None = None) -> dict[str, Any]:
    """Mean squared error by method and number of steps: the mean over seeds, and every seed's."""
    steps = 15_000 if steps is None else steps
    result: dict[str, Any] = {}
    detail: dict[str, Any] = {}
    for name in methods(steps, 0):
        if only is not None and name not in only:
            continue
        runs = [_one(methods(steps, seed)[name]) for seed in range(seeds)]
        result[name] = {number: float(np.mean([part["mse"][number] for part in runs])) for number in runs[0]["mse"]}
        detail[name] = runs
        print(name, {number: round(value, 3) for number, value in result[name].items()}, flush=True)
    return {"sinusoid": result, "sinusoid_seeds": detail, "meta_steps": steps, "test_tasks": TEST_TASKS}


def _one(learner: MetaLearner) -> dict[str, Any]:
    marks: list[tuple[int, float]] = []
    began = time.process_time()
    fitted = learner.fit(FAMILY, progress=lambda entry, _: marks.append((entry.step, time.process_time())))
    (first, start), (last, end) = marks[0], marks[-1]  # the first piece has the compilation in it
    found: dict[str, Any] = {
        "mse": _errors(fitted),
        "cpu_seconds": time.process_time() - began,
        "cpu_seconds_to_first_validation": start - began,
        "meta_steps_per_cpu_second": (last - first) / (end - start) if last > first else None,
        "kept_step": int(fitted.fitted.state.best_step),
    }
    return found


def _errors(fitted: MetaLearner) -> dict[str, float]:
    """Error after 0, 1, 5, 10 steps; joint pre-training at the best rate for each number of steps."""
    tries = [fitted]
    if isinstance(fitted, Joint):
        tries = [dataclasses.replace(fitted, inner_lr=rate) for rate in JOINT_RATES]
    curves = [learner.evaluate(FAMILY, steps=(0, 1, 5, 10), count=TEST_TASKS) for learner in tries]
    best = {}
    for number in (0, 1, 5, 10):
        values = [float(curve[number].mean()) for curve in curves]
        finite = [value for value in values if np.isfinite(value)]
        best[str(number)] = min(finite) if finite else float("inf")
    return best
