"""Sinusoids (Finn et al. 2017): error after 0 to 10 steps on fixed test tasks, by method and seed.

What is chosen on which tasks: the guard keeps the meta-parameters that are best on 100 validation tasks (Meta-SGD: on
1,000); joint pre-training is fine-tuned at the rate that is best on 600 other tasks, for each number of steps its own.
Settings are the paper's (inner rate 0.01, 25 tasks a meta-step, Adam at 0.001), or chosen on 600 other tasks too:
Meta-SGD's and MAML++'s outer rate and clipping, and how many tasks Meta-SGD's guard looks at (rates .003 to .03, clip
none, 1, 3 or 10, 100 or 1,000 tasks; seeds 10 to 12), and iMAML's inner rate, steps and strength (nine settings, 5,000
meta-steps, seed 10; at .02, as at first, tasks explode, and the guard keeps a step before the thousandth). The 2,000
test tasks are drawn once, the same for all; nothing is chosen on them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from metagradient.resuming import train
from seasoned.metagrad import ANIL, IMAML, MAML, MAMLPlusPlus, MetaLearner, MetaSGD, Reptile, Sinusoids, Training

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metagradient.records import Records
    from seasoned.metagrad import Rows

FAMILY = Sinusoids(shots=10, queries=10)
TEST_TASKS, OTHER_TASKS, LOOKS, DRAWN = 2000, 600, (0, 1, 5, 10), ("maml", "joint")
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
        "meta_sgd": MetaSGD(
            training=dataclasses.replace(training, lr=0.01, schedule="cosine", clip=1.0, validation_tasks=1000)
        ),
        "first_order": MAML(first_order=True, training=training),
        "anil": ANIL(training=training),
        "maml_plus_plus": MAMLPlusPlus(
            inner_steps=5, training=dataclasses.replace(training, schedule="cosine", clip=10.0)
        ),
        "reptile": Reptile(training=dataclasses.replace(training, optimizer="sgd", lr=0.1)),
        "imaml": IMAML(training=dataclasses.replace(training, schedule="cosine", clip=10.0)),
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
            runs.append(records.keep(key, lambda learner=learner, key=key: _one(learner, records, key)))
        curve = _finite(np.mean([part["curve"] for part in runs], axis=0))
        result[name] = {str(look): curve[look] for look in LOOKS}
        detail[name] = [{**part, "curve": _finite(part["curve"])} for part in runs]
        print(name, result[name], flush=True)
    return {"sinusoid": result, "sinusoid_seeds": detail, "meta_steps": steps, "test_tasks": TEST_TASKS}


def _finite(curve: Any) -> list[float | None]:
    """Errors as JSON can hold them: None where a task diverged."""
    return [float(value) if np.isfinite(value) else None for value in curve]


def _one(learner: MetaLearner, records: Records, key: dict[str, Any]) -> dict[str, Any]:
    fitted, spent = train(records.unfinished, key, learner, FAMILY)
    curve, rates = _curve(fitted)
    found = {"curve": curve, "cpu_seconds": round(spent, 1), "kept_step": int(fitted.fitted.state.best_step)}
    if rates:
        found["rates"] = rates
    if key["method"] in DRAWN:
        found["examples"] = _examples(fitted, rates)
    return found


def _curve(fitted: MetaLearner) -> tuple[list[float], list[float]]:
    """Error after 0 to 10 steps; joint pre-training at the rates that are best on other tasks, and those rates."""
    looks = range(max(LOOKS) + 1)
    if not isinstance(fitted, Joint):
        return _errors(fitted, looks, 0, TEST_TASKS), []
    tries = [dataclasses.replace(fitted, inner_lr=rate) for rate in JOINT_RATES]
    best = np.argmin([_errors(learner, looks, 1, OTHER_TASKS) for learner in tries], axis=0)
    found = {place: _errors(tries[place], looks, 0, TEST_TASKS) for place in set(best.tolist())}
    return [found[place][number] for number, place in enumerate(best)], [JOINT_RATES[place] for place in best]


def _errors(fitted: MetaLearner, looks: Iterable[int], seed: int, count: int) -> list[float]:
    """Mean error by steps over tasks; infinite where any of them diverged."""
    found = fitted.evaluate(FAMILY, steps=tuple(looks), count=count, seed=seed)
    errors = np.array([values.mean(dtype=float) for values in found.values()])
    return np.where(np.isfinite(errors), errors, np.inf).tolist()


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
