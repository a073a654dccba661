"""Data of a study's figures as plain numbers; without plotting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.samplers._branches import Branches
from seasoned.space.grid_values import values_of
from seasoned.space.parameters import MISSING, Categorical
from seasoned.surrogates.forest import Forest, fit_forest
from seasoned.trials import TrialState
from seasoned.trials.dataframe import flat
from seasoned.trials.pareto import hypervolume

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from seasoned.space import Space
    from seasoned.trials import Trial

__all__ = [
    "Axis",
    "Curve",
    "Importances",
    "LearningCurve",
    "Surface",
    "Volumes",
    "axes",
    "contour",
    "curve",
    "distribution",
    "importances",
    "learning_curves",
    "together",
    "volumes",
]

_DRAWS: Final = 2048  # sample size of the variance estimates in the unit cube
_GRID: Final = 40  # number of grid points of a surface along each side
_AVERAGED: Final = 50  # number of latest trials whose other parameters a surface averages over
_VOLUMES: Final = 100  # number of hypervolumes in a figure
_MAX_SUMMABLE: Final = 1e100  # largest absolute value whose square can be summed
FEWEST: Final = 4
"""Smallest number of complete trials for a surrogate model."""


class Curve(NamedTuple):
    """One objective in the order of the trials.

    Attributes:
        numbers: Numbers of the trials.
        values: Values of the trials.
        feasible: True for trials that satisfy all constraints.
        best: Best feasible value up to and including each trial; NaN before the first feasible trial.
    """

    numbers: tuple[int, ...]
    values: tuple[float, ...]
    feasible: tuple[bool, ...]
    best: tuple[float, ...]


class LearningCurve(NamedTuple):
    """Reports of one trial.

    Attributes:
        number: The trial's number.
        state: "complete", "pruned", "paused", "running" or "failed".
        best: True for the best complete trial that satisfies all constraints.
        steps: Steps, ascending.
        values: Value at each step; NaN if it was not finite.
    """

    number: int
    state: str
    best: bool
    steps: tuple[int, ...]
    values: tuple[float, ...]


class Axis(NamedTuple):
    """One parameter of many trials.

    Attributes:
        name: Dotted name.
        values: Value in each trial, `MISSING` for an inactive parameter.
        log: True for a log scale.
        choices: Values of a category, in their order; empty for a number.
    """

    name: str
    values: tuple[Any, ...]
    log: bool
    choices: tuple[Any, ...]


class Importances(NamedTuple):
    """Share of the objective's variance that each parameter explains, the most important first.

    Attributes:
        names: Dotted names.
        alone: Share explained by the parameter alone (first-order Sobol index, the main effect of functional ANOVA).
        total: Share including all interactions (total Sobol index); the sum over parameters may exceed 1.
    """

    names: tuple[str, ...]
    alone: tuple[float, ...]
    total: tuple[float, ...]


class Volumes(NamedTuple):
    """Hypervolume of the feasible trials so far.

    Attributes:
        numbers: Numbers of the trials after which the volume was computed.
        values: The hypervolume after each of them; never decreasing.
        reference: The reference point: the worst value of each objective over the feasible trials.
    """

    numbers: tuple[int, ...]
    values: tuple[float, ...]
    reference: tuple[float, ...]


class Surface(NamedTuple):
    """Mean of a surrogate over two parameters, averaged over the other parameters of the trials.

    Attributes:
        x: Values along the first parameter, shape (k,).
        y: Values along the second parameter, shape (l,).
        mean: The mean, shape (l, k).
    """

    x: tuple[Any, ...]
    y: tuple[Any, ...]
    mean: NDArray[np.float64]


def curve(trials: Sequence[Trial], direction: str, objective: int = 0) -> Curve:
    """Return the objective of each complete trial, and the best value so far."""
    shown = [(trial, trial.values[objective]) for trial in trials if trial.values is not None]
    feasible = np.array([trial.feasible for trial, _ in shown], dtype=np.bool_)
    worst = np.inf if direction == "minimize" else -np.inf
    counted = np.where(feasible, [value for _, value in shown], worst)
    best = (np.minimum if direction == "minimize" else np.maximum).accumulate(counted) if shown else counted
    best = np.where(np.isfinite(best), best, np.nan)
    return Curve(
        tuple(trial.number for trial, _ in shown),
        tuple(value for _, value in shown),
        tuple(feasible.tolist()),
        tuple(best.tolist()),
    )


def distribution(trials: Sequence[Trial], objective: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the empirical distribution of an objective over the feasible trials: sorted values, and their shares.

    The share of a value is the share of trials whose value is at most this value.
    """
    values = np.sort([trial.values[objective] for trial in trials if trial.values is not None and trial.feasible])
    return values, np.arange(1, len(values) + 1) / max(len(values), 1)


