"""Scores of tasks by configurations with a planted low-rank structure."""

from __future__ import annotations

import numpy as np

__all__ = ["planted"]


def planted(seed, tasks=200, configurations=30, rank=2, noise=0.1):
    rng = np.random.default_rng(seed)
    weights, loadings = rng.normal(size=(tasks, rank)), rng.normal(size=(rank, configurations))
    mean = rng.normal(size=configurations)
    return mean + weights @ loadings + noise * rng.normal(size=(tasks, configurations)), mean, loadings
