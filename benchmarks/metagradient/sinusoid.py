"""Sinusoids (Finn et al. 2017): error after 0 to 10 steps on fixed test tasks, by method and seed."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from seasoned.metagrad import ANIL, IMAML, MAML, MAMLPlusPlus, MetaLearner, MetaSGD, Reptile, Sinusoids, Training

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metagradient.records import Records
    from seasoned.metagrad import Rows

FAMILY = Sinusoids(shots=10, queries=10)
TEST_TASKS, LOOKS, DRAWN = 2000, (0, 1, 5, 10), ("maml", "joint")
JOINT_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
GRID = np.linspace(-5, 5, 61)[:, None]


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
        "maml": MAML(training=training),
        "joint": Joint(training=training),
        "meta_sgd": MetaSGD(training=dataclasses.replace(training, lr=0.004, schedule="cosine")),
        "first_order": MAML(first_order=True, training=training),
        "anil": ANIL(training=training),
        "maml_plus_plus": MAMLPlusPlus(inner_steps=5, training=dataclasses.replace(training, schedule="cosine")),
        "reptile": Reptile(training=dataclasses.replace(training, optimizer="sgd", lr=0.1)),
        "imaml": IMAML(training=training),
    }


def run(steps: int | None, seeds: int, records: Records, only: Iterable[str] | None = None) -> dict[str, Any]:
    """Mean squared error by method and number of steps: the mean over seeds, and every seed's."""
    steps = 15_000 if steps is None else steps
    result: dict[str, Any] = {}
    detail: dict[str, Any] = {}
    for name in methods(steps, 0):
        if only is not None and name not in only:
            continue
        runs = []
        for seed in range(seeds):
            key = {"method": name, "seed": seed, "steps": steps}
            learner = methods(steps, seed)[name]
            runs.append(records.keep(key, lambda learner=learner, name=name: _one(learner, drawn=name in DRAWN)))
        result[name] = {str(look): float(np.mean([part["curve"][look] for part in runs])) for look in LOOKS}
        detail[name] = runs
        print(name, {number: round(value, 3) for number, value in result[name].items()}, flush=True)
    return {"sinusoid": result, "sinusoid_seeds": detail, "meta_steps": steps, "test_tasks": TEST_TASKS}


def _one(learner: MetaLearner, *, drawn: bool) -> dict[str, Any]:
    began = time.process_time()
    fitted = learner.fit(FAMILY, progress=False)
    spent = time.process_time() - began
    curve, rates = _curve(fitted)
    found = {"curve": curve, "cpu_seconds": round(spent, 1), "kept_step": int(fitted.fitted.state.best_step)}
    if rates:
        found["rates"] = rates
    if drawn:
        found["examples"] = _examples(fitted, rates)
    return found


def _curve(fitted: MetaLearner) -> tuple[list[float], list[float]]:
    """Error after 0 to 10 steps; joint pre-training at the best rate for each number of steps, and those rates."""
    rates = JOINT_RATES if isinstance(fitted, Joint) else ()
    tries = [dataclasses.replace(fitted, inner_lr=rate) for rate in rates] or [fitted]
    looks = range(max(LOOKS) + 1)
    found = [learner.evaluate(FAMILY, steps=looks, count=TEST_TASKS) for learner in tries]
    errors = np.array([[curve[number].mean(dtype=float) for number in looks] for curve in found])
    errors = np.where(np.isfinite(errors), errors, np.inf)
    best = errors.argmin(axis=0)
    return [float(value) for value in errors.min(axis=0)], [rates[place] for place in best] if rates else []


def _examples(fitted: MetaLearner, rates: list[float]) -> list[dict[str, Any]]:
    """The first two test tasks: support rows and what is predicted on a grid after 0, 1 and 10 steps."""
    found = []
    for key in jax.random.split(jax.random.key(0x7E57), TEST_TASKS)[:2]:  # as `evaluate(seed=0)` draws them
        support = jax.tree.map(np.asarray, FAMILY.sample(key).support)
        predicted = {}
        for steps in (0, 1, 10):
            learner = dataclasses.replace(fitted, inner_lr=rates[steps]) if rates else fitted
            model = learner.adapt(support.X, support.y, steps=steps)
            predicted[str(steps)] = model.predict(GRID)[:, 0].round(3).tolist()
        found.append({"X": support.X[:, 0].tolist(), "y": support.y[:, 0].tolist(), "predicted": predicted})
    return found
