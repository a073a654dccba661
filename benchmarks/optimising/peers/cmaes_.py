"""CMA-ES of the package `cmaes`: CMA on floats, CatCMAwM where there are integers or categories.

With `refine` it is the final refinement that OptunaHub registers: 8 Sobol points, CMA-ES with a population of 6 and a
step of 0.2 up to trial 140 (both scaled to the number of trials), then quasi-random Gaussian steps around the best,
sigma(n) = 0.13 exp(-0.11 n) of the range. Refined categories keep the best one's value.
"""

# ruff: noqa: D101, D102  # the shape is described in worker.py
from __future__ import annotations

import math
from typing import Any

import numpy as np
from cmaes import CMA, CatCMAwM
from scipy.special import ndtri
from scipy.stats import qmc
from units import config_at

PACKAGES = ("cmaes", "numpy", "scipy")

SOBOL, REFINED_FROM, PLANNED, POPULATION, STEP = 8, 140, 200, 6, 0.2
START, DECAY = 0.13, 0.11
LEVELS = 100  # integers with more levels than this are rounded floats


class Optimiser:
    def __init__(self, space: list[dict[str, Any]], seed: int, trials: int, options: dict[str, Any]) -> None:
        self._space, self._refine, self._asked = space, options.get("refine", False), 0
        share = trials / PLANNED
        self._sobol_until = SOBOL if self._refine else 0
        self._cma_until = round(REFINED_FROM * share) if self._refine else trials
        size = POPULATION if self._refine else None
        pure = all(parameter["type"] == "float" for parameter in space)
        self._model = (
            Continuous(space, seed, size, STEP if self._refine else 1 / 6) if pure else Mixed(space, seed, size)
        )
        self._sobol = qmc.Sobol(len(space), rng=np.random.default_rng(seed))
        self._noise = qmc.Sobol(len(space), rng=np.random.default_rng((4, seed)))
        self._best: tuple[float, Any] = (math.inf, None)

    def ask(self) -> dict[str, Any]:
        self._told = None
        if self._asked < self._sobol_until:
            self._point = self._sobol.random(1)[0]
        elif self._asked < self._cma_until:
            self._told, self._point = self._model.ask()
        else:
            self._point = self._near_best(self._asked - self._cma_until)
        self._asked += 1
        return config_at(self._space, self._point.tolist())

    def _near_best(self, step: int) -> Any:
        unit = np.clip(self._noise.random(1)[0], 1e-10, 1 - 1e-10)
        moved = np.clip(self._best[1] + START * math.exp(-DECAY * step) * ndtri(unit), 0, 1)
        fixed = np.array([parameter["type"] == "cat" for parameter in self._space])
        return np.where(fixed, self._best[1], moved)

    def tell(self, value: float) -> None:
        if value < self._best[0]:
            self._best = (value, self._point)
        if self._told is not None:
            self._model.tell(self._told, value)


class Continuous:
    """CMA on the cube, from its centre."""

    def __init__(self, space: list[dict[str, Any]], seed: int, size: int | None, step: float) -> None:
        bounds = np.tile([0.0, 1.0], (len(space), 1))
        self._start = lambda again: CMA(
            np.full(len(space), 0.5), step, bounds=bounds, seed=seed + 1000 * again, population_size=size
        )
        self._cma, self._again = self._start(0), 0
        self._told: list[tuple[Any, float]] = []

    def ask(self) -> tuple[Any, Any]:
        point = self._cma.ask()
        return point, point

    def tell(self, point: Any, value: float) -> None:
        self._told.append((point, value))
        if len(self._told) == self._cma.population_size:
            self._cma.tell(self._told)
            self._told = []
            if self._cma.should_stop():
                self._again += 1
                self._cma = self._start(self._again)


class Mixed:
    """CatCMAwM with its defaults; inactive parameters are drawn and not used."""

    def __init__(self, space: list[dict[str, Any]], seed: int, size: int | None) -> None:
        self._space = space
        kinds = [kind_of(parameter) for parameter in space]
        self._places = {kind: [i for i, found in enumerate(kinds) if found == kind] for kind in ("x", "z", "c")}
        levels = [space[i]["high"] - space[i]["low"] + 1 for i in self._places["z"]]
        counts = [len(space[i]["choices"]) for i in self._places["c"]]
        self._cma = CatCMAwM(
            x_space=[[0.0, 1.0]] * len(self._places["x"]) or None,
            z_space=[centres(n) for i, n in zip(self._places["z"], levels, strict=True)] or None,
            c_space=counts or None,
            population_size=size,
            seed=seed,
        )
        self._told: list[tuple[Any, float]] = []

    def ask(self) -> tuple[Any, Any]:
        solution = self._cma.ask()
        point = np.empty(len(self._space))
        for kind, part in (("x", solution.x), ("z", solution.z)):
            if self._places[kind]:
                point[self._places[kind]] = np.clip(part, 0, 1)
        for place, row in zip(self._places["c"], [] if solution.c is None else solution.c, strict=False):
            count = len(self._space[place]["choices"])
            point[place] = (int(np.argmax(np.asarray(row)[:count])) + 0.5) / count
        return solution, point

    def tell(self, solution: Any, value: float) -> None:
        self._told.append((solution, value))
        if len(self._told) == self._cma.population_size:
            self._cma.tell(self._told)
            self._told = []


def kind_of(parameter: dict[str, Any]) -> str:
    if parameter["type"] == "cat":
        return "c"
    few = parameter["type"] == "int" and parameter["high"] - parameter["low"] < LEVELS
    return "z" if few and not parameter.get("log") else "x"


def centres(levels: int) -> list[float]:
    """Coordinates of an integer's levels: the middles of equal bins."""
    return [(level + 0.5) / levels for level in range(levels)]
