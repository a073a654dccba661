"""The deep metric function beside the simple forms, on unseen tasks of recorded tables (needs the extra `grad`).

    python benchmarks/deep_metric.py --metadata FOLDER --folds 0,1 --out deep-metric.json

Tasks are split as in `foresight.py`; choices are made on folds 0 and 1 of pmf, tensor_oboe, yahpo_rbv2_rpart and
yahpo_rbv2_xgboost alone (docs/benchmarks.md, Transfer). `FILE` gets JSON: source -> form -> figure -> mean over tasks.

Forms: `mean_rank` over the past tasks; `additive`, a task's mean plus a configuration's; `low_rank`, the covariance and
the mixture of past tasks with the meta-features where they are trusted; `deep`; `blend`, the mean of the standardised
scores of the last two; `unknown`, the deep form without what past tasks know of configurations: by their numbers alone.

Figures: `spearman_0` and `spearman_5` with the true order, before any trial and after the first five of the portfolio;
`regret_5`, the clipped regret after five trials of the form's own (`transfer.py` has the measure), `portfolio` being
the portfolio's first five; `calibration_0` and
`_5`, mean |coverage - nominal| of central intervals over all cells, each form in its own units; `failure_auc_0` and
`_5`; `seconds_spearman_1`, `seconds_error_1` (median |log10|) and so on. Paired differences of `deep` and `blend` with
`low_rank` come with 95% bootstrap intervals over tasks. Seconds of training are those of this process.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.stats import rankdata

import common
from foresight import JUDGED, LEVELS, TRIALS, auc, covered, spearman
from seasoned.knowledge.advice.portfolio import greedy
from seasoned.knowledge.deep_metric.dataset import Lessons
from seasoned.knowledge.deep_metric.model import Configurations, DeepMetric, Trials
from seasoned.knowledge.deep_metric.settings import DeepMetricSettings
from seasoned.knowledge.deep_metric.training import train_deep_metric
from seasoned.knowledge.experience.evaluations import quantiles
from seasoned.knowledge.performance_model.heads import Head, fit_failures, fit_seconds
from seasoned.knowledge.performance_model.meta_feature_trust import trusted
from seasoned.knowledge.performance_model.model import MetricFunction, Prediction, fit_metric
from seasoned.knowledge.performance_model.regret import compress, levels_of, standardise
from seasoned.knowledge.performance_model.task_prior import TaskPrior, fit_task_prior
from seasoned.surrogates.acquisition.functions import expected_improvement
from transfer import DRAWS, FOLDS, SEED, SOURCES
from transferring.measure import regrets
from transferring.sources import Source, folded, metafeatures, read, sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.knowledge.performance_model.settings import MetricSettings

SEARCHING = ("mean_rank", "low_rank", "deep", "blend")
PAIRED = (("deep", "low_rank"), ("blend", "low_rank"), ("unknown", "mean_rank"))

Figures = dict[str, dict[str, Any]]


class Task(NamedTuple):
    """A tested task: its row of the table, and its meta-features."""

    scores: NDArray[np.float64]
    seconds: NDArray[np.float64] | None
    about: NDArray[np.float64] | None


class Fold(NamedTuple):
    """What was learned from past tasks."""

    source: Source
    deep: DeepMetric
    metric: MetricFunction
    prior: TaskPrior | None
    clock: TaskPrior | None
    seconds: Head | None
    failures: Head | None
    columns: tuple[NDArray[np.float64], ...]  # of configurations: mean rank, mean and spread of quantiles
    portfolio: NDArray[np.intp]
    promising: NDArray[np.intp]
    judged: NDArray[np.intp]


def known(task: Task) -> bool:
    """Whether there is a meta-feature of it."""
    return task.about is not None and bool(np.isfinite(task.about).any())


def lessons_of(
    source: Source, past: NDArray[np.intp], about: NDArray[np.float64] | None, failed: NDArray[np.bool_] | None = None
) -> Lessons:
    """What the past tasks teach; what has no score failed there, where no table says what did."""
    scores, seconds = source.scores[past], None if source.seconds is None else source.seconds[past]
    lacking = np.isnan(scores) if failed is None else failed[past]
    return Lessons(scores, source.features, about, seconds, lacking if lacking.mean() > 0.01 else None)


def learned(
    source: Source,
    past: NDArray[np.intp],
    about: NDArray[np.float64] | None,
    settings: DeepMetricSettings,
    failed: NDArray[np.bool_] | None = None,
    low_rank: MetricSettings | None = None,
) -> tuple[Fold, float]:
    """All forms, and the seconds that the deep one took."""
    lessons, rng = lessons_of(source, past, about, failed), np.random.default_rng(SEED)
    begin = time.perf_counter()
    deep = train_deep_metric(lessons, settings)
    took = time.perf_counter() - begin
    ranks, normal = np.full((2, *lessons.scores.shape), np.nan)
    for row, rank, quantile in zip(lessons.scores, ranks, normal, strict=True):
        known = np.isfinite(row)
        rank[known], quantile[known] = rankdata(row[known]) / known.sum(), quantiles(row[known])
    mean = np.nansum(normal, axis=0) / (np.isfinite(normal).sum(axis=0) + 1.0)
    metric = fit_metric(lessons.scores, low_rank)
    prior = None if about is None else fit_task_prior(about, metric.factors)
    seconds = None if lessons.seconds is None else fit_seconds(lessons.seconds)
    fold = Fold(
        source,
        deep,
        metric,
        None if prior is None else trusted(prior, metric),
        None if about is None or seconds is None else fit_task_prior(about, seconds.factors),
        seconds,
        None if lessons.failed is None else fit_failures(lessons.failed),
        (np.nanmean(ranks, axis=0), mean, np.sqrt(np.nanmean(np.square(normal - mean), axis=0))),
        np.array(greedy(regrets(lessons.scores), 40).members),
        metric.promising(),
        np.sort(rng.permutation(len(source.features))[:JUDGED]),
    )
    return fold, took


def deep_of(fold: Fold, task: Task, asked: NDArray[np.intp], rows: NDArray[np.intp], *, known: bool = True) -> Any:
    """What the deep form says; without what past tasks know of the configurations if they are not `known`."""

    def some(columns: NDArray[np.intp]) -> Configurations:
        return Configurations(fold.source.features[columns], columns if known else None)

    seconds = None if task.seconds is None else task.seconds[rows]
    return fold.deep.predict(some(asked), Trials(some(rows), task.scores[rows], seconds), task.about)


def low_rank_of(fold: Fold, task: Task, asked: NDArray[np.intp], rows: NDArray[np.intp]) -> Prediction:
    """As `foresight.py` has it: with what the meta-features lead to expect, weighed against the trials."""
    told = fold.prior is not None and known(task)
    weights = fold.prior.shares(task.about) if told else None
    foretold = fold.prior.foretold(task.about) if told else None
    return fold.metric.condition(rows, task.scores[rows], weights=weights, foretold=foretold).standardised(asked)


def unit(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return (scores - scores.mean()) / max(float(scores.std()), 1e-12)


def orders(fold: Fold, task: Task, rows: NDArray[np.intp], judged: NDArray[np.intp], deep: Prediction) -> Figures:
    """Spearman and coverage of each form after these trials."""
    count, truth = len(rows), task.scores[judged]
    low = low_rank_of(fold, task, judged, rows)
    means = {
        "mean_rank": fold.columns[0][judged],
        "additive": fold.columns[1][judged],
        "low_rank": low.mean,
        "deep": deep.mean,
        "blend": unit(deep.mean) + unit(low.mean),
        "unknown": deep_of(fold, task, judged, rows, known=False).mean,
    }
    found: Figures = {form: {f"spearman_{count}": spearman(mean, truth)} for form, mean in means.items()}
    scored = np.isfinite(task.scores)
    normal = np.full(len(task.scores), np.nan)
    normal[scored] = quantiles(task.scores[scored])
    bent = compress(standardise(task.scores[None], levels_of(task.scores[None])))[0]
    for form, true, mean, std in (
        ("additive", normal, means["additive"], fold.columns[2][judged]),
        ("low_rank", bent, low.mean, low.std),
        ("deep", normal, deep.mean, deep.std),
    ):
        found[form][f"calibration_{count}"] = covered(true[judged] - mean, np.maximum(std, 1e-6))
    return found


def risks(fold: Fold, task: Task, tried: NDArray[np.intp], deep: NDArray[np.float64]) -> Figures:
    """AUC of each form after these trials, some of which failed, on the configurations that were not among them."""
    failed, count = np.isnan(task.scores), len(tried)
    assert fold.failures is not None, "the source has failures"
    weights = fold.prior.shares(task.about) if fold.prior is not None and known(task) else None
    low = fold.failures.predict(fold.judged, tried, failed[tried].astype(float), weights=weights).mean
    found = {
        "additive": fold.failures.factors.mean[fold.judged],
        "low_rank": low,
        "deep": deep,
        "blend": rankdata(low) + rankdata(deep),
    }
    new = ~np.isin(fold.judged, tried)
    return {form: {f"failure_auc_{count}": auc(risk[new], failed[fold.judged][new])} for form, risk in found.items()}


def clocks(
    fold: Fold, task: Task, rows: NDArray[np.intp], judged: NDArray[np.intp], deep: NDArray[np.float64]
) -> Figures:
    """Seconds of each form after these trials."""
    assert fold.seconds is not None, "the source has seconds"
    assert task.seconds is not None, "the source has seconds"
    logs, count = np.log10(np.maximum(task.seconds, 1e-3)), len(rows)
    weights = fold.clock.shares(task.about) if fold.clock is not None and known(task) else None
    low, plain = fold.seconds.predict(judged, rows, logs[rows], weights=weights).mean, fold.seconds.factors.mean
    found = {
        "additive": plain[judged] + (logs[rows] - plain[rows]).sum() / (count + 0.1),
        "low_rank": low,
        "deep": deep,
        "blend": 0.5 * (low + deep),
    }
    return {
        form: {
            f"seconds_spearman_{count}": spearman(mean, logs[judged]),
            f"seconds_error_{count}": float(np.nanmedian(np.abs(mean - logs[judged]))),
        }
        for form, mean in found.items()
    }


def gains(fold: Fold, task: Task, form: str, left: NDArray[np.intp], rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """What a form expects of a next trial."""
    if form == "mean_rank":
        return -fold.columns[0][left]
    low = np.zeros(len(left))
    if form in {"low_rank", "blend"}:
        weights = fold.prior.shares(task.about) if fold.prior is not None and known(task) else None
        low = fold.metric.condition(rows, task.scores[rows], weights=weights).expected_gain(left)
    if form == "low_rank":
        return low
    found = deep_of(fold, task, np.concatenate([left, rows]), rows)
    best = float(found.mean[len(left) :].min(initial=0.0))
    deep = expected_improvement(found.mean[: len(left)], found.std[: len(left)], best).value
    return deep if form != "blend" else deep / max(deep.max(), 1e-12) + low / max(low.max(), 1e-12)


def searched(fold: Fold, task: Task, form: str) -> float:
    """Regret after five trials."""
    open_, rows = np.isfinite(task.scores), np.empty(0, dtype=np.intp)
    candidates = fold.promising[open_[fold.promising]]
    for _ in range(TRIALS):
        left = np.setdiff1d(candidates, rows)
        if not len(left):
            break
        rows = np.append(rows, left[np.argmax(gains(fold, task, form, left, rows))])
    return float(np.nanmin(regrets(task.scores[None])[0, rows]))


def foreseen(fold: Fold, task: Task) -> Figures:
    """All figures of one task: form -> figure -> number, or coverages."""
    scored = np.isfinite(task.scores)
    rows = fold.portfolio[scored[fold.portfolio]][:TRIALS]
    judged = np.setdiff1d(fold.judged[scored[fold.judged]], rows)
    at, parts = np.isin(fold.judged, judged), []
    for count in (0, 1, TRIALS):
        said = deep_of(fold, task, fold.judged, rows[:count])
        if count != 1:
            parts.append(orders(fold, task, rows[:count], judged, Prediction(said.mean[at], said.std[at])))
        if fold.seconds is not None:
            parts.append(clocks(fold, task, rows[:count], judged, said.seconds[at]))
        if fold.failures is not None and count != 1:
            tried = fold.portfolio[:count]
            parts.append(risks(fold, task, tried, deep_of(fold, task, fold.judged, tried).failure))
    parts.append({form: {"regret_5": searched(fold, task, form)} for form in SEARCHING})
    parts.append({"portfolio": {"regret_5": float(np.nanmin(regrets(task.scores[None])[0, rows]))}})
    found: Figures = {}
    for part in parts:
        for form, figures in part.items():
            found.setdefault(form, {}).update(figures)
    return found


def tested(
    folder: Path, name: str, folds: list[int], settings: DeepMetricSettings, every: int
) -> tuple[list[Figures], dict[str, Any]]:
    """Figures of each tested task of a source, and what the folds took."""
    source = read(folder / name)
    known = metafeatures(folder, name, source.tasks)
    about = None if known is None else np.asarray(known, dtype=float)
    found: list[Figures] = []
    cost: dict[str, Any] = {"training": [], "judging": [], "stretch": []}
    for number, (past, new) in enumerate(folded(source, FOLDS, known)):
        if number not in folds:
            continue
        kept = np.isfinite(source.scores[past]).any(axis=0)
        seconds = None if source.seconds is None else source.seconds[:, kept]
        part = Source(source.tasks, source.configs[kept], source.scores[:, kept], seconds, source.features[kept])
        fold, took = learned(part, past, None if about is None else about[past], settings)
        begin = time.perf_counter()
        for at in new[::every]:
            times = None if seconds is None else seconds[at]
            found.append(foreseen(fold, Task(part.scores[at], times, None if about is None else about[at])))
        cost["training"].append(round(took, 1))
        cost["judging"].append(round(time.perf_counter() - begin, 1))
        cost["stretch"].append(round(fold.deep.stretch, 3))
        print(name, number, cost, flush=True)
    return found, cost


def summed(found: list[Figures]) -> dict[str, dict[str, float]]:
    """Means over tasks; calibration over all cells."""
    figures: dict[str, dict[str, float]] = {}
    for form in found[0]:
        for key in found[0][form]:
            values = np.array([one[form][key] for one in found], dtype=float)
            mean = np.nanmean(values, axis=0)
            plain = float(np.abs(mean - LEVELS).mean() if values.ndim == 2 else mean)
            figures.setdefault(form, {})[key] = round(plain, 4)
    return figures


def paired(
    found: list[Figures], pairs: Sequence[tuple[str, str]] = PAIRED, owners: Sequence[str] | None = None
) -> dict[str, dict[str, list[float]]]:
    """Mean differences of two forms with 95% bootstrap intervals, over tasks or, where named, their owners."""
    names, of = np.unique(range(len(found)) if owners is None else owners, return_inverse=True)
    draws = np.random.default_rng(SEED).integers(len(names), size=(DRAWS, len(names)))
    counts = np.stack([np.bincount(draw, minlength=len(names)) for draw in draws])[:, of]
    result: dict[str, dict[str, list[float]]] = {}
    for one, other in pairs:
        for key in ("spearman_0", "spearman_5", "regret_5"):
            if key not in found[0][one] or key not in found[0][other]:
                continue
            apart = np.array([task[one][key] - task[other][key] for task in found])
            known = np.isfinite(apart)
            means = (counts[:, known] @ apart[known]) / counts[:, known].sum(axis=1)
            numbers = [float(apart[known].mean()), *np.percentile(means, [2.5, 97.5]).tolist()]
            result.setdefault(f"{one} - {other}", {})[key] = [round(number, 4) for number in numbers]
    return result


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metadata", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--out", type=Path, metavar="FILE")
    parser.add_argument("--only", default=",".join(SOURCES), help="names of sources (default: six)")
    parser.add_argument("--folds", default=",".join(map(str, range(FOLDS))), help="which of 0 to 4 are tested")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="judge every N-th tested task (default: all)")
    parser.add_argument(
        "--settings", default="{}", help="settings of the deep form as JSON, such as '{\"steps\": 500}'"
    )
    options = parser.parse_args(words)
    settings = replace(DeepMetricSettings(), **json.loads(options.settings))
    folds = [int(word) for word in options.folds.split(",")]
    result: dict[str, Any] = {}
    for name in options.only.split(","):
        if name in sources(options.metadata):
            found, cost = tested(options.metadata, name, folds, settings, options.every)
            result[name] = {"figures": summed(found), "paired": paired(found), "cost": cost, "tasks": len(found)}
            print(name, json.dumps(result[name]["figures"]), json.dumps(result[name]["paired"]), flush=True)
            if options.out is not None:
                about = {name: getattr(settings, name) for name in settings.__slots__}
                common.write(
                    options.out, {"folds": folds, "every": options.every, "settings": about, "sources": result}
                )


if __name__ == "__main__":
    main()
