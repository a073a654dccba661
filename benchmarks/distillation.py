"""Whether one fast model that learns from the ensemble is better than the same model that learns from the rows.

    python benchmarks/distillation.py --datasets FOLDER --out benchmarks/results/distillation.json

Written down before measuring. Tables: every second of the first 41 in alphabetical order; fold 2 of five, 10,000
training rows at most. The teacher is a fit of 40 s as by default, without experience. The student is LightGBM with its
defaults, its rounds stopped early on a fifth of the real rows with their own labels, then fitted on all:

- `hard`: on the rows and their labels;
- `soft`: labels are the mean of a row's own and what the teacher predicts for it out of fold (cross-fitted, so that no
  row is taught what its own label has taught: Dao et al. 2021);
- `made`: on the rows and their labels, and as much weight of made ones beside them, two for each, labelled by the final
  teacher: each cell of a row is its nearest neighbour's with probability one half (MUNGE, Bucila et al. 2006, without
  its spread).

On cmc, concrete and diabetes, where this was tried before to see that it works, made rows beside labels as in `soft`
did worst, so the rows keep their own there.

A label that is a distribution is a row for each class of at least .01, weighted by it. Beside the students stand the
teacher and `alone`, the best of its members by validation. It is worth building if `soft` or `made` is better than both
`hard` and `alone` on two of three tables (Wilcoxon's p below .05 after Holm), the seconds of a prediction being those
of `hard`. Scores are test losses (1 - AUC for two classes), compared as logarithms.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

import common
from comparison.holm import holm
from comparison.splits import judge, manifest, one_fold
from seasoned import AutoClassifier, AutoRegressor
from seasoned.tabular.models.base import Job, predict
from seasoned.tabular.models.registry import find

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from comparison.splits import Fold
    from seasoned.tabular.fitted import Fitted

FOLD, ROWS, BUDGET = 2, 10_000, 40.0
COPIES, SWAP, OWN, LEAST = 2, 0.5, 0.5, 0.01
STUDENT = "lightgbm"
ARMS = ("teacher", "alone", "hard", "soft", "made")


def taught(fold: Fold, X: pd.DataFrame, y: pd.Series) -> tuple[Fitted, NDArray[Any], NDArray[np.float64], list[str]]:
    """The teacher, and of all its rows the truth (codes or numbers), what it predicts out of fold, and the classes."""
    kind = AutoRegressor if fold.task == "regression" else AutoClassifier
    whole = patch.multiple("seasoned.tabular.concluding", MOST_ROWS=10**9, _MOST_VALUES=10**12)
    with whole:
        model = kind(fold.metric, time_limit=BUDGET, experience=None, random_state=0).fit(X, y)
    validated = model.fitted_.validated
    assert len(validated.truth) == len(X), "every row is validated"
    labels = [] if fold.task == "regression" else [str(label) for label in model.classes_]
    return model.fitted_, validated.truth, validated.predicted.astype(np.float64), labels


def made(X: pd.DataFrame, teacher: Fitted, rng: np.random.Generator) -> pd.DataFrame:
    """Rows between neighbours."""
    plan = teacher.plan
    dense = StandardScaler().fit_transform(plan.matrices(X, {"dense"})["dense"])
    nearest = NearestNeighbors(n_neighbors=2).fit(dense).kneighbors(dense, return_distance=False)
    next_to = np.where(nearest[:, 0] == np.arange(len(X)), nearest[:, 1], nearest[:, 0])
    copies = []
    for _ in range(COPIES):
        swapped = rng.random(X.shape) < SWAP
        places = np.where(swapped, next_to[:, None], np.arange(len(X))[:, None])
        copies.append(pd.DataFrame({name: X[name].array.take(places[:, i]) for i, name in enumerate(X.columns)}))
    return pd.concat(copies, ignore_index=True)


def spread(X: NDArray[Any], labels: NDArray[np.float64], weight: NDArray[np.float64]) -> tuple[Any, Any, Any]:
    """Rows, targets and weights of labels that are distributions, or numbers."""
    if labels.ndim == 1:
        return X, labels, weight
    rows, classes = np.nonzero(labels >= LEAST)
    return X[rows], classes, labels[rows, classes] * weight[rows]


class Student:
    """The family, with its rounds chosen on real rows that it does not see."""

    def __init__(self, job: Job, X: NDArray[Any], truth: NDArray[Any], rng: np.random.Generator) -> None:
        self._model, self._job = find(STUDENT), job
        self._X, self._truth = X, truth
        held = rng.permutation(len(X)) < len(X) // 5
        self._held, self._kept = np.flatnonzero(held), np.flatnonzero(~held)

    def fit(self, labels: NDArray[np.float64], more: tuple[Any, NDArray[np.float64]] | None = None) -> Any:
        """Fit on rows with these labels, and on others beside."""
        config = dict(self._model.space(self._job.task).default)
        first = self._model.build(config, self._job)
        valid = self._X[self._held], self._truth[self._held]
        train = self._data(labels, self._kept, more)
        rounds = self._model.fit(first, train[:2], valid, None, (train[2], None))
        last = self._model.build(self._model.with_rounds(config, rounds), self._job)
        train = self._data(labels, np.arange(len(self._X)), more)
        self._model.fit(last, train[:2], None, None, (train[2], None))
        return last

    def _data(self, labels: NDArray[Any], rows: NDArray[np.intp], more: tuple[Any, Any] | None) -> tuple[Any, Any, Any]:
        parts = [spread(self._X[rows], labels[rows], np.ones(len(rows)))]
        if more is not None:
            parts.append(spread(*more, np.full(len(more[0]), len(rows) / len(more[0]))))
        X, y, weights = (np.concatenate(some) for some in zip(*parts, strict=True))
        return X, y, weights / weights.mean()


def best_member(teacher: Fitted) -> int:
    """The place of the member whose trial was best in validation."""

    def loss(place: int) -> float:
        own = teacher.members[place]
        known = (t["loss"] for t in teacher.trials if (t["model"], t["config"]) == (own.name, own.config))
        return min((one for one in known if one is not None), default=np.inf)

    return min(range(len(teacher.members)), key=loss)


def measured(folder: Path, entry: dict[str, Any]) -> dict[str, Any]:
    """All arms on a table."""
    fold = one_fold(folder, entry, FOLD)
    table = pd.read_parquet(fold.file)
    rows = np.random.default_rng(0).permutation(fold.train)[:ROWS]
    if fold.task != "regression":
        counts = fold.y.iloc[rows].map(fold.y.iloc[rows].value_counts())
        rows = rows[(counts >= 10).to_numpy()]
    X, y = table.drop(columns=fold.target).iloc[rows].reset_index(drop=True), fold.y.iloc[rows].reset_index(drop=True)
    test = table.drop(columns=fold.target).iloc[fold.test]
    teacher, truth, said, labels = taught(fold, X, y)
    plan, rng = teacher.plan, np.random.default_rng(1)
    codes, codes_test = (plan.matrices(frame, {"codes"})["codes"] for frame in (X, test))
    job = Job(teacher.task, len(teacher.classes), 0, categorical=plan.categorical, many=plan.many, cyclic=plan.cyclic)
    hard = np.eye(len(labels))[truth.astype(int)] if labels else truth.astype(np.float64)
    soft = OWN * hard + (1 - OWN) * said
    beside = made(X, teacher, rng)
    more = plan.matrices(beside, {"codes"})["codes"], teacher.predict(beside)
    student = Student(job, codes, truth.astype(int) if labels else hard, rng)
    students = {"hard": student.fit(hard), "soft": student.fit(soft), "made": student.fit(hard, more)}
    best = best_member(teacher)
    predicted = {"teacher": teacher.predict(test), "alone": teacher.alone(best).predict(test)}
    predicted |= {name: predict(one, codes_test, job.n_classes) for name, one in students.items()}
    scores = {name: judge(fold, found, labels or None) for name, found in predicted.items()}
    return {
        "table": fold.table,
        "metric": fold.metric,
        "rows": len(X),
        "best": teacher.members[best].name,
        "losses": {name: 1 - score if fold.metric == "roc_auc" else score for name, score in scores.items()},
    }


def verdict(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each student that the teacher taught beside those that it did not."""
    pairs = [(arm, other) for arm in ("soft", "made") for other in ("hard", "alone")]
    rows = []
    for arm, other in pairs:
        gaps = np.array([np.log(max(r["losses"][arm], 1e-9) / max(r["losses"][other], 1e-9)) for r in found])
        p = float(wilcoxon(gaps).pvalue) if np.any(gaps) else 1.0
        better, worse = int((gaps < 0).sum()), int((gaps > 0).sum())
        mean, median = float(gaps.mean()), float(np.median(gaps))
        rows.append(
            {"arm": arm, "beside": other, "better": better, "worse": worse, "mean": mean, "median": median, "p": p}
        )
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["holm"] = float(p)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, required=True, help="tables with a manifest.json")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], help="names of tables")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    common.all_families()
    entries = manifest(options.datasets, options.only, 41)
    found = []
    for entry in entries if options.only else entries[::2]:
        began = time.monotonic()
        with common.alone():
            found.append(measured(options.datasets, entry))
        losses = ", ".join(f"{name} {found[-1]['losses'][name]:.5g}" for name in ARMS)
        print(f"{entry['name']} ({found[-1]['best']}): {losses}; {time.monotonic() - began:.0f} s", flush=True)
        if options.out:
            common.write(options.out, {"verdict": verdict(found), "tables": found})
    for row in verdict(found):
        print(row)


if __name__ == "__main__":
    main()
