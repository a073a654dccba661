"""In-context networks on small tables, beside a forest, boosted trees, a linear model and nearest neighbours.

    python benchmarks/incontext.py DATASETS_FOLDER --network FILE [--network FILE] --out results.json

Tables of the folder's manifest with fewer than 2,000 rows, cut to 1,000 (seed 0, classes in proportion; classes with
fewer than 5 rows left out). Three folds by default, shuffled with seed 0. All methods read the same numbers: numbers as
they are, other columns as codes of the training rows' values; linear models and neighbours get these codes one-hot
(most frequent 20) and all columns standardised, gaps as means. Scores: AUC (mean of one class against the rest), or
RMSE divided by the standard deviation of the fold's target. Seconds are those of one core. `--rows 200` trains on at
most so many rows of each fold.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
import pandas as pd
from scipy.stats import wilcoxon
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score, root_mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from common import alone, environment
from seasoned.incontext.estimators import InContextClassifier, InContextRegressor
from tables import ordinal_codes

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS, FEWEST, LEVELS = 1000, 5, 20


def small_tables(folder: Path, only: str) -> list[dict[str, Any]]:
    entries = json.loads((folder / "manifest.json").read_text())["datasets"]
    names = set(only.split(",")) if only else {entry["name"] for entry in entries}
    chosen = [entry for entry in entries if entry["name"] in names]
    return [entry for entry in chosen if len(pd.read_parquet(folder / entry["file"], columns=[entry["target"]])) < 2000]


def read(folder: Path, entry: dict[str, Any]) -> tuple[pd.DataFrame, np.ndarray]:
    table = pd.read_parquet(folder / entry["file"]).dropna(subset=[entry["target"]])
    y = table.pop(entry["target"])
    if entry["task"] == "regression":
        kept = np.arange(len(y))
        strata = None
    else:
        kept = np.flatnonzero(y.map(y.value_counts()) >= FEWEST)
        strata = y.iloc[kept]
    if len(kept) > ROWS:
        kept = train_test_split(kept, train_size=ROWS, random_state=0, stratify=strata)[0]
    y = y.iloc[kept]
    return table.iloc[kept], y.to_numpy(dtype=float) if entry["task"] == "regression" else pd.factorize(y)[0]


def linear_input(marks: np.ndarray) -> Any:
    numbers = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
    levels = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=-1),
        OneHotEncoder(max_categories=LEVELS, handle_unknown="infrequent_if_exist", sparse_output=False),
    )
    return make_column_transformer((numbers, np.flatnonzero(~marks)), (levels, np.flatnonzero(marks)))


def methods(regression: bool, marks: np.ndarray, networks: list[Path], views: int) -> dict[str, Any]:
    small = {"network": None, "categorical": np.flatnonzero(marks), "views": views}
    kinds = (
        (RandomForestRegressor, lightgbm.LGBMRegressor, Ridge, KNeighborsRegressor, InContextRegressor)
        if regression
        else (
            RandomForestClassifier,
            lightgbm.LGBMClassifier,
            LogisticRegression,
            KNeighborsClassifier,
            InContextClassifier,
        )
    )
    forest, boosted, linear, neighbours, incontext = kinds
    return {
        "forest": make_pipeline(SimpleImputer(strategy="constant", fill_value=-1e6), forest(random_state=0)),
        "lightgbm": boosted(random_state=0, verbosity=-1, n_jobs=1),
        "linear": make_pipeline(linear_input(marks), linear() if regression else linear(max_iter=1000)),
        "neighbours": make_pipeline(linear_input(marks), neighbours()),
        **{f"incontext-{path.parent.name}": incontext(**{**small, "network": path}) for path in networks},
    }


def score(regression: bool, model: Any, X: np.ndarray, y: np.ndarray) -> float:
    if regression:
        return float(root_mean_squared_error(y, model.predict(X)) / y.std())
    predicted = model.predict_proba(X)
    seen = [place for place in range(predicted.shape[1]) if 0 < (y == model.classes_[place]).sum() < len(y)]
    return float(np.mean([roc_auc_score(y == model.classes_[place], predicted[:, place]) for place in seen]))


def folds_of(X: pd.DataFrame, y: np.ndarray, regression: bool, options: argparse.Namespace) -> Iterator[Any]:
    folds = (KFold if regression else StratifiedKFold)(options.folds, shuffle=True, random_state=0)
    for train, test in folds.split(X, y):
        if options.rows < len(train):
            strata = None if regression else y[train]
            yield train_test_split(train, train_size=options.rows, random_state=0, stratify=strata)[0], test
        else:
            yield train, test


def measure(folder: Path, entry: dict[str, Any], options: argparse.Namespace) -> list[dict[str, Any]]:
    X, y = read(folder, entry)
    regression = entry["task"] == "regression"
    rows = []
    for fold, (train, test) in enumerate(folds_of(X, y, regression, options)):
        inputs, inputs_test = ordinal_codes(X.iloc[train], X.iloc[test])
        marks = np.array([not pd.api.types.is_numeric_dtype(X[name]) for name in X.columns])
        for name, model in methods(regression, marks, options.network, options.views).items():
            start = time.perf_counter()
            model.fit(inputs, y[train])
            fitted = time.perf_counter()
            value = score(regression, model, inputs_test, y[test])
            seconds = {"fit": round(fitted - start, 3), "predict": round(time.perf_counter() - fitted, 3)}
            rows.append(
                {"table": entry["name"], "task": entry["task"], "fold": fold, "method": name, "score": value, **seconds}
            )
    return rows


def summary(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    lines = []
    for kind, part in frame.groupby(np.where(frame["task"] == "regression", "nRMSE", "AUC")):
        by_table = part.groupby(["table", "method"])["score"].mean().unstack()
        for method in by_table.columns:
            change = (by_table[method] - by_table["forest"]) * (1 if kind == "AUC" else -1)
            p = wilcoxon(change).pvalue if method != "forest" else np.nan
            lines.append({
                "score": kind, "method": method, "mean": by_table[method].mean(), "over forest": (change > 0).sum(),
                "tables": len(change), "p": p,
                "seconds": part[part["method"] == method][["fit", "predict"]].sum(axis=1).median(),
            })  # fmt: skip
    return pd.DataFrame(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--network", type=Path, action="append", default=[], help="trained network; its folder is its name"
    )
    parser.add_argument("--only", default="", help="names of tables, separated by commas")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    warnings.simplefilter("ignore")
    for entry in small_tables(options.folder, options.only):
        with alone(), threadpool_limits(1):
            rows += measure(options.folder, entry, options)
        print(entry["name"], flush=True)
    settings = {name: str(value) for name, value in vars(options).items() if name not in {"folder", "network", "out"}}
    settings["network"] = ", ".join(path.name for path in options.network)
    if options.out:
        options.out.write_text(json.dumps({"environment": environment(), "settings": settings, "rows": rows}, indent=1))
    print(summary(rows).to_string(index=False, float_format=lambda value: f"{value:.4f}"))


if __name__ == "__main__":
    main()
