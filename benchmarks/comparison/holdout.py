"""Training and test rows of a table: random folds, folds of whole groups, or blocks of time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Split = tuple[NDArray[np.intp], NDArray[np.intp]]

FOLDS, SEED = 5, 0
HALVES: dict[str, Any] = json.loads((Path(__file__).parent.parent / "splits.json").read_text())
"""Output of `split_tables.py`: names of both halves, and the columns that separate test rows."""


def splits(table: str, file: Path, rows: NDArray[np.intp], labels: pd.Series | None) -> list[Split]:
    """Positions of training and test rows among `rows`.

    A table in time has four splits. Split 0 tests on the last fifth of the time, split 1 on the fifth before, and so
    on; the training rows are all earlier ones. Other tables have five folds, and no group is on both sides of one.

    Args:
        table: Name of the table.
        file: Its Parquet file.
        rows: Row numbers that take part.
        labels: Classes of these rows, for stratified folds; None for regression.
    """
    column = HALVES["holdout"].get(table, {})
    if "time" in column:
        return _by_time(_cells(file, column["time"], rows))
    if "groups" in column:
        kind = GroupKFold if labels is None else StratifiedGroupKFold
        groups = _cells(file, column["groups"], rows).astype(str).to_numpy()
        return list(kind(FOLDS, shuffle=True, random_state=SEED).split(np.zeros(len(rows)), labels, groups))
    kind = KFold if labels is None else StratifiedKFold
    return list(kind(FOLDS, shuffle=True, random_state=SEED).split(np.zeros(len(rows)), labels))


def _by_time(times: pd.Series) -> list[Split]:
    order = np.argsort(pd.to_datetime(times, format="mixed").to_numpy(), kind="stable")
    blocks = np.array_split(order, FOLDS)
    return [(np.concatenate(blocks[:test]), blocks[test]) for test in range(FOLDS - 1, 0, -1)]


def _cells(file: Path, column: str, rows: NDArray[np.intp]) -> pd.Series:
    return pd.read_parquet(file, columns=[column])[column].iloc[rows]
