"""What the learned metric foresees on unseen tasks of recorded tables, before any trial and after five.

    python benchmarks/foresight.py --metadata FOLDER --out foresight.json

Five folds by task within each source, as in `transfer.py`; `--folds 2` judges the tasks of the first two alone, which
are those that choose (docs/benchmarks.md, Transfer). `FILE` gets JSON, source -> figure -> mean over tasks:

- `spearman_baseline`: of each configuration's mean rank over the past tasks with the task's true order;
- `spearman_0`, `spearman_5`: of the learned metric's means, without a trial and after the first five of the
  portfolio; tasks with meta-features (`*_metafeatures`, `SOURCE/tasks.parquet`) are foreseen by them, too
  (`foretold.py`), and past tasks weighed by them where they are trusted to choose (`trusting.py`);
- `spearman_drawn_5`, `spearman_informative_5`: after five drawn trials, and after the five that past tasks and
  meta-features say tell most of all others (`designing.py`): those of the portfolio are all good, and may say less;
- `calibration_0`, `calibration_5`: mean |coverage - nominal| of its central intervals from 10% to 90%, the coverage
  being the mean of the tasks';
- `spearman_incontext_0`, `calibration_incontext_5` and so on: of the neural form of the metric, with `--network FILE`
  (`seasoned/knowledge/performance_model/incontext.py`);
- `failure_auc_0`, `failure_auc_5`: of the failure head, a missing cell being a failure (sources with missing cells);
- `seconds_spearman_1`, `seconds_error_1` and so on: of the seconds head after one trial; the error is the median
  |log10| (sources with run times).

Of more than 2,000 configurations 2,000 drawn ones are judged.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

import common
from seasoned.knowledge.advice.optimal_design import informative
from seasoned.knowledge.advice.portfolio import greedy
from seasoned.knowledge.performance_model.heads import Head, fit_failures, fit_seconds
from seasoned.knowledge.performance_model.incontext import NeuralMetric
from seasoned.knowledge.performance_model.meta_feature_trust import trusted
from seasoned.knowledge.performance_model.model import MetricFunction, fit_metric
from seasoned.knowledge.performance_model.regret import compress, levels_of, standardise
from seasoned.knowledge.performance_model.task_prior import TaskPrior, fit_task_prior
from transfer import FOLDS, SEED, SOURCES
from transferring.measure import regrets
from transferring.sources import Source, folded, metafeatures, read, sources

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.knowledge.performance_model.meta_feature_prior import MetaFeaturePrior

TRIALS = 5
JUDGED = 2000
LEVELS = np.linspace(0.1, 0.9, 9)


class Fold(NamedTuple):
    """What was learned from past tasks, and which configurations are judged."""

    metric: MetricFunction
    prior: TaskPrior | None
    baseline: NDArray[np.float64]
    portfolio: NDArray[np.intp]
    judged: NDArray[np.intp]
    seconds: Head | None
    clock: TaskPrior | None
    failures: Head | None
    neural: NeuralMetric | None = None


def learned(
    source: Source,
    past: NDArray[np.intp],
    about: NDArray[np.float64] | None,
    rng: np.random.Generator,
    network: str | None = None,
) -> Fold:
    scores = source.scores[past]
    losses = regrets(scores)
    ranks = np.full(scores.shape, np.nan)
    for row, rank in zip(scores, ranks, strict=True):
        known = np.isfinite(row)
        rank[known] = rankdata(row[known]) / known.sum()
    seen = np.flatnonzero(np.isfinite(scores).any(axis=0))
    judged = np.sort(rng.permutation(seen)[:JUDGED])
    missing = np.isnan(scores)
    metric = fit_metric(scores)
    prior = None if about is None else fit_task_prior(about, metric.factors)
    seconds = None if source.seconds is None else fit_seconds(source.seconds[past])
    return Fold(
        metric,
        None if prior is None else trusted(prior, metric),
        np.nanmean(ranks, axis=0),
        np.array(greedy(losses, 40).members),
        judged,
        seconds,
        None if about is None or seconds is None else fit_task_prior(about, seconds.factors),
        fit_failures(missing) if missing.mean() > 0.01 else None,
        None if network is None else NeuralMetric.of(scores, *source.points, network=network),
    )


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1]) if np.ptp(other) > 0 else float("nan")


def auc(risk: NDArray[np.float64], failed: NDArray[np.bool_]) -> float:
    if failed.all() or not failed.any():
        return float("nan")
    ranks = rankdata(risk)
    count = int(failed.sum())
    return float((ranks[failed].sum() - count * (count + 1) / 2) / (count * (len(failed) - count)))


def covered(error: NDArray[np.float64], std: NDArray[np.float64]) -> list[float]:
    """Share of cells within each central interval."""
    z = np.abs(error) / std
    return [float((z < ndtri(0.5 + level / 2)).mean()) for level in LEVELS]


def told_of(fold: Fold, about: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """The task's meta-features, if it has any and past tasks taught what they tell."""
    return None if fold.prior is None or about is None or not np.isfinite(about).any() else about


