"""Simulated studies for tests of fidelity rules: learning curves are functions, and no objective runs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.fidelity.base import Decision
from seasoned.space import Space
from seasoned.trials import Config, Finished, Reported, StudySpec, Suggested, TrialState

if TYPE_CHECKING:
    from collections.abc import Callable

    from seasoned.fidelity.base import Fidelity
    from seasoned.trials import Event

__all__ = ["SPEC", "Simulated", "simulate"]

SPEC: Final = StudySpec(Space(), seed=3)
"""Default study of a simulation."""


class Simulated(NamedTuple):
    """Result of a simulated study.

    Attributes:
        log: Events of the study.
        state: Final state of the rule.
        decisions: Trial number, step and decision of each report, in log order.
    """

    log: list[Event]
    state: Any
    decisions: list[tuple[int, int, Decision]]

    def ended(self, state: TrialState) -> list[int]:
        """Return the numbers of the trials that ended in `state`."""
        return [event.number for event in self.log if isinstance(event, Finished) and event.state is state]


class _Driver:
    """Driver that runs trials on a few workers, one step of one trial at a time."""

    def __init__(self, rule: Fidelity[Any], value: Callable[[int, int], float], spec: StudySpec) -> None:
        self.rule = rule
        self.value = value
        self.state = rule.init(spec)
        self.log: list[Event] = []
        self.decisions: list[tuple[int, int, Decision]] = []
        self.running: dict[int, int] = {}  # number -> last step
        self.budgets: dict[int, int] = {}
        self.paused: dict[int, int] = {}

    def tell(self, event: Event) -> None:
        self.log.append(event)
        self.state = self.rule.tell(self.state, [event])

    def begin(self, number: int, step: int) -> None:
        self.running[number] = step
        self.budgets[number] = self.rule.budget(self.state, number)

    def advance(self, number: int) -> None:
        """Run one step of one trial."""
        step = self.running.pop(number) + 1
        self.tell(Reported(number, step, self.value(number, step)))
        decision = self.rule.decide(self.state, number, step)
        self.decisions.append((number, step, decision))
        if decision is Decision.STOP:
            self.end(number, TrialState.PRUNED)
        elif decision is not Decision.GO_ON:
            self.paused[number] = step
        elif step >= self.budgets[number]:
            good = math.isfinite(self.value(number, step))
            self.end(number, TrialState.COMPLETE if good else TrialState.FAILED, step)
        else:
            self.running[number] = step

    def end(self, number: int, state: TrialState, step: int = 0) -> None:
        values = (self.value(number, step),) if state is TrialState.COMPLETE else None
        self.tell(Finished(number, state, values))

    def promote(self) -> bool:
        """Prune paused trials that are to be stopped, up to the first one to be promoted; resume that one."""
        for number, step in list(self.paused.items()):
            decision = self.rule.decide(self.state, number, step)
            if decision is Decision.STOP:
                del self.paused[number]
                self.end(number, TrialState.PRUNED)
            elif decision is Decision.PROMOTE:
                self.begin(number, self.paused.pop(number))
                return True
        return False


def simulate(
    rule: Fidelity[Any],
    value: Callable[[int, int], float],
    trials: int = 40,
    *,
    workers: int = 1,
    seed: int = 0,
    spec: StudySpec = SPEC,
) -> Simulated:
    """Simulate trials with the curves `value(number, step)`, minimised; the trial that advances next is random.

    Example:
        >>> from seasoned.fidelity import ASHA
        >>> found = simulate(ASHA(max=9), lambda number, step: number + 1 / step, trials=10)
        >>> found.ended(TrialState.COMPLETE)
        [0]
    """
    if trials < 1 or workers < 1:
        raise InvalidInput(f"trials is {trials} and workers is {workers}; give at least 1 of each.")
    rng = np.random.default_rng(seed)
    driver = _Driver(rule, value, spec)
    asked = 0
    while True:
        while len(driver.running) < workers and (driver.promote() or asked < trials):
            if len(driver.running) < workers and asked < trials:
                number = spec.first + asked
                driver.tell(Suggested(number, Config()))
                driver.begin(number, 0)
                asked += 1
        if not driver.running:
            break
        driver.advance(sorted(driver.running)[rng.integers(len(driver.running))])
    for number in list(driver.paused):
        driver.end(number, TrialState.PRUNED)
    return Simulated(driver.log, driver.state, driver.decisions)