def volumes(trials: Sequence[Trial], directions: Sequence[str]) -> Volumes:
    """Return the hypervolume after the feasible trials, for at most 100 of them, evenly spaced, and the last."""
    shown = [(trial.number, trial.values) for trial in trials if trial.values is not None and trial.feasible]
    signs = np.array([1.0 if direction == "minimize" else -1.0 for direction in directions])
    points = signs * np.array([values for _, values in shown], dtype=np.float64).reshape(len(shown), len(signs))
    worst = points.max(axis=0, initial=-np.inf)
    places = np.unique(np.linspace(0, len(shown) - 1, min(len(shown), _VOLUMES)).round().astype(np.int64))
    found = [float(hypervolume(points[: place + 1], worst.tolist())) for place in places]
    return Volumes(tuple(shown[place][0] for place in places), tuple(found), tuple((signs * worst).tolist()))


def learning_curves(
    trials: Sequence[Trial], direction: str, paused: Collection[int] = (), last: int | None = None
) -> tuple[LearningCurve, ...]:
    """Return the curves of all trials with reports, in the order of the trials.

    Args:
        trials: Trials of any state.
        direction: "minimize" or "maximize".
        paused: Numbers of the running trials that wait to be promoted.
        last: Last step of a complete trial under a fidelity rule; None without a rule. A complete trial without a
            report at this step ends with its value.

    Example:
        >>> from seasoned.trials import Config, Trial
        >>> learning_curves([Trial(0, Config(), reports=((1, 0.5), (3, 0.2)))], "minimize", paused=[0])
        (LearningCurve(number=0, state='paused', best=False, steps=(1, 3), values=(0.5, 0.2)),)
    """
    ranked = [(trial.values[0], trial.number) for trial in trials if trial.values is not None and trial.feasible]
    best = (min if direction == "minimize" else max)(ranked, key=lambda pair: pair[0], default=(0.0, -1))[1]
    found = []
    for trial in trials:
        points = dict(sorted(trial.reports))
        if last is not None and trial.values is not None:
            points.setdefault(last, trial.values[0])
        waits = trial.state is TrialState.RUNNING and trial.number in paused
        state = "paused" if waits else trial.state.value
        if points:
            own = tuple(points), tuple(points.values())
            found.append(LearningCurve(trial.number, state, trial.number == best, *own))
    return tuple(found)


def axes(trials: Sequence[Trial], space: Space, names: Sequence[str] | None = None) -> tuple[Axis, ...]:
    """Return the parameters of complete trials: all parameters, or those in `names`.

    Raises:
        InvalidInput: The space has no parameter of a name.
    """
    rows = [flat(trial.config) for trial in trials if trial.values is not None]
    known = {dimension.name: dimension.parameter for dimension in space.dimensions}
    wanted = list(known) if names is None else list(names)
    for name in wanted:
        if name not in known:
            raise InvalidInput(f"the space has no parameter {name!r}; give some of {list(known)}.")
    return tuple(
        Axis(
            name,
            tuple(row.get(name, MISSING) for row in rows),
            bool(getattr(known[name], "log", False)),
            tuple(known[name].choices) if isinstance(known[name], Categorical) else (),  # type: ignore[union-attr]
        )
        for name in wanted
    )


def importances(trials: Sequence[Trial], space: Space, objective: int = 0, seed: int = 0) -> Importances:
    """Shares of the variance of a random forest's mean over the whole space, for each parameter.

    Let A and B be uniform on the cube, A_j the points of A with the coordinate j of B, and V the variance of f. Then
    `alone` is `E[f(B) (f(A_j) - f(A))] / V`, and `total` is `E[(f(A) - f(A_j))^2] / (2 V)`. Inactive parameters have
    their default values, so a conditional parameter counts in proportion to the probability of its branch.

    Raises:
        InvalidInput: Fewer than 4 trials are complete.

    Source: Hutter, Hoos and Leyton-Brown (2014), An efficient approach for assessing hyperparameter importance, ICML;
    estimators of Saltelli et al. (2010), Computer Physics Communications 181.
    """
    branches = Branches.of(space)
    forest, _ = _fitted(trials, space, objective, seed)
    rng = np.random.default_rng(seed)
    first, second = rng.random((2, _DRAWS, len(space)))
    at_first, at_second = (forest.predict(_in_use(points, branches))[0] for points in (first, second))
    variance = float(np.concatenate([at_first, at_second]).var())
    alone, total = np.zeros(len(space)), np.zeros(len(space))
    for j in range(len(space) if variance > 0 else 0):
        mixed = first.copy()
        mixed[:, j] = second[:, j]
        at_mixed = forest.predict(_in_use(mixed, branches))[0]
        total[j] = ((at_first - at_mixed) ** 2).mean() / (2 * variance)
        alone[j] = ((at_second - at_second.mean()) * (at_mixed - at_first)).mean() / variance
    total = np.minimum(total, 1.0)  # larger values are estimation errors
    alone = np.clip(alone, 0.0, total)
    order = np.argsort(-total, kind="stable")
    names = [space.dimensions[j].name for j in order]
    return Importances(tuple(names), tuple(alone[order].tolist()), tuple(total[order].tolist()))


