"""Deep metrics with random weights."""

from __future__ import annotations

import numpy as np

from seasoned.knowledge.deep_metric.inputs import BASES, Frame
from seasoned.knowledge.deep_metric.model import DeepMetric
from seasoned.knowledge.deep_metric.network import first_weights, shapes_of

__all__ = ["raw"]


def raw(seed=0, points=3, metafeatures=2, known=4):
    """A function with random weights."""
    rng = np.random.default_rng(seed)
    frame = Frame(
        np.zeros(points, np.float32),
        np.ones(points, np.float32),
        rng.normal(size=(known, 2 + BASES)).astype(np.float16),
        np.zeros(BASES, np.float32),
        np.sort(rng.normal(size=(6, metafeatures)), axis=0).astype(np.float32),
        np.array([0.5, 2.0], np.float32),
    )
    shapes = shapes_of(frame.width, metafeatures, 4, 8)
    return DeepMetric(tuple(first_weights(shapes, rng) for _ in range(2)), frame, 1.25)
