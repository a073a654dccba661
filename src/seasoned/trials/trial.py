"""Configurations, trials, and the events of a study's log, as plain values.

All other state (the trials, the best trial, a sampler's state) is a fold of the log (`history.py`), so a killed study
resumes from its log. Stored objectives are minimised: a study that maximises negates values on input and output.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

from seasoned.errors import InvalidInput, PruneReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from seasoned.space import Space

__all__ = [
    "Config",
    "Created",
    "Event",
    "Finished",
    "Reassigned",
    "Reported",
    "SpaceChanged",
    "StudySpec",
    "Suggested",
    "Trial",
    "TrialState",
    "WarmStart",
    "thawed",
    "violation",
]


class Config(dict[str, Any]):
    """Configuration: a nested dict, immutable at every level and hashable.

    Example:
        >>> Config({"lr": 0.1})["lr"]
        0.1
    """

    __slots__ = ()

    def __init__(self, *given: Any, **named: Any) -> None:
        plain = dict(*given, **named)
        super().__init__((name, Config(v) if type(v) is dict else v) for name, v in plain.items())

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a trial's configuration is read-only; change a copy: seasoned.trials.thawed(config).")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]  # dict is unhashable because it can change
        return hash(_key(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return (Config, (dict(self),))


def thawed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration as plain, mutable dicts.

    Example:
        >>> thawed(Config({"model": {"tree": {"depth": 3}}}))["model"].popitem()
        ('tree', {'depth': 3})
    """
    return {name: thawed(value) if isinstance(value, dict) else value for name, value in config.items()}


def _key(value: object) -> object:
    return frozenset((name, _key(inner)) for name, inner in value.items()) if isinstance(value, dict) else value


_NO_NOTES: Final = Config()


class TrialState(StrEnum):
    """State of a trial. All states but `RUNNING` are final."""

    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Trial:
    """Trial: one evaluation of the objective.

    Attributes:
        number: Number in the study, from 0, without gaps.
        config: The configuration.
        state: State of the trial.
        values: The objectives, if complete.
        seconds: Wall time of the evaluation in seconds, if finished and known.
        error: Reason of a failure or of pruning.
        tag: The sampler's data on its suggestion (particle, generation, rung).
        constraints: Outcome constraints of a complete trial, satisfied if at most 0.
        reports: Step and value of each report, in order; the first report of a step counts; NaN if not finite.
        notes: Notes of the objective (`LiveTrial.note`).
        prune_reason: Reason of pruning, if pruned.
    """

    number: int
    config: Config
    state: TrialState = TrialState.RUNNING
    values: tuple[float, ...] | None = None
    seconds: float | None = None
    error: str | None = None
    tag: Mapping[str, Any] | None = None
    constraints: tuple[float, ...] = ()
    reports: tuple[tuple[int, float], ...] = ()
    notes: Config = _NO_NOTES
    prune_reason: PruneReason | None = None

    def __repr__(self) -> str:
        values = [] if self.values is None else [", ".join(f"{value:.6g}" for value in self.values)]
        failed = [repr(self.error)] if self.state is TrialState.FAILED else []
        took = [] if self.seconds is None else [f"{self.seconds:.3g} s"]
        steps = [f"{len(self.reports)} reports"] if self.reports else []
        return f"Trial({', '.join([str(self.number), self.state, *values, *failed, *took, *steps, str(self.config)])})"

    @property
    def feasible(self) -> bool:
        """True if the trial is complete and satisfies all constraints."""
        return self.values is not None and self.violation == 0.0

    @property
    def violation(self) -> float:
        """Total violation of the constraints; 0 if all are satisfied."""
        return violation(self.constraints)

    @property
    def value(self) -> float | None:
        """The first objective, if complete."""
        return None if self.values is None else self.values[0]


def violation(constraints: Iterable[float]) -> float:
    """Return the sum of the positive constraints (Deb 2000, An efficient constraint handling method).

    Example:
        >>> violation([-1.0, 0.5, 2.0])
        2.5
    """
    return sum((max(0.0, constraint) for constraint in constraints), 0.0)


