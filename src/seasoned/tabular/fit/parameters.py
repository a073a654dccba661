"""Parameters of the estimators: checks, and conversion to the settings and the budget of a search."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, Protocol

from seasoned.errors import InvalidInput
from seasoned.execution._system.resources import cpu_count, parse_memory
from seasoned.knowledge.experience.locations import places
from seasoned.tabular.budget.budget import Budget
from seasoned.tabular.features.pipeline import choose_steps
from seasoned.tabular.search.settings import SearchSettings, check_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["FitSettings", "Parameters", "budget_of", "check_parameters", "settings_of"]


class Parameters(Protocol):
    """The parameters of an estimator; see `AutoClassifier` for their meaning."""

    metric: Any
    time_limit: float | None
    trials: int | None
    memory_limit: int | str | None
    workers: int | None
    validation: Any
    experience: str | None
    search: SearchSettings | None
    random_state: Any


@dataclass(frozen=True, slots=True)
class FitSettings:
    """Settings that distinguish one run of a table from another; see `AutoClassifier` and `SearchSettings`."""

    metric: Any = None
    models: Sequence[Any] | None = None
    features: Sequence[str] | None = None
    folds: int | None = None
    spaces: Mapping[str, Any] | None = None
    starts: Sequence[Any] | None = None
    calibrate: bool | None = None
    predict_limit: float | None = None
    validation: Any = None
    random_state: Any = None
    store_rows: bool = True

    def facts(self) -> dict[str, Any]:
        """Return the settings by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


def check_parameters(given: Parameters) -> None:
    """Refuse an invalid parameter. The message states the rule.

    Raises:
        InvalidInput: If a parameter is invalid.
    """
    check_number("time_limit", given.time_limit, Real, "a number of seconds, or None for no limit")
    check_number("trials", given.trials, Real, "a whole number above 0, or None")
    _check_workers(given.workers)
    if given.time_limit is None and given.trials is None:
        raise InvalidInput("time_limit and trials are both None; give one of them, or the search never ends.")
    if given.time_limit is not None and not 0 < given.time_limit < math.inf:
        raise InvalidInput(f"time_limit is {given.time_limit}; it is in seconds, above 0; None is for no limit.")
    if given.trials is not None and not _is_count(given.trials):
        raise InvalidInput(f"trials is {given.trials!r}; it must be a whole number above 0, or None.")
    places(given.experience)  # raises for an invalid setting
    if given.search is not None and not isinstance(given.search, SearchSettings):
        raise InvalidInput(f"search is {given.search!r}; pass SearchSettings(...) or None.")


def _check_workers(workers: Any) -> None:
    check_number("workers", workers, Real, "a whole number above 0, or None for one a core")
    if workers is not None and not _is_count(workers):
        raise InvalidInput(f"workers is {workers!r}; it must be a whole number above 0, or None for one a core.")


def _is_count(number: float) -> bool:
    """True for a whole number above 0."""
    return math.isfinite(number) and number == int(number) >= 1


def settings_of(given: Parameters) -> FitSettings:
    """Return the settings of a fit from the estimator's parameters."""
    search = SearchSettings() if given.search is None else given.search
    return FitSettings(
        metric=given.metric,
        models=search.models,
        features=None if search.features is None else list(choose_steps(search.features)),
        folds=search.folds,
        spaces=search.spaces,
        starts=search.starts,
        calibrate=search.calibrate,
        predict_limit=search.predict_limit,
        validation=given.validation,
        random_state=given.random_state,
        store_rows=search.store_rows,
    )


def budget_of(given: Parameters, started: float) -> Budget:
    """Time, trials, workers and memory of a fit that started at `started`, on `time.monotonic`'s clock.

    Raises:
        InvalidInput: If the memory limit is too small for a fit, or `workers` is invalid.
    """
    _check_workers(given.workers)  # `refit` has no earlier check
    cores = cpu_count()
    workers = cores if given.workers is None else min(int(given.workers), cores)
    seconds = 1e9 if given.time_limit is None else float(given.time_limit)
    search = SearchSettings() if given.search is None else given.search
    memory = None if given.memory_limit is None else parse_memory(given.memory_limit)
    trials = None if given.trials is None else int(given.trials)
    told = given.workers is not None
    budget = Budget(
        started + seconds,
        seconds,
        trials,
        workers,
        memory,
        members=search.ensemble,
        layers=search.layers,
        simple=search.prefer == "simple",
        explicit_workers=told,
    )
    while not budget.explicit_workers and budget.workers > 1 and not budget.has_memory:
        budget = replace(budget, workers=budget.workers - 1)
    budget.check_memory()
    return budget
