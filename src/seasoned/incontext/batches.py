"""Batches of drawn tables, padded to a few fixed sizes, so that few programs are compiled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.incontext.encoding import (
    CELL,
    MAX_CLASSES,
    TARGET,
    CellEncoder,
    TargetScale,
    encode_classes,
    encode_numbers,
)
from seasoned.incontext.linear_part import LinearPart

if TYPE_CHECKING:
    from collections.abc import Callable

    from seasoned.incontext.prior import DrawnTable

__all__ = ["BUCKETS", "TRIAL_BUCKETS", "Bucket", "draw_batch"]

FURTHEST: Final = 6.0
"""Largest absolute standard score of a query's target: one outlier must not rule the loss of a batch."""


@dataclass(frozen=True)
class Bucket:
    """Size of the tables of a batch.

    Attributes:
        context: Largest number of context rows.
        queries: Number of query rows.
        columns: Largest number of columns.
        tables: Number of tables.
        linear: Probability that a table has a linear model of its context rows, as half of the views have.
    """

    context: int
    queries: int
    columns: int
    tables: int
    linear: float = 0.0


_LINEAR: Final = 0.6
BUCKETS: Final = (
    Bucket(64, 32, 8, 8, _LINEAR),
    Bucket(128, 64, 4, 8, _LINEAR),
    Bucket(128, 64, 16, 3, _LINEAR),
    Bucket(256, 96, 8, 3, _LINEAR),
    Bucket(512, 128, 8, 2, _LINEAR),
    Bucket(256, 96, 32, 1, _LINEAR),
    Bucket(1024, 128, 8, 1, _LINEAR),
    Bucket(512, 128, 20, 1, _LINEAR),
)
"""Batches of tables, of six to thirteen thousand cells."""
TRIAL_BUCKETS: Final = (
    Bucket(8, 16, 8, 24),
    Bucket(16, 16, 8, 20),
    Bucket(32, 32, 8, 12),
    Bucket(64, 32, 16, 5),
    Bucket(128, 64, 8, 5),
    Bucket(256, 64, 8, 3),
)
"""Batches of studies, which begin with a few trials."""


def draw_batch(
    rng: np.random.Generator, draw: Callable[[np.random.Generator, int, int], DrawnTable], bucket: Bucket
) -> dict[str, np.ndarray]:
    """Return a batch of drawn tables.

    Args:
        rng: Generator of all choices.
        draw: Prior: a table of a number of rows and columns.
        bucket: Size; each table has at least half of its context rows and a quarter of its columns.

    Returns:
        Arrays whose first axis is the table: `cells` and `targets` of the context, `queries`, their `classes` or
        `numbers`, the `slots` of classes in use (none for numbers), and the masks `rows` and `columns`.
    """
    tables = [_table(rng, draw, bucket) for _ in range(bucket.tables)]
    return {name: np.stack([table[name] for table in tables]) for name in tables[0]}


def _table(
    rng: np.random.Generator, draw: Callable[[np.random.Generator, int, int], DrawnTable], bucket: Bucket
) -> dict[str, np.ndarray]:
    n = int(rng.integers(bucket.context // 2, bucket.context + 1))
    columns = int(rng.integers(max(bucket.columns // 4, 2), bucket.columns + 1))
    table = draw(rng, n + bucket.queries, columns)
    if rng.random() < bucket.linear:
        table = _with_linear_part(rng, table, n, bucket.columns)
    X, y = table.X.astype(np.float64), table.y.astype(np.float64)
    encoder = CellEncoder.of(X[:n], table.categorical)
    classes, numbers = np.zeros(bucket.queries, dtype=np.int32), np.zeros(bucket.queries, dtype=np.float32)
    if table.n_classes:
        labels = rng.permutation(table.n_classes)[y.astype(np.int64)]
        targets = encode_classes(labels[:n])
        classes = labels[n:].astype(np.int32)
    else:
        scale = TargetScale.of(y[:n])
        targets = encode_numbers(scale.standardise(y[:n]))
        numbers = np.clip(scale.standardise(y[n:]), -FURTHEST, FURTHEST).astype(np.float32)
    return {
        "cells": _padded(encoder.encode(X[:n]), (bucket.context, bucket.columns, CELL)),
        "targets": _padded(targets, (bucket.context, TARGET)),
        "queries": _padded(encoder.encode(X[n:]), (bucket.queries, bucket.columns, CELL)),
        "classes": classes,
        "numbers": numbers,
        "slots": (np.arange(MAX_CLASSES) < table.n_classes).astype(np.float32),
        "rows": (np.arange(bucket.context) < n).astype(np.float32),
        "columns": (np.arange(bucket.columns) < X.shape[1]).astype(np.float32),
    }


def _with_linear_part(rng: np.random.Generator, table: DrawnTable, n: int, most_columns: int) -> DrawnTable:
    """Return the table with predictions of a linear model of the first n rows, which are its context.

    They are further columns, or half of the numbers become residuals, as in `views.py`. A table with no room for the
    columns, or of which no linear model is fitted, stays as it is.
    """
    X, y = table.X.astype(np.float64), table.y.astype(np.int64 if table.n_classes else np.float64)
    linear = LinearPart.of(X[:n], y[:n], CellEncoder.of(X[:n], table.categorical), table.n_classes, rng)
    if linear is None:
        return table
    outputs = np.concatenate([linear.out_of_fold, linear.predict(X[n:])])
    if not table.n_classes and rng.random() < 0.5:
        return replace(table, y=y - outputs[:, 0])
    cells = np.concatenate([X, outputs], axis=1)
    if cells.shape[1] > most_columns:
        return table
    order = rng.permutation(cells.shape[1])
    marks = np.append(table.categorical, np.zeros(outputs.shape[1], dtype=bool))
    return replace(table, X=cells[:, order], categorical=marks[order])


def _padded(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    out = np.zeros(shape, dtype=np.float32)
    out[tuple(slice(size) for size in array.shape)] = array
    return out
