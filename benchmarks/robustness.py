"""Robustness: wrong labels, a shifted test set, and missing columns in prediction, beside a peer.

    python benchmarks/robustness.py --datasets FOLDER --only adult,churn --out benchmarks/results/robustness.json

Variants of fold 0 of each table, the same for every tool:

- `noise 10%`, `noise 20%`: so many training rows get another class at random, or the number of another row.
- `shift`: the test rows are the fifth of the table with the largest values of the numeric column that has most values.
- `missing`: in the test rows, half of the columns are empty.

The change of a variant is its loss divided by the loss without (1 - AUC, log loss or root mean squared error). Medians
over tables, and for each variant the number of tables on which the first tool has the smaller loss. Fits alternate
between the tools; results in the file are not measured again.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import common
from comparison.interleaved import interleaved
from comparison.records import Record, Records
from comparison.registry import FRAMEWORKS
from comparison.splits import Fold, manifest, one_fold
from comparison.summary import loss
from comparison.text import table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

PLAIN = "plain"
SHIFTED = 0.2  # share of the rows in a shifted test set
SHARE = 0.5  # share of the columns that are empty in prediction

Change = tuple[pd.DataFrame, "NDArray[np.intp]", "NDArray[np.intp]"]  # table, training rows, test rows


def noisy(share: float) -> Callable[[pd.DataFrame, Fold, np.random.Generator], Change]:
    """Variant with wrong targets in a share of the training rows."""

    def change(frame: pd.DataFrame, fold: Fold, rng: np.random.Generator) -> Change:
        wrong = rng.choice(fold.train, round(share * len(fold.train)), replace=False)
        values = frame[fold.target].to_numpy(copy=True)
        if fold.task == "regression":
            values[wrong] = values[rng.permutation(wrong)]
        else:
            classes = pd.unique(frame[fold.target].iloc[fold.train])
            for row in wrong:
                values[row] = rng.choice([label for label in classes if label != values[row]])
        target = pd.Series(values, index=frame.index).astype(frame[fold.target].dtype)
        return frame.assign(**{fold.target: target}), fold.train, fold.test

    return change


def shifted(frame: pd.DataFrame, fold: Fold, _: np.random.Generator) -> Change:
    """Variant whose test rows have the largest values of a numeric column; without such a column the plain rows."""
    numbers = frame.drop(columns=fold.target).select_dtypes("number")
    rows = np.sort(np.concatenate([fold.train, fold.test]))
    if not numbers.shape[1]:
        return frame, fold.train, fold.test
    column = numbers[numbers.nunique().idxmax()].iloc[rows]
    order = rows[np.argsort(column.fillna(-np.inf).to_numpy(dtype=float), kind="stable")]
    cut = round((1 - SHIFTED) * len(order))
    return frame, order[:cut], order[cut:]


def missing(frame: pd.DataFrame, fold: Fold, rng: np.random.Generator) -> Change:
    """Variant whose test rows lack half of the columns."""
    columns = [name for name in frame.columns if name != fold.target]
    empty = rng.choice(len(columns), max(round(SHARE * len(columns)), 1), replace=False)
    changed = {columns[place]: frame[columns[place]].mask(_is_in(fold.test, len(frame))) for place in empty}
    return frame.assign(**changed), fold.train, fold.test


def _is_in(rows: NDArray[np.intp], count: int) -> NDArray[np.bool_]:
    found = np.zeros(count, dtype=bool)
    found[rows] = True
    return found


VARIANTS = {"noise 10%": noisy(0.1), "noise 20%": noisy(0.2), "shift": shifted, "missing": missing}


def varied(fold: Fold, folder: Path) -> dict[str, Fold]:
    """The fold and its variants; the tables of the variants are written to the folder."""
    frame, found = pd.read_parquet(fold.file), {PLAIN: fold}
    for name, change in VARIANTS.items():
        rng = np.random.default_rng(zlib.crc32(f"{fold.table} {name}".encode()))
        changed, train, test = change(frame, fold, rng)
        file = folder / f"{fold.table} {name}.parquet"
        changed.to_parquet(file)
        found[name] = replace(fold, table=f"{fold.table}, {name}", file=file, train=train, test=test)
    return found


def loss_of(record: Record) -> float | None:
    """Loss of a run; None for a failed one."""
    return None if record["error"] else loss(record["metric"], record["score"])


def summarize(tables: list[dict[str, dict[str, Record]]], tools: list[str]) -> dict[str, Any]:
    """Median change of each tool's loss in each variant, and on how many tables the first tool is better than each."""
    found: dict[str, Any] = {}
    for variant in (PLAIN, *VARIANTS):
        losses = {tool: [loss_of(one[variant][tool]) for one in tables] for tool in tools}
        plain = {tool: [loss_of(one[PLAIN][tool]) for one in tables] for tool in tools}
        found[variant] = {
            "change": {tool: _median_ratio(losses[tool], plain[tool]) for tool in tools},
            "better": {tool: _better(losses[tools[0]], losses[tool]) for tool in tools[1:]},
            "failed": {tool: sum(value is None for value in losses[tool]) for tool in tools},
        }
    return found


def _median_ratio(losses: list[float | None], plain: list[float | None]) -> float | None:
    ratios = [one / other for one, other in zip(losses, plain, strict=True) if one is not None and other]
    return round(statistics.median(ratios), 4) if ratios else None


def _better(ours: list[float | None], theirs: list[float | None]) -> str:
    """Tables on which the first is better; a tool that fails alone has lost."""
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a is not None or b is not None]
    return f"{sum(b is None or (a is not None and a < b) for a, b in pairs)} of {len(pairs)}"


def render(summary: dict[str, Any], tools: list[str]) -> str:
    head = [
        "variant",
        *(f"{tool}: loss / plain loss" for tool in tools),
        *(f"better than {tool}" for tool in tools[1:]),
    ]
    rows: list[list[Any]] = [head]
    for variant, told in summary.items():
        rows.append([variant, *(told["change"][tool] for tool in tools), *told["better"].values()])
    return table(rows)


def main(words: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, required=True, metavar="FOLDER", help="tables with a manifest.json")
    parser.add_argument("--only", default="", help="names of tables, separated by commas; all if left out")
    parser.add_argument("--tools", default="seasoned,autogluon-best-trees", help="default %(default)s")
    parser.add_argument("--budget", type=float, default=30, help="seconds of each fit (default %(default)g)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON with the results and the summary")
    options = parser.parse_args(words)
    tools = options.tools.split(",")
    records = Records(options.out, {"environment": common.environment(), "budget": options.budget})
    runs = {tool: (FRAMEWORKS[tool], options.budget) for tool in tools}
    tables = []
    for entry in manifest(options.datasets, [name for name in options.only.split(",") if name]):
        with tempfile.TemporaryDirectory(prefix="variants-") as temporary:
            variants = varied(one_fold(options.datasets, entry, 0), Path(temporary))
            tables.append({name: interleaved(fold, runs, records) for name, fold in variants.items()})
    summary = summarize(tables, tools)
    records.store({"summary": summary})
    print("\n" + render(summary, tools))
    return summary


if __name__ == "__main__":
    main()
