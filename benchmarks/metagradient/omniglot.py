"""Omniglot: N-way k-shot on alphabets never seen, meta-trained on six alphabets, tested on two.

Nothing is chosen on the test alphabets: inner rates and steps are the papers', the guard keeps the meta-parameters that
are best on 40 validation tasks of characters of the six alphabets that training does not see.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from metagradient.resuming import train
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
    from collections.abc import Iterable
    from pathlib import Path

    from metagradient.records import Records

TEST_ALPHABETS = ("Korean", "Tagalog")
SHOTS, WAYS, QUERIES, TEST_TASKS = (1, 5), 5, 15, 600
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


def run(
    steps: int | None, seeds: int, records: Records, folder: Path, only: Iterable[str] | None = None
) -> dict[str, Any]:
    """Accuracy by shots and method: mean over seeds, with 95% intervals over test tasks, the same for all runs."""
    steps = 2000 if steps is None else steps
    sets = _families(folder)
    result: dict[str, Any] = {}
    detail: dict[str, Any] = {}
    found: dict[tuple[int, str, int], np.ndarray] = {}
    for shots, name, seed in order(seeds, only):
        key = {"shots": shots, "method": name, "seed": seed, "steps": steps}
        learner = methods(steps, seed)[name]
        record = records.keep(key, lambda learner=learner, key=key: _one(learner, records, key, *sets[key["shots"]]))
        found[shots, name, seed] = np.array(record["correct"]) / (WAYS * QUERIES)
        print(f"{shots}-shot {name}, seed {seed}: {found[shots, name, seed].mean():.4f}", flush=True)
        rest = {name: value for name, value in record.items() if name != "correct"}
        row = {"seed": seed, "accuracy": float(found[shots, name, seed].mean()), **rest}
        detail.setdefault(label(shots), {}).setdefault(name, []).append(row)
    for shots in sets:
        parts: dict[str, list[np.ndarray]] = {}
        for (size, name, _), values in found.items():
            if size == shots:
                parts.setdefault(name, []).append(values)
        result[label(shots)] = {name: _interval(np.mean(part, axis=0)) for name, part in parts.items()}
        if {"maml", "first_order"} <= set(parts):
            gain = np.mean(parts["first_order"], axis=0) - np.mean(parts["maml"], axis=0)
            detail[label(shots)]["first_order_minus_maml"] = _interval(gain)
    return {"omniglot": result, "omniglot_seeds": detail, "meta_steps": steps, "test_tasks": TEST_TASKS}


def label(shots: int) -> str:
    """Name of a setting."""
    return f"{WAYS}-way {shots}-shot"


def order(seeds: int, only: Iterable[str] | None) -> list[tuple[int, str, int]]:
    """Shots, method and seed of every run: all methods with one seed, then further seeds of those that have more."""
    names = [name for name in methods(1, 0) if only is None or name in only]
    return [
        (shots, name, seed)
        for seed in range(seeds)
        for shots in SHOTS
        for name in names
        if seed == 0 or name not in MORE
    ]


def _families(folder: Path) -> dict[int, tuple[Episodes, Episodes]]:
    """Training and test tasks by shots."""
    images, character, test = load(folder)
    known = turned(images[~test], character[~test])
    return {
        shots: (
            Episodes.of(*known, ways=WAYS, shots=shots, queries=5),
            Episodes.of(images[test], character[test], ways=WAYS, shots=shots, queries=QUERIES),
        )
        for shots in SHOTS
    }


def _one(
    learner: MetaLearner, records: Records, key: dict[str, Any], known: Episodes, judge: Episodes
) -> dict[str, Any]:
    fitted, spent = train(records.unfinished, key, learner, known)
    steps = 3 if isinstance(learner, MAML) else learner.trained_steps  # 3 after 1, as in the paper
    values = fitted.evaluate(judge, steps=[steps], count=TEST_TASKS, metric="accuracy")[steps]
    correct = np.rint(values * WAYS * QUERIES).astype(int).tolist()
    return {"correct": correct, "steps": steps, "cpu_seconds": round(spent, 1)}


def _interval(values: np.ndarray) -> dict[str, float]:
    """Mean over test tasks (each the mean over seeds) and half of its 95% interval."""
    return {"mean": float(values.mean()), "interval": 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5}
