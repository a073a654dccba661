"""Learned optimisers on 10-D random quadratics against tuned hand-made ones, on the same held-out problems.

A hand-made optimiser has, for each number of steps, the rate that is best on 1,000 other problems, and that rate lies
strictly inside its grid. The learned ones keep what is best on 256 validation problems. The 1,000 held-out problems are
drawn once, the same for all; nothing is chosen on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from metagradient.resuming import train
from seasoned.metagrad import LearnedOptimizer, LSTMRule, MLPRule, Quadratics, Training

if TYPE_CHECKING:
    from collections.abc import Iterable

    from metagradient.records import Records

FAMILY = Quadratics(10)
PROBLEMS, HORIZON, LOOKS = 1000, 100, (20, 50, 100)
RATES = {
    "sgd": (0.001, 0.003, 0.01, 0.02, 0.03, 0.1),
    "momentum": (0.001, 0.003, 0.01, 0.03, 0.06, 0.1),
    "nag": (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1),
    "rmsprop": (0.003, 0.01, 0.03, 0.1, 0.3),
    "adam": (0.03, 0.1, 0.3, 0.5, 1.0, 2.0),
}
MAKE = {
    "sgd": optax.sgd,
    "momentum": lambda rate: optax.sgd(rate, momentum=0.9),
    "nag": lambda rate: optax.sgd(rate, momentum=0.9, nesterov=True),
    "rmsprop": optax.rmsprop,
    "adam": optax.adam,
}


def learners(steps: int, seed: int) -> dict[str, LearnedOptimizer]:
    """The learned rules."""
    bptt = Training(steps=steps, tasks=64, lr=3e-3, schedule="cosine", clip=1.0, seed=seed, validation_tasks=256)
    pes = Training(steps=steps, tasks=128, lr=3e-3, schedule="cosine", clip=1.0, seed=seed, validation_tasks=256)
    return {
        "lstm": LearnedOptimizer(LSTMRule(), HORIZON, 20, training=bptt),
        "mlp": LearnedOptimizer(MLPRule(), HORIZON, 20, training=bptt),
        "mlp_pes": LearnedOptimizer(MLPRule(), HORIZON, 20, "pes", 0.01, training=pes),
    }


def run(steps: int | None, seeds: int, records: Records, only: Iterable[str] | None = None) -> dict[str, Any]:
    """Mean loss by method and steps; hand-made optimisers at the rate best on other problems."""
    steps = 3000 if steps is None else steps
    result: dict[str, Any] = {}
    detail: dict[str, Any] = {}
    for name in RATES:
        found = records.keep({"method": name}, lambda name=name: _by_hand(name))
        result[name], detail[name] = found["loss"], found
        print(name, result[name], flush=True)
    for name in learners(steps, 0):
        if only is not None and name not in only:
            continue
        runs = []
        for seed in range(seeds):
            key = {"method": name, "seed": seed, "steps": steps}
            runs.append(
                records.keep(key, lambda key=key: _one(learners(steps, key["seed"])[key["method"]], records, key))
            )
        result[name] = {str(look): float(np.mean([part["loss"][str(look)] for part in runs])) for look in LOOKS}
        detail[name] = runs
        print(name, result[name], flush=True)
    return {"learned": result, "learned_detail": detail, "meta_steps": steps, "problems": PROBLEMS}


def _by_hand(name: str) -> dict[str, Any]:
    """A hand-made optimiser at its best rate on other problems, on the problems that `evaluate(seed=0)` draws."""
    rates = RATES[name]
    others, test = (jax.random.split(jax.random.key(0x7E57 + seed), PROBLEMS) for seed in (1, 0))
    chosen_on = np.stack([np.asarray(_curves(MAKE[name](rate), others)).mean(axis=0) for rate in rates])
    chosen_on = np.where(np.isfinite(chosen_on), chosen_on, np.inf)
    places = {look: int(chosen_on[:, look].argmin()) for look in LOOKS}
    curves = {place: np.asarray(_curves(MAKE[name](rates[place]), test)) for place in set(places.values())}
    return {
        "loss": {str(look): float(curves[place][:, look].mean()) for look, place in places.items()},
        "median": {str(look): float(np.median(curves[place][:, look])) for look, place in places.items()},
        "best_rates": {str(look): rates[place] for look, place in places.items()},
        "best_is_inside_the_grid": all(0 < place < len(rates) - 1 for place in places.values()),
        "grid": {
            str(rate): [float(curve[look]) for look in LOOKS] for rate, curve in zip(rates, chosen_on, strict=True)
        },
    }


def _one(learner: LearnedOptimizer, records: Records, key: dict[str, Any]) -> dict[str, Any]:
    fitted, spent = train(records.unfinished, key, learner, FAMILY)
    found = fitted.evaluate(FAMILY, steps=LOOKS, count=PROBLEMS)
    return {
        "loss": {str(look): float(values.mean()) for look, values in found.items()},
        "median": {str(look): float(np.median(values)) for look, values in found.items()},
        "cpu_seconds": round(spent, 1),
    }


def _curves(optimizer: optax.GradientTransformation, keys: jax.Array) -> jax.Array:
    """Losses [problems, steps + 1] of a hand-made optimiser on the problems that `evaluate` draws."""

    def curve(key: jax.Array) -> jax.Array:
        draw, start = jax.random.split(key)
        data = FAMILY.sample(draw)
        params = FAMILY.init(start, data)

        def body(carry: Any, _: None) -> Any:
            params, state = carry
            loss, gradient = jax.value_and_grad(FAMILY.loss)(params, data)
            updates, state = optimizer.update(gradient, state, params)
            return (optax.apply_updates(params, updates), state), loss

        (last, _), losses = jax.lax.scan(body, (params, optimizer.init(params)), None, length=HORIZON)
        return jnp.append(losses, FAMILY.loss(last, data))

    return jax.jit(jax.vmap(curve))(keys)
