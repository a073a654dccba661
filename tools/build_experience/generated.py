"""Synthetic tables: functions of random columns, of five kinds, so that experience is of many sorts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["KINDS", "generate"]

KINDS: Final = ("linear", "network", "tree", "neighbours", "additive")
_SIZES: Final = (150, 3000)
_WIDTHS: Final = (3, 60)


def generate(number: int) -> pd.DataFrame:
    """The table of this number: numeric columns, some cut into categories, missing cells, and a column `target`.

    The kind is `KINDS[number % 5]`: a linear function, a random network, a random tree, distances to centres, or a sum
    of functions of one column each. Every second table has 2 to 6 classes.

    Example:
        >>> frame = generate(1)
        >>> "target" in frame.columns, len(frame) >= 150
        (True, True)
    """
    import pandas as pd

    rng = np.random.default_rng((7, number))
    rows, width = (int(np.exp(rng.uniform(*np.log(span)))) for span in (_SIZES, _WIDTHS))
    mixing = np.eye(width) + rng.uniform(0, 1) * rng.normal(size=(width, width)) / np.sqrt(width)
    X = rng.normal(size=(rows, width)) @ mixing
    used = rng.permutation(width)[: max(2, int(rng.uniform(0.2, 1.0) * width))]
    signal = _standard(_SIGNALS[KINDS[number % len(KINDS)]](X[:, used], rng))
    signal = signal + rng.choice([0.05, 0.3, 1.0]) * rng.normal(size=rows)
    frame = pd.DataFrame(_skewed(X, rng), columns=[f"x{place}" for place in range(width)])
    for name in frame.columns[rng.random(width) < rng.choice([0.0, 0.3, 0.8])]:
        cut = pd.qcut(frame[name], int(rng.integers(2, 12)), labels=False, duplicates="drop")
        frame[name] = "level " + cut.astype("str")
    if rng.random() < 0.4:
        frame = frame.mask(rng.random(frame.shape) < rng.uniform(0.01, 0.2))
    if number % 2:
        classes = int(rng.integers(2, 7)) if rng.random() < 0.5 else 2
        bounds = np.sort(rng.uniform(0.1, 0.9, size=classes - 1))
        frame["target"] = [f"class {code}" for code in np.searchsorted(np.quantile(signal, bounds), signal)]
    else:
        frame["target"] = signal
    return frame


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-9))


def _skewed(X: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Some columns shaped like money and counts: exponentials and rounded numbers."""
    shaped = X.copy()
    for place in range(X.shape[1]):
        draw = rng.random()
        if draw < 0.25:
            shaped[:, place] = np.exp(X[:, place])
        elif draw < 0.4:
            shaped[:, place] = np.round(2 * X[:, place])
    return shaped


def _linear(X: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(X @ rng.normal(size=X.shape[1]))


def _network(X: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    hidden = np.tanh(X @ rng.normal(size=(X.shape[1], 16)) / np.sqrt(X.shape[1]) + rng.normal(size=16))
    return np.asarray(np.tanh(hidden @ rng.normal(size=(16, 8))) @ rng.normal(size=8))


def _tree(X: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Six levels, one column and threshold each, so that a row's leaf is a word of six bits."""
    columns = rng.integers(X.shape[1], size=6)
    leaf = (X[:, columns] > rng.normal(scale=0.7, size=6)) @ (2 ** np.arange(6))
    return np.asarray(rng.normal(size=64)[leaf])


def _neighbours(X: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    centres = rng.normal(size=(12, X.shape[1]))
    nearest = np.square(X[:, None] - centres).sum(axis=2).argmin(axis=1)
    return np.asarray(rng.normal(size=12)[nearest])


def _additive(X: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    waves = np.sin(X * rng.uniform(0.5, 3.0, size=X.shape[1]) + rng.uniform(0, 6, size=X.shape[1]))
    return np.asarray(waves @ rng.normal(size=X.shape[1]))


_SIGNALS: Final = dict(zip(KINDS, (_linear, _network, _tree, _neighbours, _additive), strict=True))
