"""This package, as a newcomer calls it, without experience from other tables unless `experience` names some.

Options leave a part of the search out, to see what it is worth. `models` names the families that take part, `without`
those that do not; `search` is further settings. What follows are no settings of the estimators, so the search is given
them by another way: `rows="all"` gives every trial all rows at once, without samples of a large table's rows first;
`first="random"` draws each family's first configurations from its space, in the place of tuned defaults; `early`
names families whose defaults are tried directly after the first two; `dealt` is the
number of folds, 1 for one held-out fifth, whatever the rows and the time. `stop_after` requests a stop after that many
seconds. `repeats` is a number of folds and the number of times that the rows are dealt to them.
`vectors=False` leaves out the vectors of texts, `embeddings=False` the sentence embeddings of their scores.
"""

from __future__ import annotations

import math
import time
import zlib
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

from seasoned import AutoClassifier, AutoRegressor
from seasoned import load as load_bundle
from seasoned.tabular import SearchSettings
from seasoned.tabular.models.registry import choose
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.search.initial_configurations import first_configurations
from seasoned.tabular.search.search import FIRST
from seasoned.tabular.trial.seed_average import fits_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from seasoned.space import Space
    from seasoned.tabular.trial.trial_row import TrialRow

PACKAGES = ("seasoned", "numpy", "pandas", "scikit-learn", "lightgbm", "xgboost", "catboost", "jax")
DRAWN = 3  # first configurations of a family: as many as it has by default, the default itself and two near it


def fit(X: Any, y: Any, job: dict[str, Any]) -> Any:
    options, start = job["options"], time.monotonic()
    kind = AutoRegressor if job["task"] == "regression" else AutoClassifier
    model = kind(
        metric=job["metric"],
        time_limit=job["budget"],
        experience=options.get("experience"),
        random_state=job["seed"],
        search=SearchSettings(models=families(options), **options.get("search", {})),
        validation=job.get("structure", {}).get("time") or repeated(job),
    )
    with (
        at_once(options.get("rows")),
        at_random(options.get("first"), zlib.crc32(Path(job["file"]).name.encode())),
        earlier(options.get("early", ())),
        dealt(options.get("dealt")),
        without_vectors(options.get("vectors", True)),
        without_embeddings() if not options.get("embeddings", True) else nullcontext(),
    ):
        groups = job.get("structure", {}).get("groups")
        rows = {} if groups is None else {"groups": X[groups]}
        return model.fit(X, y, **rows, stop=lambda: time.monotonic() - start >= options.get("stop_after", math.inf))


def families(options: Mapping[str, Any]) -> list[str] | None:
    """Names of those that take part; None for the search's own choice."""
    if "without" not in options:
        return options.get("models")
    return [family.name for family in choose(None) if family.name not in options["without"]]


def repeated(job: dict[str, Any]) -> Any:
    """Splitter of repeated folds; None for the search's own choice."""
    if "repeats" not in job["options"]:
        return None
    folds, repeats = job["options"]["repeats"]
    kind = RepeatedKFold if job["task"] == "regression" else RepeatedStratifiedKFold
    return kind(n_splits=folds, n_repeats=repeats, random_state=job["seed"])


@contextmanager
def at_once(rows: str | None) -> Iterator[None]:
    """Meanwhile every trial gets all rows at once, if that is asked for."""
    if rows != "all":
        yield
        return
    with patch("seasoned.tabular.fit.plan.levels_of", lambda *_: ()):
        yield


@contextmanager
def at_random(first: str | None, seed: int) -> Iterator[None]:
    """Meanwhile the search begins with draws from each family's space, if that is asked for; each table has its own."""
    if first != "random":
        yield
        return
    rng = np.random.default_rng(seed)

    def of_all(models: Iterable[Any], task: str, *_: Any) -> tuple[dict[str, Any], ...]:
        return tuple({"model": {model.name: model.space(task).sample(rng)}} for model in models)

    def of_one(space: Space, inner: int) -> tuple[dict[str, Any], ...]:
        drawn = np.random.default_rng([seed, inner, len(space.dimensions)])
        return tuple(space.sample(drawn) for _ in range(DRAWN)) if space.dimensions else ()

    with (
        patch("seasoned.tabular.fit.search_start.first_configurations", of_all),
        patch("seasoned.tabular.search.family_bandit.initial_configurations", of_one),
    ):
        yield


