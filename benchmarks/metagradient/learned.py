"""Learned optimisers on 10-D random quadratics against tuned hand-made ones, on the same held-out problems."""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from seasoned.metagrad import LearnedOptimizer, LSTMRule, MLPRule, Quadratics, Training

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


def run(steps: int | None, seeds: int) -> dict[str, Any]:
    """Mean loss by method and steps; hand-made optimisers each at their best rate for each number of steps."""
    steps = 3000 if steps is None else steps
    keys = jax.random.split(jax.random.key(0x7E57), PROBLEMS)  # those of `evaluate(seed=0)`
    result: dict[str, Any] = {}
    detail: dict[str, Any] = {}
    for name, rates in RATES.items():
        curves = np.stack([np.asarray(_curves(MAKE[name](rate), keys)).mean(axis=0) for rate in rates])
        curves = np.where(np.isfinite(curves), curves, np.inf)
        places = {look: int(curves[:, look].argmin()) for look in LOOKS}
        result[name] = {str(look): float(curves[place, look]) for look, place in places.items()}
        detail[name] = {
            "best_rates": {str(look): rates[place] for look, place in places.items()},
            "best_is_inside_the_grid": all(0 < place < len(rates) - 1 for place in places.values()),
        }
        print(name, result[name], detail[name], flush=True)
    for name in learners(steps, 0):
        runs = [_one(learners(steps, seed)[name]) for seed in range(seeds)]
        result[name] = {str(look): float(np.mean([part[str(look)] for part in runs])) for look in LOOKS}
        detail[name] = runs
        print(name, result[name], flush=True)
    return {"learned": result, "learned_detail": detail, "meta_steps": steps, "problems": PROBLEMS}


def _one(learner: LearnedOptimizer) -> dict[str, float]:
    began = time.process_time()
    fitted = learner.fit(FAMILY, progress=False)
    spent = time.process_time() - began
    found = fitted.evaluate(FAMILY, steps=LOOKS, count=PROBLEMS)
    means = {str(look): float(values.mean()) for look, values in found.items()}
    return {
        **means,
        **{f"median_{look}": float(np.median(values)) for look, values in found.items()},
        "cpu_seconds": spent,
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
