"""Small in-context networks with random weights that are nowhere zero, so that each part of the network counts."""

from __future__ import annotations

import numpy as np

from seasoned.incontext.network import Network, init
from seasoned.incontext.settings import NetworkSettings

SMALL = NetworkSettings(width=24, layers=2, heads=2, hidden=24, thinking=3, cell_width=8, inducing=4)


def random_network(seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    weights = {
        part: {name: rng.normal(0, 0.3, np.shape(array)).astype(np.float32) for name, array in arrays.items()}
        for part, arrays in init(rng, SMALL).items()
    }
    return Network(SMALL, weights, {})


def random_table(seed: int, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, columns))
    X[rng.random(X.shape) < 0.1] = np.nan
    return X, rng.integers(0, 3, rows).astype(float)
