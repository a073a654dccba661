"""Recorded tables: scores of configurations on tasks, minimised, and the configurations as numbers."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FIDELITIES = (
    "epoch", "epochs", "n_epochs", "trainsize", "train_size", "size_train", "step", "iteration", "budget", "fidelity",
)  # fmt: skip
MAXIMISED = ("val_accuracy", "acc", "accuracy")
MINIMISED = ("val_cross_entropy", "logloss", "valid_loss", "error", "loss")
SECONDS = ("time", "timetrain")
SIZES = (("NumberOfInstances", "NumberOfFeatures"), ("n_rows", "n_columns"))
MOST_LEVELS = 100


class Points(NamedTuple):
    """Configurations in the unit cube.

    Attributes:
        unit: NaN where a coordinate is inactive, shape (configurations, d).
        categorical: True for coordinates without an order, shape (d,).
    """

    unit: NDArray[np.float64]
    categorical: NDArray[np.bool_]

    def of(self, rows: NDArray[Any]) -> Points:
        """Some configurations."""
        return Points(self.unit[rows], self.categorical)


class Source(NamedTuple):
    """One table.

    Attributes:
        tasks: Their names, those without any score left out.
        configs: Ids of the configurations.
        scores: To be minimised, NaN where not evaluated, shape (tasks, configurations).
        seconds: Of each evaluation, in the same shape; None if not recorded.
        features: Of the configurations, finite, shape (configurations, d).
        points: The same configurations with gaps and categories; None if not asked for.
    """

    tasks: NDArray[np.str_]
    configs: NDArray[np.int64]
    scores: NDArray[np.float64]
    seconds: NDArray[np.float64] | None
    features: NDArray[np.float64]
    points: Points | None = None


def read(folder: Path) -> Source:
    """A subfolder with `configs.parquet` and either wide `error.parquet` or long `scores.parquet`.

    Of long tables each task's largest fidelity counts; what was evaluated more than once has its mean; infinite scores
    are none.

    Raises:
        ValueError: If the scores are in no column that is known, or there are none.
    """
    table = pd.read_parquet(folder / "configs.parquet").set_index("config_id").sort_index()
    table = table[~table.index.duplicated()]
    if (folder / "error.parquet").exists():
        wide = _once(pd.read_parquet(folder / "error.parquet"))
        timed = _beside(folder / "runtime.parquet", "config_id")
        seconds = None if timed is None else _once(timed)
    else:
        wide, seconds = _of_long(pd.read_parquet(folder / "scores.parquet"))
    wide = wide.astype(float).reindex(table.index)
    wide = wide.where(np.isfinite(wide))
    wide = wide.loc[:, wide.notna().any()]
    if not wide.shape[1]:
        raise ValueError("it has no score of any of its configurations")
    if seconds is not None:
        seconds = seconds.reindex(index=table.index, columns=wide.columns).to_numpy(dtype=float).T
    tasks = np.array([_named(task) for task in wide.columns], dtype=str)
    return Source(tasks, table.index.to_numpy(), wide.to_numpy(dtype=float).T, seconds, numbers(table), points(table))


def _beside(path: Path, key: str) -> pd.DataFrame | None:
    """A table that is of use and not needed: None where it is not there, cannot be read, or lacks its key."""
    if not path.exists():
        return None
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        print(f"{path} cannot be read, and is left out: {error}.", file=sys.stderr, flush=True)
        return None
    return table if key in table else None


def _once(wide: pd.DataFrame) -> pd.DataFrame:
    """A wide table by its configurations; of one that comes twice the mean."""
    return wide.groupby("config_id").mean(numeric_only=True)


def _of_long(long: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Scores, to be minimised, and seconds (None if not recorded), a row a configuration and a column a task."""
    for fidelity in (name for name in FIDELITIES if name in long):
        long = long[long[fidelity] == long.groupby("task")[fidelity].transform("max")]
    score = next((name for name in (*MAXIMISED, *MINIMISED) if name in long), None)
    if score is None:
        known = ", ".join((*MAXIMISED, *MINIMISED))
        raise ValueError(f"scores.parquet has the columns {', '.join(map(str, long))}, and none of {known}")
    sign = -1 if score in MAXIMISED else 1
    timed = next((name for name in SECONDS if name in long), None)
    found = [None if name is None else long.pivot_table(name, "config_id", "task") for name in (score, timed)]
    assert found[0] is not None, "a score there is"
    return sign * found[0], found[1]


