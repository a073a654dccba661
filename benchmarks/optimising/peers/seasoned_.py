"""This package: one of its samplers, through `Study` (or, with `direct`, the sampler's own functions)."""

# ruff: noqa: D101, D102  # the shape is described in worker.py
from __future__ import annotations

from typing import Any

import seasoned
from seasoned import samplers
from seasoned.trials import Finished, StudySpec, Suggested, TrialState

PACKAGES = ("seasoned", "numpy", "scipy")


class Optimiser:
    def __init__(self, space: list[dict[str, Any]], seed: int, trials: int, options: dict[str, Any]) -> None:
        sampler = getattr(samplers, options["sampler"])(**options.get("settings", {}))
        self._loop = (Direct if options.get("direct") else ThroughStudy)(nested(space), sampler, seed, trials)

    def ask(self) -> dict[str, Any]:
        return flat(self._loop.ask())

    def tell(self, value: float) -> None:
        self._loop.tell(value)


class ThroughStudy:
    """Ask and tell as a user would."""

    def __init__(self, space: seasoned.Space, sampler: Any, seed: int, trials: int) -> None:
        self._study = seasoned.Study(space, sampler=sampler, seed=seed, budget=trials)

    def ask(self) -> Any:
        self._trial = self._study.ask()
        return self._trial.config

    def tell(self, value: float) -> None:
        self._study.tell(self._trial, value)


class Direct:
    """The sampler's functions alone."""

    def __init__(self, space: seasoned.Space, sampler: Any, seed: int, trials: int) -> None:
        self._sampler, self._number = sampler, -1
        self._state = sampler.init(StudySpec(space, seed=seed, budget=trials))

    def ask(self) -> Any:
        self._number += 1
        (self._given,), self._state = self._sampler.ask(self._state, [self._number])
        return self._given.config

    def tell(self, value: float) -> None:
        asked = Suggested(self._number, self._given.config, self._given.tag, "benchmark")
        self._state = self._sampler.tell(
            self._state, [asked, Finished(self._number, TrialState.COMPLETE, (value,), 0.0)]
        )


def nested(space: list[dict[str, Any]], under: tuple[str, str] | None = None) -> seasoned.Space:
    """A flat list with conditions as a tree: a categorical with children becomes a Choice."""
    children = {p["when"][0] for p in space if p.get("when")}
    found: dict[str, Any] = {}
    for parameter in space:
        when = parameter.get("when")
        if (under is None and when) or (under and not (when and when[0] == under[0] and under[1] in when[1])):
            continue
        name = parameter["name"]
        if name in children:
            found[name] = seasoned.Choice({option: nested(space, (name, option)) for option in parameter["choices"]})
        else:
            found[name] = leaf(parameter)
    return seasoned.Space(found)


def leaf(parameter: dict[str, Any]) -> Any:
    if parameter["type"] == "cat":
        return seasoned.Categorical(parameter["choices"])
    make = seasoned.Int if parameter["type"] == "int" else seasoned.Float
    return make(parameter["low"], parameter["high"], log=parameter.get("log", False))


def flat(config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            ((option, inside),) = value.items()
            found |= {name: option, **flat(inside)}
        else:
            found[name] = value
    return found
