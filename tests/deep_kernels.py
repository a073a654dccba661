"""Deep kernels with random weights."""

from __future__ import annotations

import numpy as np

from seasoned.surrogates.gp.deep_kernel import DeepKernel, Layer

__all__ = ["kernel_of"]


def kernel_of(seed, inputs=3, hidden=5, outputs=2):
    rng = np.random.default_rng(seed)
    return DeepKernel(
        (
            Layer(rng.normal(size=(inputs, hidden)), rng.normal(size=hidden)),
            Layer(rng.normal(size=(hidden, outputs)), rng.normal(size=outputs)),
        ),
        0.02,
    )
