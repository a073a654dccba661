"""The tables of a manifest, the five folds of each, and what a framework's predictions on a fold are worth."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error

from comparison.holdout import HALVES, SEED, splits

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

DEVELOPMENT = 41  # tables, first in alphabetical order, on which choices are made; the others are reported apart
LEAST = 10  # rows of a class in a draw of rows, so that each fold has some of them to learn from and to be judged by
METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


@dataclass(frozen=True)
class Fold:
    """One table and one of its five splits into training and test rows."""

    table: str
    task: str
    metric: str
    target: str
    file: Path
    sha256: str
    number: int
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    y: pd.Series

    @property
    def identity(self) -> dict[str, Any]:
        """What must be equal for two results to be of the same rows."""
        return {
            "table": self.table,
            "fold": self.number,
            "sha256": self.sha256,
            "split": zlib.crc32(self.test.astype("<i8").tobytes()),
        }


def manifest(folder: Path, only: list[str], first: int | None = None, last: int | None = None) -> list[dict[str, Any]]:
    """The entries of a folder's manifest: of the given names, if any; the first or the last of these by alphabet."""
    entries = json.loads((folder / "manifest.json").read_text())["datasets"]
    unknown = set(only) - {entry["name"] for entry in entries}
    if unknown:
        raise SystemExit(f"no such table in the manifest: {', '.join(sorted(unknown))}")
    named = [entry for entry in entries if not only or entry["name"] in only]
    if first is None and last is None:
        return named
    ordered = sorted(named, key=lambda entry: entry["name"].casefold())
    return ordered[:first] if last is None else ordered[max(len(ordered) - last, 0) :]


def development(folder: Path) -> set[str]:
    """Names of the tables of a folder on which choices may be made: a drawn half, or the first 41."""
    names = {entry["name"] for entry in manifest(folder, [])}
    if names & set(HALVES["report"]):
        return names & set(HALVES["choose"])
    return {entry["name"] for entry in manifest(folder, [], DEVELOPMENT)}


def folds(folder: Path, entry: dict[str, Any], numbers: list[int], most: int | None = None) -> list[Fold]:
    """The asked-for splits of a table: five folds, shuffled with seed 0, stratified for classes (`holdout.splits`).

    Rows without a target take no part. A fold of two classes whose test rows have one of them is left out, with a word:
    no AUC is there.

    Args:
        folder: Where the table is.
        entry: Its entry in the manifest.
        numbers: Which of the five.
        most: Of so many rows at most (`drawn`); of all of them if None.

    Raises:
        SystemExit: If the entry asks for another metric than its task is judged by, or for a fold that a table in time
            does not have.
    """
    file = folder / entry["file"]
    y = pd.read_parquet(file, columns=[entry["target"]])[entry["target"]]
    task = entry["task"]
    metric = entry.get("metric") or METRICS[task]
    if metric != METRICS[task]:
        raise SystemExit(f"{entry['name']} asks for {metric}, and {task} tables are judged by {METRICS[task]} here.")
    rows = np.flatnonzero(y.notna()) if most is None else drawn(y, task, most)
    pairs = splits(entry["name"], file, rows, None if task == "regression" else y.iloc[rows].astype(str))
    if max(numbers) >= len(pairs):
        raise SystemExit(f"{entry['name']} runs in time: it has the folds 0 to {len(pairs) - 1}.")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    found = [
        Fold(entry["name"], task, metric, entry["target"], file, sha256, number, *(rows[s] for s in pairs[number]), y)
        for number in numbers
    ]
    judged = [one for one in found if task != "binary" or y.iloc[one.test].nunique() > 1]
    for one in found:
        if one not in judged:
            print(f"{one.table}, fold {one.number}: left out, for its test rows have one class alone.", flush=True)
    return judged


def one_fold(folder: Path, entry: dict[str, Any], number: int, most: int | None = None) -> Fold:
    """The fold of that number.

    Raises:
        SystemExit: If it can judge nothing.
    """
    found = folds(folder, entry, [number], most)
    if not found:
        raise SystemExit(f"{entry['name']}, fold {number}, cannot be judged; name the other tables with --only.")
    return found[0]


def drawn(y: pd.Series, task: str, most: int) -> NDArray[np.intp]:
    """So many rows, drawn with seed 0, in their order; without those of classes that are then too few."""
    known = y.notna().to_numpy()
    rows = np.random.default_rng(SEED).permutation(len(y))
    rows = np.sort(rows[known[rows]][:most])
    if task == "regression":
        return rows
    labels = y.iloc[rows].astype(str)
    return rows[(labels.map(labels.value_counts()) >= LEAST).to_numpy()]


def judge(fold: Fold, predicted: NDArray[Any], labels: list[str] | None) -> float:
    """The table's metric on the test rows.

    Args:
        fold: Whose test rows were predicted.
        predicted: Numbers (n,), or probabilities (n, classes).
        labels: The classes, as text, in the order of the columns.

    Raises:
        ValueError: The predictions have the wrong shape, or are not all finite.
    """
    truth = fold.y.iloc[fold.test]
    if len(predicted) != len(truth):
        raise ValueError(f"{len(predicted)} predictions for {len(truth)} rows")
    if not np.isfinite(predicted).all():
        raise ValueError("predictions are not finite")
    if labels is None:
        return float(root_mean_squared_error(truth.to_numpy(dtype=float), predicted.astype(float)))
    probabilities, classes = aligned(fold, predicted, labels)
    if fold.task == "binary":
        return float(roc_auc_score(truth.astype(str) == classes[1], probabilities[:, 1]))
    return float(log_loss(truth.astype(str), probabilities, labels=classes))


def aligned(fold: Fold, predicted: NDArray[Any], labels: list[str]) -> tuple[NDArray[np.float64], list[str]]:
    """Probabilities with a column for each class of the table, sorted by text; a class not predicted has 0."""
    classes = sorted(fold.y.dropna().astype(str).unique())
    if not set(labels) <= set(classes):
        raise ValueError(f"predicted classes that the table lacks: {sorted(set(labels) - set(classes))[:3]}")
    probabilities = np.zeros((len(predicted), len(classes)))
    probabilities[:, [classes.index(label) for label in labels]] = predicted
    if fold.metric == "log_loss":
        probabilities /= np.maximum(probabilities.sum(axis=1, keepdims=True), 1e-300)
    return probabilities, classes
