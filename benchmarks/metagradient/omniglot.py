"""Omniglot: N-way k-shot on alphabets never seen, meta-trained on six alphabets, tested on two."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from seasoned.metagrad import (
    ANIL,
    MAML,
    ConvNet,
    Episodes,
    MetaLearner,
    MetaSGD,
    PrototypicalNetworks,
    Reptile,
    Training,
)

if TYPE_CHECKING:
    from pathlib import Path

TEST_ALPHABETS = ("Korean", "Tagalog")
WAYS, QUERIES, TEST_TASKS = 5, 15, 600
MORE = ("reptile", "anil", "meta_sgd")
"""Methods measured with one seed only."""


def load(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images in [0, 1], the character of each, and whether its alphabet is one of the test's."""
    images = np.load(folder / "images.npz")["images"].astype(np.float32) / 255
    labels = pd.read_parquet(folder / "labels.parquet")
    character = labels.groupby(["alphabet", "character"]).ngroup().to_numpy()
    return images, character, labels["alphabet"].isin(TEST_ALPHABETS).to_numpy()


def turned(images: np.ndarray, character: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every character turned by 0, 90, 180 and 270 degrees is four characters, as in the papers."""
    parts = [np.rot90(images, turns, axes=(1, 2)) for turns in range(4)]
    return np.concatenate(parts), np.concatenate([character + turns * (character.max() + 1) for turns in range(4)])


def methods(steps: int, seed: int) -> dict[str, MetaLearner]:
    """The learners, all with the same network of 32 filters and 4 tasks a meta-step."""
    training = Training(steps=steps, tasks=4, seed=seed, every=max(1, steps // 8), validation_tasks=40)
    network = ConvNet(filters=32, outputs=WAYS)
    return {
        "maml": MAML(0.4, 1, network=network, training=training),
        "first_order": MAML(0.4, 1, first_order=True, network=network, training=training),
        "prototypical": PrototypicalNetworks(network=dataclasses.replace(network, outputs=64), training=training),
        "reptile": Reptile(0.1, 5, network=network, training=training),
        "anil": ANIL(0.4, 3, network=network, training=training),
        "meta_sgd": MetaSGD(0.4, 1, network=network, training=training),
    }


def run(steps: int | None, seeds: int, folder: Path) -> dict[str, Any]:
    """Accuracy by shots, method and adaptation steps: mean over seeds, 95% intervals over tasks and every seed."""
    steps = 2000 if steps is None else steps
    images, character, test = load(folder)
    result: dict[str, Any] = {}
    detail: dict[str, Any] = {}
    for shots in (1, 5):
        train = Episodes.of(*turned(images[~test], character[~test]), ways=WAYS, shots=shots, queries=5)
        judge = Episodes.of(images[test], character[test], ways=WAYS, shots=shots, queries=QUERIES)
        for name in methods(steps, 0):
            runs = [_one(methods(steps, seed)[name], train, judge) for seed in range(1 if name in MORE else seeds)]
            mean = float(np.mean([part["accuracy"] for part in runs]))
            result.setdefault(f"{WAYS}-way {shots}-shot", {})[name] = {str(runs[0]["steps"]): mean}
            detail.setdefault(f"{WAYS}-way {shots}-shot", {})[name] = runs
            print(f"{shots}-shot {name}: {mean:.4f}", flush=True)
    return {"omniglot": result, "omniglot_seeds": detail, "meta_steps": steps, "test_tasks": TEST_TASKS}


def _one(learner: MetaLearner, train: Episodes, judge: Episodes) -> dict[str, Any]:
    began = time.process_time()
    fitted = learner.fit(train, progress=False)
    spent = time.process_time() - began
    steps = 3 if isinstance(learner, MAML) else learner.trained_steps
    values = fitted.evaluate(judge, steps=[steps], count=TEST_TASKS, metric="accuracy")[steps]
    interval = 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5
    return {"accuracy": float(values.mean()), "interval": interval, "steps": steps, "cpu_seconds": spent}