def chosen(
    fold: Fold, scores: NDArray[np.float64], foretold: MetaFeaturePrior | None, task: int
) -> dict[str, NDArray[np.intp]]:
    """Five trials each, of those that the task has: drawn, and telling most; neither by a score."""
    open_ = np.isfinite(scores)
    drawn = np.random.default_rng((SEED, task)).choice(np.flatnonzero(open_), TRIALS, replace=False)
    covariance = None if foretold is None else foretold.covariance
    return {"drawn": drawn, "informative": informative(fold.metric.factors, open_, TRIALS, covariance)}


def foreseen(
    fold: Fold, source: Source, task: int, about: NDArray[np.float64] | None
) -> dict[str, float | list[float]]:
    """All figures of one task."""
    scores = source.scores[task]
    rows = fold.portfolio[np.isfinite(scores[fold.portfolio])][:TRIALS]
    foretold = None if told_of(fold, about) is None or fold.prior is None else fold.prior.foretold(told_of(fold, about))
    others = chosen(fold, scores, foretold, task)
    judged = np.setdiff1d(fold.judged[np.isfinite(scores[fold.judged])], np.concatenate([rows, *others.values()]))
    truth = compress(standardise(scores[None], levels_of(scores[None])))[0]
    told = told_of(fold, about)
    weights = None if told is None or fold.prior is None else fold.prior.shares(told)
    found: dict[str, float | list[float]] = {"spearman_baseline": spearman(fold.baseline[judged], scores[judged])}
    for count in (0, TRIALS):
        seen = rows[:count]
        belief = fold.metric.condition(seen, scores[seen], weights=weights, foretold=foretold).standardised(judged)
        found[f"spearman_{count}"] = spearman(belief.mean, scores[judged])
        found[f"calibration_{count}"] = covered(truth[judged] - belief.mean, belief.std)
        if fold.neural is not None:
            neural = fold.neural.condition(seen, scores[seen], weights=weights).standardised(judged)
            found[f"spearman_incontext_{count}"] = spearman(neural.mean, scores[judged])
            found[f"calibration_incontext_{count}"] = covered(truth[judged] - neural.mean, neural.std)
        if fold.failures is not None:
            tried = fold.portfolio[:count]
            failed = np.isnan(scores)
            new = np.setdiff1d(fold.judged, tried)
            risk = fold.failures.predict(new, tried, failed[tried].astype(float), weights=weights)
            found[f"failure_auc_{count}"] = auc(risk.mean, failed[new])
    for name, some in others.items():
        belief = fold.metric.condition(some, scores[some], weights=weights, foretold=foretold)
        found[f"spearman_{name}_{TRIALS}"] = spearman(belief.mean(judged), scores[judged])
    if fold.seconds is not None and source.seconds is not None:
        logs = np.log10(np.maximum(source.seconds[task], 1e-3))
        by_size = None if told is None or fold.clock is None else fold.clock.shares(told)
        for count in (0, 1, TRIALS):
            mean = fold.seconds.predict(judged, rows[:count], logs[rows[:count]], weights=by_size).mean
            found[f"seconds_spearman_{count}"] = spearman(mean, logs[judged])
            found[f"seconds_error_{count}"] = float(np.median(np.abs(mean - logs[judged])))
    return found


def judged(folder: Path, name: str, folds: int = FOLDS, network: str | None = None) -> dict[str, float]:
    """Means over the tasks of a source in the first folds."""
    source, rng = read(folder / name), np.random.default_rng(SEED)
    known = metafeatures(folder, name, source.tasks)
    features = None if known is None else known.to_numpy(dtype=float)
    found: list[dict[str, float | list[float]]] = []
    for past, tested in folded(source, FOLDS, known)[:folds]:
        fold = learned(source, past, None if features is None else features[past], rng, network)
        about = [None if features is None else features[task] for task in tested]
        found += [foreseen(fold, source, int(task), told) for task, told in zip(tested, about, strict=True)]
    figures = {}
    for key in found[0]:
        values = np.array([one[key] for one in found], dtype=float)
        mean = np.nanmean(values, axis=0)
        figures[key] = round(float(np.abs(mean - LEVELS).mean() if values.ndim == 2 else mean), 4)
    return figures


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metadata", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--only", default=",".join(SOURCES), help="names of sources (default: six)")
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many of the five folds are judged (default 5)")
    parser.add_argument("--network", metavar="FILE", help="in-context network of the neural form of the metric")
    options = parser.parse_args(words)
    result = {}
    for name in options.only.split(","):
        if name in sources(options.metadata):
            result[name] = judged(options.metadata, name, options.folds, options.network)
            print(name, result[name], flush=True)
            common.write(options.out, {"folds": options.folds, "sources": result})


if __name__ == "__main__":
    main()
