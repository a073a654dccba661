"""From a build's lines to the file that ships, and back, so that a later build goes on from what ships."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from build_experience.configurations import as_today, choose_configurations, write_configurations
from build_experience.lines import Lines
from build_experience.optima import expected_optima
from build_experience.tables import is_left_out
from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.experience import Experience
from seasoned.knowledge.experience.files import read_file, write_file
from seasoned.knowledge.experience.past_study import Head, PastStudy, PastTrial
from seasoned.knowledge.meta_features.meta_features import METAFEATURES
from seasoned.tabular.metrics.registry import usual_metric
from seasoned.tabular.models.registry import MODELS, NAMED_ONLY
from seasoned.tabular.trial.configuration import KIND, VERSION, textual

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from seasoned.tabular.input.target import Task

__all__ = ["go_on_from", "ship", "studies_of"]

_LEAST: Final = 20  # complete configurations of a task; those that were given up have half as many
MAX_BYTES: Final = 5_000_000
_DIGITS: Final = 7  # of a score; the noise of two folds is far larger


def ship(folder: Path, out: Path, *parts: Path, without: Sequence[str] = ()) -> Experience:
    """Write the experience of a build's folder to a file, and return it.

    Args:
        folder: Of the build.
        out: The file.
        parts: Folders of builds of other parts of the tables; of a configuration that several have tried on a task the
            last counts.
        without: Patterns of tables that must not be in it, though they were measured.

    Raises:
        InvalidInput: If there is no experience, or the file is above 5 MB.
    """
    experience = Experience.of_studies(studies_of(folder, *parts, without=without))
    if not len(experience):
        raise InvalidInput(f"{str(folder)!r} holds no task with {_LEAST} configurations; let the build go on.")
    out.parent.mkdir(parents=True, exist_ok=True)
    made = out.with_name(f".{out.name}")
    try:
        write_file(experience, made)
        size = made.stat().st_size
        if size > MAX_BYTES:
            raise InvalidInput(
                f"{out.name} has {size / 1e6:.1f} MB, and {MAX_BYTES / 1e6:g} is the most; leave tasks out."
            )
        made.replace(out)
    finally:
        made.unlink(missing_ok=True)
    return experience


def studies_of(*folders: Path, without: Sequence[str] = ()) -> Iterator[PastStudy]:
    """A study per task and metric, without tasks that have few complete configurations or whose table is left out.

    What is outdated is left out, too, so that all that ships is of today's version.
    """
    tasks: dict[str, dict[str, Any]] = {}
    trials: dict[str, dict[str, dict[str, Any]]] = {}
    for lines in map(Lines, folders):
        tasks |= lines.tasks()
        for line in lines.valid_trials():
            trials.setdefault(line["task"], {})[textual(line["config"])] = line
    for name, about in sorted(tasks.items()):
        tried = list(trials.get(name, {}).values())
        enough = sum(line["state"] == "complete" for line in tried) >= _LEAST
        if enough and not is_left_out(_table_of(name), without):
            for metric in about["baselines"]:
                yield _study(name, about, metric, tried)


def _study(name: str, about: Mapping[str, Any], metric: str, tried: Sequence[Mapping[str, Any]]) -> PastStudy:
    sizes = {key: about[key] for key in ("rows", "columns", "classes")}
    head = Head(
        name,
        about["family"],
        KIND,
        VERSION,
        about["sort"],
        metric,
        about["baselines"][metric],
        "shipped",
        about={**sizes, "folds": 2},
    )
    features = {
        key: float("nan") if value is None else float(f"{value:.6g}") for key, value in about["metafeatures"].items()
    }
    trials = [
        PastTrial(
            line["config"],
            float(f"{line['losses'][metric]:.{_DIGITS}g}") if line["state"] == "complete" else None,
            line["seconds"],
            line["state"] != "complete",
        )
        for line in tried
    ]
    return PastStudy(head, features, trials)


def _table_of(task: str) -> str:
    """The table of a task, whose name ends with its target."""
    return task.rsplit("#", 1)[0]


def go_on_from(file: Path, folder: Path, *, without: Sequence[str] = ()) -> None:
    """Write what ships as the first lines of a build's folder; tasks that were given up are looked at again.

    Tasks of tables that match one of the patterns stay out.

    The build's configurations are the defaults, the settings that these tasks together expect to be best in each
    family, some for families of which the tasks have only the default, and then those that the tasks have, the
    commonest first.

    Raises:
        InvalidInput: If the folder has lines already, or the file holds no experience.
    """
    lines = Lines(folder)
    if lines.tasks():
        raise InvalidInput(f"{str(folder)!r} holds a build already; name another folder, or go on without a file.")
    folder.mkdir(parents=True, exist_ok=True)
    by_task: dict[str, list[PastStudy]] = {}
    experience = read_file(file)
    for study in experience.studies():
        if not is_left_out(_table_of(study.head.name), without):
            by_task.setdefault(study.head.name, []).append(study)
    write_configurations(folder / "configurations.json", {s: _taken(experience, s) for s in ("binary", "regression")})
    for name, studies in by_task.items():
        head = studies[0].head
        lines.add_task(
            {
                "task": name,
                "family": head.family,
                "target": name.rsplit("#", 1)[-1],
                "sort": head.sort,
                **{key: head.about[key] for key in ("rows", "columns", "classes")},
                "baselines": {study.head.metric: study.head.baseline for study in studies},
                "metafeatures": {one.name: studies[0].metafeatures.get(one.name) for one in METAFEATURES},
            }
        )
        for trials in zip(*(study.trials for study in studies), strict=True):
            lines.add_trial(_line(name, head, [study.head.metric for study in studies], trials))


def _taken(experience: Experience, task: Task) -> list[dict[str, Any]]:
    """The configurations of a sort that a build goes on with."""
    tried = experience.where(sort=task, metric=usual_metric(task))
    counts = Counter(tried.configurations.tolist())
    known = tried.configs(list(counts))
    order = sorted(counts, key=lambda number: (-counts[number], textual(known[number])))
    defaults = choose_configurations(task, len(MODELS) - len(NAMED_ONLY))
    many = Counter(next(iter(config["model"])) for config in known.values())
    new = [config for config in choose_configurations(task) if many[next(iter(config["model"]))] <= 1]
    every = [*defaults, *expected_optima(experience, task), *new, *(known[number] for number in order)]
    return list({as_today(config, task): dict(config) for config in every}.values())


def _line(name: str, head: Head, metrics: Sequence[str], trials: Sequence[PastTrial]) -> dict[str, Any]:
    """One configuration on one task, from its trials by metric."""
    found = {"task": name, "version": head.version, "config": trials[0].config, "seconds": trials[0].seconds}
    if trials[0].failed:
        return {**found, "state": "failed", "error": "it failed"}
    return {**found, "state": "complete", "losses": {m: t.score for m, t in zip(metrics, trials, strict=True)}}