def _named(task: Any) -> str:
    """A task's name; whole numbers as such, also where gaps have made floats of them."""
    return str(int(task)) if isinstance(task, float) and task.is_integer() else str(task)


def sources(folder: Path) -> list[str]:
    """Names of the subfolders that `read` can read, sorted."""
    return sorted(path.parent.name for path in folder.glob("*/configs.parquet") if _has_scores(path.parent))


def unknown(folder: Path) -> list[str]:
    """Names of the subfolders that have configurations, and scores in no form that is known here."""
    return sorted(path.parent.name for path in folder.glob("*/configs.parquet") if not _has_scores(path.parent))


def _has_scores(folder: Path) -> bool:
    return (folder / "error.parquet").exists() or (folder / "scores.parquet").exists()


def numbers(table: pd.DataFrame) -> NDArray[np.float64]:
    """Configurations as numbers: one-hot categories, logarithms of what spans two decades, medians for unused.

    Categories with more than 100 levels (names, digests) say nothing of other configurations, and are left out.
    """
    columns = []
    for column in flat(table).values():
        values = _numeric(column)
        if values is None:
            words, levels = _words(column)
            if len(levels) <= MOST_LEVELS:
                columns += [(words == level).reindex(table.index, fill_value=False).to_numpy(float) for level in levels]
            continue
        known = values.notna()
        columns.append(values.fillna(values.median()).to_numpy(dtype=float))
        if not known.all():
            columns.append(known.to_numpy(dtype=float))
    return np.stack(columns, axis=1) if columns else np.zeros((len(table), 0))


def points(table: pd.DataFrame) -> Points:
    """Configurations in the unit cube: the k-th of K categories is (k + 1/2) / K, unused coordinates are NaN.

    Logarithms and names are as in `numbers`.
    """
    columns, categorical = [], []
    for column in flat(table).values():
        values = _numeric(column)
        if values is None:
            words, levels = _words(column)
            if len(levels) <= MOST_LEVELS:
                places = {level: (place + 0.5) / len(levels) for place, level in enumerate(levels)}
                columns.append(words.map(places).reindex(table.index).to_numpy(dtype=float))
                categorical.append(True)
            continue
        low, high = values.min(), values.max()
        columns.append(((values - low) / (high - low if high > low else 1.0)).to_numpy(dtype=float))
        categorical.append(False)
    unit = np.stack(columns, axis=1) if columns else np.zeros((len(table), 0))
    return Points(unit, np.array(categorical, dtype=bool))


def _numeric(column: pd.Series) -> pd.Series | None:
    """Its numbers, logarithms of what spans two decades, NaN for unused; None if it has words or no number."""
    values = pd.to_numeric(column, errors="coerce").astype(float)
    coerced = values.notna()
    values = values.where(np.isfinite(values))
    if coerced.sum() < column.notna().sum() or not values.notna().any():
        return None
    return np.log(values) if values.min() > 0 and values.max() > 100 * values.min() else values


def _words(column: pd.Series) -> tuple[pd.Series, list[str]]:
    """Its words, and their levels in order."""
    words = column[column.notna()].astype(str)
    return words, sorted(words.unique())


