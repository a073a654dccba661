"""What a family adds to the ensemble of the others' defaults, on rows that no choice has seen.

    python benchmarks/families.py DATASETS_FOLDER --held-out --keep KEPT --arms linear lightgbm ... --out OUT.jsonl
    python benchmarks/families_together.py KEPT --base linear,lightgbm,... --add splines --add realmlp

Written down before measuring: for each table greedy selection (as in a search, 10 members at most, seed 0) over the
base's defaults by their out-of-fold predictions, then over the base and what is added; the gain is the logarithm of the
ratio of the losses (1 - AUC, log loss, RMSE) on the rows kept apart. `--add a,b` adds several at once; `--drop` leaves
families of the base out in all added ones. Wilcoxon's signed-rank test is over tables.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import wilcoxon

from seasoned.tabular.ensemble.greedy_selection import select
from seasoned.tabular.metrics.registry import resolve


def judged(files: dict[str, Path], families: list[str]) -> tuple[float, dict[str, float]]:
    """Held-out loss of the ensemble of these, and the weights."""
    parts = [np.load(files[family]) for family in families]
    y, held_y = parts[0]["y"], parts[0]["held_y"]
    several = parts[0]["found"].ndim == 2
    classes = parts[0]["found"].shape[1] if several else 0
    task = ("binary" if classes == 2 else "multiclass") if several else "regression"
    metric = resolve(None, task, classes)
    weights = select([part["found"] for part in parts], y, metric, most=10, seed=0)
    held = sum(weight * parts[place]["held"].astype(np.float64) for place, weight in weights.items())
    loss = metric.loss(held_y, held)
    shown = {families[place]: round(weight, 2) for place, weight in weights.items()}
    return (1.0 + loss if metric.name == "roc_auc" else loss), shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kept", type=Path)
    parser.add_argument("--base", required=True)
    parser.add_argument("--add", action="append", default=[])
    parser.add_argument("--drop", default="")
    arguments = parser.parse_args()
    tables: dict[str, dict[str, Path]] = {}
    for path in sorted(arguments.kept.glob("*.npz")):
        name, _, arm = path.stem.partition("--")
        tables.setdefault(name, {})[arm] = path
    base = arguments.base.split(",")
    stay = [family for family in base if family not in arguments.drop.split(",")]
    for added in arguments.add:
        wanted = added.split(",")
        gains = []
        for name, files in tables.items():
            if set(base + wanted) <= set(files):
                before, after = judged(files, base), judged(files, stay + wanted)
                gains.append(float(np.log(before[0] / after[0])))
                print(f"  {name} {before[0]:.5g} -> {after[0]:.5g} ({gains[-1]:+.4f}) {after[1]}")
        found = np.array(gains)
        p = wilcoxon(found).pvalue if found.any() and len(found) > 5 else 1.0
        print(f"{added}: {len(found)} tables, better {np.sum(found > 0)}, worse {np.sum(found < 0)}, "
              f"mean gain {found.mean():+.4f}, median {np.median(found):+.4f}, p {p:.4f}")  # fmt: skip


if __name__ == "__main__":
    main()