def contour(trials: Sequence[Trial], space: Space, pair: tuple[str, str], objective: int = 0, seed: int = 0) -> Surface:
    """Mean of a random forest over two parameters, averaged over the other parameters of the trials.

    The mean is NaN where one of the two parameters is inactive, for example because the other one is its parent choice.

    Raises:
        InvalidInput: Fewer than 4 trials are complete, or the two parameters are never active together.
    """
    if not together(space, *pair):
        raise InvalidInput(f"{pair[0]} and {pair[1]} are never in use together; choose another pair.")
    branches = Branches.of(space)
    forest, unit = _fitted(trials, space, objective, seed)
    columns = [[d.name for d in space.dimensions].index(name) for name in pair]
    sides = [_side(space, column) for column in columns]
    others = _units(trials, space)[-_AVERAGED:]
    mean = np.empty((len(sides[1]), len(sides[0])))
    for row, y in enumerate(sides[1]):
        points = np.repeat(others[None, :, :], len(sides[0]), axis=0)
        points[:, :, columns[1]] = y
        points[:, :, columns[0]] = sides[0][:, None]
        flattened = points.reshape(-1, len(space))
        for column in columns:
            _activate(flattened, branches, column, kept=columns)
        predicted = forest.predict(_in_use(flattened, branches))[0]
        used = np.logical_and(*(_used(flattened, branches, column) for column in columns))
        mean[row] = np.where(used, predicted, np.nan).reshape(len(sides[0]), -1).mean(axis=1)
    x, y = (
        tuple(space.dimensions[column].parameter.from_unit(float(unit)) for unit in side)
        for column, side in zip(columns, sides, strict=True)
    )
    return Surface(x, y, unit * mean)


def together(space: Space, one: str, other: str) -> bool:
    """Return True if two parameters can be active together: they need no different options of one choice."""
    first, second = _taken(space, one), _taken(space, other)
    return all(first[choice] == second[choice] for choice in first.keys() & second.keys())


def _taken(space: Space, name: str) -> dict[int, str]:
    """Return the choices that a parameter depends on: index of the choice -> required option."""
    dimension = next(dimension for dimension in space.dimensions if dimension.name == name)
    found = {}
    while dimension.parent >= 0:
        found[dimension.parent] = dimension.option
        dimension = space.dimensions[dimension.parent]
    return found


def _fitted(trials: Sequence[Trial], space: Space, objective: int, seed: int) -> tuple[Forest, float]:
    """Return a random forest of the scaled values, and the scale (its unit)."""
    units = _units(trials, space)
    if len(units) < FEWEST:
        raise InvalidInput(f"{len(units)} trials are complete; a model of them needs at least {FEWEST}, run more.")
    values = np.array([trial.values[objective] for trial in trials if trial.values is not None])
    unit = max(1.0, float(np.abs(values).max()) / _MAX_SUMMABLE)  # squares of larger values would overflow
    return fit_forest(units, values / unit, seed=seed, trees=64, random_splits=False), unit


def _units(trials: Sequence[Trial], space: Space) -> NDArray[np.float64]:
    """Return the points of the complete trials, shape (n, d)."""
    units = [space.encode(trial.config).unit for trial in trials if trial.values is not None]
    return np.array(units, dtype=np.float64).reshape(len(units), len(space))


def _in_use(points: NDArray[np.float64], branches: Branches) -> NDArray[np.float64]:
    """Return the points with levels at their centres and inactive parameters at their defaults."""
    stepped = branches.levels > 0
    levels = branches.levels[stepped]
    placed = points.copy()
    placed[:, stepped] = (np.minimum(np.floor(points[:, stepped] * levels), levels - 1) + 0.5) / levels
    for branch, mask in zip(branches.branches, branches.masks(placed), strict=True):
        placed[np.ix_(~mask, branch.columns)] = branches.defaults[branch.columns]
    return placed


def _side(space: Space, column: int) -> NDArray[np.float64]:
    parameter = space.dimensions[column].parameter
    if isinstance(parameter, Categorical):
        return (np.arange(len(parameter.choices)) + 0.5) / len(parameter.choices)
    values = values_of(parameter, _GRID)
    if values is None:
        return np.linspace(0.0, 1.0, _GRID)
    return np.array([parameter.to_unit(value) for value in values])  # type: ignore[arg-type]  # its own values


def _activate(points: NDArray[np.float64], branches: Branches, column: int, kept: Sequence[int]) -> None:
    """Set, in place, the options that make a parameter active, except for the choices in `kept`."""
    branch = next(found for found in branches.branches if column in found.columns)
    while branch.parent >= 0:
        parent = branch.parent
        if parent not in kept:
            points[:, parent] = (branch.option + 0.5) / branches.levels[parent]
        branch = next(found for found in branches.branches if parent in found.columns)


def _used(points: NDArray[np.float64], branches: Branches, column: int) -> NDArray[np.bool_]:
    """Return the points at which a parameter is active, as a mask of shape (n,)."""
    masks = zip(branches.branches, branches.masks(points), strict=True)
    return next(np.asarray(mask, dtype=np.bool_) for branch, mask in masks if column in branch.columns)
