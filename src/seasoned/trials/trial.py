"""What happened, as plain values: configurations, trials, and the events that make up a study's log.

Everything else (which trials exist, which is best, what a sampler believes) is a fold of that log (`history.py`), so a
killed study resumes by reading it. Objectives are always minimised in here: a study that maximises negates values on
their way in and out.
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
    "Asked",
    "Config",
    "Created",
    "Event",
    "Finished",
    "Reported",
    "Spaced",
    "StudySpec",
    "Taken",
    "Trial",
    "TrialState",
    "WarmStart",
    "thawed",
    "violation",
]


class Config(dict[str, Any]):
    """A configuration: a nested dict that is immutable at every level, and hashable.

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
    """A configuration as plain dicts, which can be changed.

    Example:
        >>> thawed(Config({"model": {"tree": {"depth": 3}}}))["model"].popitem()
        ('tree', {'depth': 3})
    """
    return {name: thawed(value) if isinstance(value, dict) else value for name, value in config.items()}


def _key(value: object) -> object:
    return frozenset((name, _key(inner)) for name, inner in value.items()) if isinstance(value, dict) else value


_NO_NOTES: Final = Config()


class TrialState(StrEnum):
    """Where a trial stands. All but `RUNNING` are final."""

    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Trial:
    """One evaluation of the objective.

    Attributes:
        number: Its place in the study, from 0 on, without gaps.
        config: What was tried.
        state: Where it stands.
        values: The objectives, if complete.
        seconds: Wall time of the evaluation, if finished and known.
        error: Why it failed or was pruned.
        tag: What the sampler noted with its suggestion (particle, generation, rung).
        constraints: Outcomes that must be at most 0, if complete and there are any.
        reports: Step and value of each report, in their order; the first one of a step counts. NaN: not finite.
        notes: What its objective wanted to be kept (`LiveTrial.note`).
        prune_reason: The reason of pruning, if pruned.
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
        """Whether it is complete and keeps all constraints."""
        return self.values is not None and self.violation == 0.0

    @property
    def violation(self) -> float:
        """By how much it breaks its constraints, summed; 0 if it keeps them all."""
        return violation(self.constraints)

    @property
    def value(self) -> float | None:
        """The first objective, if complete."""
        return None if self.values is None else self.values[0]


def violation(constraints: Iterable[float]) -> float:
    """The sum of the positive ones, which orders infeasible trials (Deb 2000, An efficient constraint handling method).

    Example:
        >>> violation([-1.0, 0.5, 2.0])
        2.5
    """
    return sum((max(0.0, constraint) for constraint in constraints), 0.0)


@dataclass(frozen=True, slots=True)
class WarmStart:
    """What a sampler may know before its first trial; plain data, so that it can be stored with the study.

    Attributes:
        configurations: To be tried first, in this order.
        points: Evaluations made elsewhere, as points of the unit cube, shape (n, d).
        values: Their objectives in the study's direction, shape (n,); relative ones are always minimised.
        population: Points for a population to start from, shape (m, d).
        step_size: First step of a local method, in units of the cube, in (0, 1].
        relative: Whether the values only say which point is expected to do better, and how clearly, on a scale of their
            own: predictions of models of past tasks, not values of this objective. A Gaussian process then uses
            them as its prior mean, as far as its trials agree with them.

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
        """Refuse impossible numbers; called when one is given, and not when a stored one is read.

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
        """Whether its configurations are all that it asks to be tried: relative values are nothing to be confirmed."""
        return self.relative and bool(self.configurations)


def _rows(points: Iterable[Iterable[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(coordinate) for coordinate in row) for row in points)


_DIRECTIONS: Final = ("minimize", "maximize")


@dataclass(frozen=True, slots=True)
class StudySpec:
    """What defines a study: its first event, and all that a sampler starts from.

    Attributes:
        space: Where to search.
        directions: "minimize" or "maximize", one per objective.
        seed: Source of all randomness; with a trial's number it determines that trial's draws.
        budget: How many trials are planned, if known.
        warm_start: What is known beforehand.
        first: Number of the first trial in this space; above 0 once the study has moved to another space.
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
        """Factor per objective between what the user sees and what is minimised inside."""
        return tuple(1 if direction == "minimize" else -1 for direction in self.directions)


def _whole(name: str, value: Any) -> int | None:
    """A whole number of any library as Python's int, which a log can hold."""
    try:
        return None if value is None else operator.index(value)
    except TypeError:
        raise InvalidInput(f"{name} is {value!r}; give a whole number.") from None


@dataclass(frozen=True, slots=True)
class Created:
    """The study began with this specification."""

    spec: StudySpec


@dataclass(frozen=True, slots=True)
class Spaced:
    """The study goes on in another space from trial `first` on; trials not valid there stay as history."""

    space: Space
    first: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A trial got its configuration, from the driver that holds its lease."""

    number: int
    config: Config
    tag: Mapping[str, Any] | None = None
    driver: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """A trial goes on under a driver other than the one that held it, which died or gave it back.

    If it is the same driver, a trial that had paused runs again. With `begun`, the objective of a trial that was taken
    over begins now: a driver that dies before that is no attempt.
    """

    number: int
    driver: str
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Reported:
    """A running trial reached a step with this value, minimised, NaN if not finite; a step's first report counts."""

    number: int
    step: int
    value: float


@dataclass(frozen=True, slots=True)
class Finished:
    """A trial ended; the first such event for a number is the one that counts.

    A complete trial is feasible if all of its `constraints` are at most 0. A pruned trial has a `prune_reason`.
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
        """By how much the trial breaks its constraints, summed; 0 if it keeps them all."""
        return violation(self.constraints)


@dataclass(frozen=True, slots=True)
class Remaining:
    """The share of the budget that was left when a trial was claimed, from 1 to 0: asking for it may depend on that."""

    number: int
    share: float


Event: TypeAlias = Created | Spaced | Remaining | Asked | Taken | Reported | Finished