def flat(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Columns, those that hold JSON objects replaced by one column per key."""
    columns: dict[str, pd.Series] = {}
    for name in table:
        column = table[name]
        words = column.dropna().astype(str)
        if pd.api.types.is_numeric_dtype(column) or words.empty or not words.str.startswith("{").all():
            columns[str(name)] = column if pd.api.types.is_numeric_dtype(column) else column.astype(object)
            continue
        parts: list[dict[str, Any]] = [json.loads(text) if isinstance(text, str) else {} for text in column]
        keys = sorted({key for part in parts for key in part})
        for key in keys:
            values = [part.get(key) for part in parts]
            plain = all(isinstance(value, int | float) or value is None for value in values)
            columns[f"{name}.{key}"] = pd.Series(
                [value if value is None or plain else str(value) for value in values],
                index=table.index,
                dtype=float if plain else object,
            )
    return columns


def aligned(train: Source, test: Source) -> tuple[Source, Source]:
    """The configurations that both have, and of the past tasks those that are not tested."""
    shared, left, right = np.intersect1d(train.configs, test.configs, return_indices=True)
    past = ~np.isin(train.tasks, test.tasks)

    def part(source: Source, rows: NDArray[np.bool_], columns: NDArray[np.intp]) -> Source:
        seconds = None if source.seconds is None else source.seconds[rows][:, columns]
        scores, places = source.scores[rows][:, columns], None if source.points is None else source.points.of(columns)
        return Source(source.tasks[rows], shared, scores, seconds, source.features[columns], places)

    return part(train, past, left), part(test, np.ones(len(test.tasks), dtype=bool), right)


def folded(
    source: Source, folds: int, about: pd.DataFrame | None = None
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Past and tested tasks of each fold: neighbours in the order of OpenML's ids, which are often of one family.

    Tasks of the same numbers of rows and columns are tested together, where the first of them is in that order: a data
    set is there a second time with two classes of its many, five hundred ids further on.
    """
    order = sorted(range(len(source.tasks)), key=lambda at: _place(str(source.tasks[at])))
    twins = _twins(source, about)
    first: dict[int, int] = {}
    for place, at in enumerate(order):
        first.setdefault(int(twins[at]), place)
    order.sort(key=lambda at: first[int(twins[at])])  # stable
    fold = np.empty(len(order), dtype=np.intp)
    for place, at in enumerate(order):
        before = order[place - 1] if place else at
        fold[at] = fold[before] if place and twins[before] == twins[at] else place * folds // len(order)
    return [(np.flatnonzero(fold != one), np.flatnonzero(fold == one)) for one in range(folds)]


def _twins(source: Source, about: pd.DataFrame | None) -> NDArray[np.intp]:
    """The same number for tasks of one data set: of the same numbers of rows and columns, where these are known.

    Tasks such as "3-flowers" and "7-flowers" are of one data set, too.
    """
    names = [str(task) for task in source.tasks]
    words = [name if name.isdigit() or "-" not in name else name.split("-", 1)[1] for name in names]
    own = len(names) + np.unique(words, return_inverse=True)[1]
    pair = next((pair for pair in SIZES if about is not None and set(pair) <= set(about)), None)
    if about is None or pair is None:
        return own
    sizes = about[list(pair)].reset_index(drop=True)
    groups = sizes.groupby(list(pair)).ngroup().to_numpy()
    return np.where(sizes.notna().all(axis=1), groups, own)


def _place(task: str) -> tuple[int, str]:
    """Numbers in order; names such as "3-flowers" by what stands after the first dash."""
    return (int(task), "") if task.isdigit() else (0, task.split("-", 1)[-1])


def metafeatures(folder: Path, name: str, tasks: NDArray[np.str_]) -> pd.DataFrame | None:
    """Of tasks that are named by OpenML's ids, from any table of them in the folder; NaN where missing; a row a task.

    A source's own `SOURCE/tasks.parquet` is taken for its tasks alone; `*_metafeatures/tasks.parquet` for all sources.
    Where two tables of the folder have a column of one name, the later one's has its table's name before it. None if
    nothing is known of any of the tasks.
    """
    paths = [path for path in (folder / name / "tasks.parquet",) if path.exists()]
    paths = [*sorted(folder.glob("*_metafeatures/tasks.parquet")), *paths]
    found: dict[str, NDArray[np.float64]] = {}
    for path in paths:
        table = _beside(path, "openmlid")
        if table is not None:
            table = table[table["openmlid"].notna()]
            ids = [_named(task) for task in table["openmlid"]]
            table = table.set_index(pd.Index(ids)).drop(columns="openmlid").select_dtypes("number")
            table = table[~table.index.duplicated()].reindex(tasks)
            for column in table:
                key = f"{path.parent.name}.{column}" if column in found else str(column)
                found[key] = table[column].to_numpy(dtype=float)
    known = pd.DataFrame(found)
    return known if np.isfinite(known.to_numpy()).any() else None
