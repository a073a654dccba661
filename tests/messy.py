"""Small messy tables for tests: mixed types, missing values, dates, text, a constant column, numbers as text."""

from __future__ import annotations

import numpy as np
import pandas as pd


def messy(task: str = "binary", rows: int = 240, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(seed)
    size, colour = rng.normal(size=rows), rng.choice(["red", "green", "blue"], rows)
    signal = size + (colour == "red") + 0.3 * rng.normal(size=rows)
    start = pd.Timestamp("2021-01-01")
    frame = pd.DataFrame(
        {
            "size": np.where(rng.random(rows) < 0.1, np.nan, size),
            "count": rng.integers(0, 50, rows),
            "colour": pd.Series(colour).where(rng.random(rows) > 0.1),
            "day": [str((start + pd.Timedelta(days=int(d))).date()) for d in rng.integers(0, 900, rows)],
            "when": start + pd.to_timedelta(rng.integers(0, 10**7, rows), unit="s"),
            "note": [f"item {rng.integers(1000)} of {rng.choice(['box', 'bag', 'tin'])}" for _ in range(rows)],
            "price": [f" {value:.2f}" if value > 1 else " " for value in rng.uniform(0, 20, rows)],
            "flag": rng.random(rows) < 0.5,
            "kind [a]": pd.Series(rng.choice(["x", "y"], rows)).astype("category"),
            "same": "constant",
        }
    )
    if task == "regression":
        return frame, pd.Series(10 * signal, name="target")
    if task == "binary":
        return frame, pd.Series(np.where(signal > 0.3, "yes", "no"), name="target")
    return frame, pd.Series(np.digitize(signal, [-0.4, 0.8]) * 5, name="target")