@contextmanager
def earlier(families: Sequence[str]) -> Iterator[None]:
    """Meanwhile the defaults of these families follow directly after the first `FIRST` ones."""

    def reordered(*args: Any) -> tuple[dict[str, Any], ...]:
        found = first_configurations(*args)
        named = [start for start in found[FIRST:] if not start["model"].keys().isdisjoint(families)]
        return (*found[:FIRST], *named, *(start for start in found[FIRST:] if start not in named))

    with patch("seasoned.tabular.fit.search_start.first_configurations", reordered) if families else nullcontext():
        yield


@contextmanager
def dealt(folds: int | None) -> Iterator[None]:
    """Meanwhile the rows are dealt to so many folds."""
    if folds is None:
        yield
        return
    with patch("seasoned.tabular.fit.fit_table.affordable_folds", lambda *_: folds):
        yield


@contextmanager
def without_vectors(vectors: bool) -> Iterator[None]:
    """Meanwhile text columns have no vectors, if that is asked for."""
    if vectors:
        yield
        return

    def plan(description: Any, run: Any, *_: Any) -> ColumnPlan:
        return ColumnPlan.fit(description.canonical, description.schema, seed=int(run.about["seed"]), vectors=False)

    with patch("seasoned.tabular.fit.plan._column_plan", plan):
        yield


@contextmanager
def without_embeddings() -> Iterator[None]:
    """Meanwhile the package of the sentence embeddings counts as missing."""
    with patch("seasoned.tabular.fit.score_texts.has_embeddings", lambda: False):
        yield


def predict(model: Any, X: Any) -> Any:
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def classes(model: Any) -> Any:
    return model.classes_


def details(model: Any) -> dict[str, Any]:
    board = model.leaderboard()
    states = board["state"]
    return {
        "family": next(iter(board["model"][states == "complete"]), None),  # of the best trial, by its own validation
        "model": " + ".join(f"{member.weight:.2f} {member.name}" for member in model.fitted_.members),
        "complete": int((states == "complete").sum()),
        "failed": len(model.failures()),
        "pool": model.fitted_.postprocessor.blended,  # validation loss of the average, cross-fitted loss of the pool
        "curve": improvements(model.fitted_.trials),
    }


def variants(model: Any) -> dict[str, Any]:
    """The model without one step after the search; a step that it did not take is left out."""
    fitted = model.fitted_
    members = tuple(
        replace(member, estimator=fits_of(member.estimator)[0]) if member.whole else member for member in fitted.members
    )
    step = fitted.postprocessor
    found = {}
    if any(old is not new for old, new in zip(fitted.members, members, strict=True)):
        found["without further fits"] = replace(fitted, members=members)
    if step.calibration is not None:
        found["without calibration"] = replace(fitted, postprocessor=replace(step, calibration=None))
    if step.blend is not None:
        found["average in place of the pool"] = replace(fitted, postprocessor=replace(step, blend=None))
    return found


def improvements(trials: Iterable[TrialRow]) -> list[list[float]]:
    """Seconds since the fit began, and the validation loss, of each trial that was better than all before it."""
    ended = sorted((t.elapsed, t.loss) for t in trials if t.elapsed is not None and t.loss is not None)
    found: list[list[float]] = []
    for elapsed, loss in ended:
        if not found or loss < found[-1][1]:
            found.append([elapsed, loss])
    return found


def save(model: Any, folder: Path) -> None:
    model.save(folder / "model.seasoned")


def load(folder: Path, job: dict[str, Any]) -> Any:
    return load_bundle(folder / "model.seasoned")