@dataclass(frozen=True, slots=True)
class WarmStart:
    """Warm start: a sampler's prior knowledge before its first trial, as plain data that is stored with the study.

    Attributes:
        configurations: Configurations to try first, in order.
        points: Evaluated points of another search, in the unit cube, shape (n, d).
        values: Objective of each point in the study's direction, shape (n,); relative values are always minimised.
        population: First points of a population, shape (m, d).
        step_size: First step of a local method, in units of the cube, in (0, 1].
        relative: True if the values are predictions of models of past tasks, on their own scale, instead of values of
            this objective. A Gaussian process uses them as its prior mean, as far as its trials agree with them.

    Raises:
        InvalidInput: If `points` and `values` differ in number.
    """

    configurations: tuple[Mapping[str, Any], ...] = ()
    points: tuple[tuple[float, ...], ...] = ()
    values: tuple[float, ...] = ()
    population: tuple[tuple[float, ...], ...] = ()
    step_size: float | None = None
    relative: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "configurations", tuple(Config(config) for config in self.configurations))
        object.__setattr__(self, "points", _rows(self.points))
        object.__setattr__(self, "values", tuple(float(value) for value in self.values))
        object.__setattr__(self, "population", _rows(self.population))
        if len(self.points) != len(self.values):
            raise InvalidInput(
                f"a WarmStart has {len(self.points)} points and {len(self.values)} values; give one value per point."
            )
        if self.step_size is not None:
            object.__setattr__(self, "step_size", float(self.step_size))

    def check(self) -> None:
        """Check the numbers of a new warm start; stored ones are not checked.

        Raises:
            InvalidInput: If a value is not finite, a coordinate is outside [0, 1], or the step is not in (0, 1].
        """
        strange = next((value for value in self.values if not math.isfinite(value)), None)
        if strange is not None:
            raise InvalidInput(
                f"a value of the WarmStart is {strange}; leave failed evaluations out, with their points."
            )
        coordinates = (coordinate for row in (*self.points, *self.population) for coordinate in row)
        outside = next((coordinate for coordinate in coordinates if not 0.0 <= coordinate <= 1.0), None)
        if outside is not None:
            raise InvalidInput(
                f"a coordinate of the WarmStart is {outside}, outside [0, 1]; encode configurations by space.encode."
            )
        if self.step_size is not None and not 0.0 < self.step_size <= 1.0:
            raise InvalidInput(f"step_size is {self.step_size}; give a share of the unit cube's side in (0, 1].")

    @property
    def only_suggests(self) -> bool:
        """True if only the configurations are to be evaluated: relative values cannot be confirmed by evaluation."""
        return self.relative and bool(self.configurations)


def _rows(points: Iterable[Iterable[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(coordinate) for coordinate in row) for row in points)


_DIRECTIONS: Final = ("minimize", "maximize")


@dataclass(frozen=True, slots=True)
class StudySpec:
    """Specification of a study: the content of its first event, and the input of a sampler.

    Attributes:
        space: The search space.
        directions: "minimize" or "maximize", one per objective.
        seed: Seed of all randomness; with a trial's number, it determines the trial's draws.
        budget: Planned number of trials, or None.
        warm_start: Prior knowledge of the sampler.
        first: Number of the first trial in this space; greater than 0 after a move from another space.
    """

    space: Space
    directions: tuple[str, ...] = ("minimize",)
    seed: int = 0
    budget: int | None = None
    warm_start: WarmStart = WarmStart()
    first: int = 0

    def __post_init__(self) -> None:
        if not self.directions or any(direction not in _DIRECTIONS for direction in self.directions):
            raise InvalidInput(
                f"the direction {self.directions} is unknown; give 'minimize' or 'maximize', or several."
            )
        for name in ("seed", "budget"):
            object.__setattr__(self, name, _whole(name, getattr(self, name)))
        if self.seed < 0:
            raise InvalidInput(f"seed is {self.seed}; give a whole number from 0 up, or None for another each time.")
        if self.budget is not None and self.budget < 1:
            raise InvalidInput(f"budget is {self.budget}; give a number of trials of at least 1, or None.")

    @property
    def signs(self) -> tuple[int, ...]:
        """Factor of each objective between the user's direction and the minimised value."""
        return tuple(1 if direction == "minimize" else -1 for direction in self.directions)


def _whole(name: str, value: Any) -> int | None:
    """Integer of any library as `int`, for the log."""
    try:
        return None if value is None else operator.index(value)
    except TypeError:
        raise InvalidInput(f"{name} is {value!r}; give a whole number.") from None


@dataclass(frozen=True, slots=True)
class Created:
    """Event: the study began with a specification."""

    spec: StudySpec


@dataclass(frozen=True, slots=True)
class SpaceChanged:
    """Event: the study moved to another space from trial `first` on; trials not valid in it stay in the history."""

    space: Space
    first: int


@dataclass(frozen=True, slots=True)
class Suggested:
    """Event: a trial got its configuration, from the driver with its lease."""

    number: int
    config: Config
    tag: Mapping[str, Any] | None = None
    driver: str = ""


@dataclass(frozen=True, slots=True)
class Reassigned:
    """Event: a trial goes on under another driver, after the death of its driver or a release.

    With the same driver as before, a paused trial runs again. With `begun`, the objective of a trial that was taken
    over begins; the death of a driver before this event is no attempt.
    """

    number: int
    driver: str
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Reported:
    """Event: a running trial reported a value at a step, minimised, NaN if not finite; the first report counts."""

    number: int
    step: int
    value: float


@dataclass(frozen=True, slots=True)
class Finished:
    """Event: a trial ended; the first such event of a number counts.

    A complete trial is feasible if all its `constraints` are at most 0. A pruned trial has a `prune_reason`.
    """

    number: int
    state: TrialState
    values: tuple[float, ...] | None = None
    seconds: float | None = None
    error: str | None = None
    constraints: tuple[float, ...] = ()
    notes: Config = _NO_NOTES
    prune_reason: PruneReason | None = None

    @property
    def violation(self) -> float:
        """Total violation of the constraints; 0 if all are satisfied."""
        return violation(self.constraints)


@dataclass(frozen=True, slots=True)
class Remaining:
    """Event: the remaining share of the budget at a trial's claim, from 1 to 0; samplers may depend on it."""

    number: int
    share: float


Event: TypeAlias = Created | SpaceChanged | Remaining | Suggested | Reassigned | Reported | Finished
