"""Tables of tasks with known structure, for the tests of few-shot learning."""

from __future__ import annotations

import numpy as np
import pandas as pd

from seasoned.metagrad import RidgeHead, Training, WideDeep

__all__ = ["NOISE", "brief", "quick", "stores"]

NOISE = 0.3


def quick(steps=1):
    """The default learner, trained briefly: compiling is most of what a test costs."""
    training = Training(steps=300, tasks=8, lr=1e-2, every=100, validation_tasks=50)
    return RidgeHead(inner_steps=steps, network=WideDeep((4,)), training=training)


def brief():
    """The same for what does not matter how well it learns."""
    return RidgeHead(network=WideDeep((4,)), training=Training(steps=20, tasks=4, every=10, validation_tasks=4))


def stores(tasks=30, rows=20, seed=0):
    """y = 3 z + intercept_store + slope_store x + noise, with a category, a date, gaps, and the store's name.

    Returns the table, the target, and the number of each row's store.
    """
    rng = np.random.default_rng(seed)
    store = np.repeat(np.arange(tasks), rows)
    count = len(store)
    x, z = rng.normal(size=(2, count))
    colour = rng.choice(["red", "green", "blue"], count)
    intercept, slope = 2 * rng.normal(size=tasks), rng.normal(size=tasks)
    y = 3 * z + intercept[store] + slope[store] * x + NOISE * rng.normal(size=count) + (colour == "red")
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, count), unit="D")
    frame = pd.DataFrame({"x": x, "z": z, "colour": colour, "when": when, "store": [f"s{i:02d}" for i in store]})
    frame.loc[rng.random(count) < 0.03, "colour"] = None
    return frame, pd.Series(y, name="sales"), store
