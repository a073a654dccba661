"""What `speed.py` times: the learner and family of ours, and the same weights and tasks as arrays for the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from metagradient import omniglot
from seasoned.metagrad import MAML, MLP, ConvNet, Episodes, Sinusoids, Training

ENDLESS = 10**9
LR, SEED = 1e-3, 0
DISTINCT = {"sinusoid": 1000, "omniglot": 20}
"""Meta-steps whose tasks are given as arrays; beyond them the other loops begin again at the first."""


def make(name: str, folder: str | None = None) -> tuple[Any, MAML]:
    """Tasks, and our learner: one inner step, Adam outside, no validation."""
    if name == "sinusoid":
        training = Training(steps=ENDLESS, every=ENDLESS, tasks=25, lr=LR, validation_tasks=0, seed=SEED)
        return Sinusoids(10, 10), MAML(0.01, 1, network=MLP(), training=training)
    images, character, test = omniglot.load(Path(str(folder)))
    family = Episodes.of(images[~test], character[~test], ways=5, shots=1, queries=5)
    training = Training(steps=ENDLESS, every=ENDLESS, tasks=4, lr=LR, validation_tasks=0, seed=SEED)
    return family, MAML(0.4, 1, network=ConvNet(filters=32, outputs=5), training=training)


def flat(params: Any) -> list[Any]:
    """Weights in the order of the layers."""
    if "layers" in params:
        return [layer[name] for layer in params["layers"] for name in ("w", "b")]
    blocks = [block[name] for block in params["blocks"] for name in ("w", "scale", "b")]
    return [*blocks, params["head"]["w"], params["head"]["b"]]


def export(path: Path, name: str, folder: str | None = None) -> None:
    """The first weights and the first tasks that training draws; `speed.check` shows that they are the same."""
    family, learner = make(name, folder)
    shape = family.sample(jax.random.key(0)).support.X.shape[1:]
    weights = flat(learner.network.init(jax.random.key(SEED + 1), shape))
    root = jax.random.key(SEED)

    def batch(step: Any) -> Any:
        keys = jax.random.split(jax.random.fold_in(root, step), learner.training.tasks)
        return jax.vmap(family.sample)(keys)

    tasks = jax.jit(jax.vmap(batch))(np.arange(DISTINCT[name]))  # leaves [steps, tasks, rows, ...]
    settings = {"name": name, "inner_lr": learner.inner_lr, "lr": LR, "folder": folder}
    arrays = {f"weight{place}": np.asarray(weight) for place, weight in enumerate(weights)}
    arrays |= {"X": tasks.support.X, "y": tasks.support.y, "X_query": tasks.query.X, "y_query": tasks.query.y}
    np.savez(path, settings=np.array(json.dumps(settings)), **{key: np.asarray(part) for key, part in arrays.items()})
