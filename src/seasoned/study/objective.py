"""Evaluation of objectives: calls, checks of returned values, and verdicts on trials."""

from __future__ import annotations

import copy
import inspect
import math
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from seasoned.errors import InvalidInput, Pruned, PruneReason
from seasoned.execution.base import Ending
from seasoned.fidelity.live_trial import LiveTrial
from seasoned.trials import Config, Finished, TrialState, thawed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from seasoned.execution.base import Outcome
    from seasoned.fidelity.live_trial import Ticket

__all__ = [
    "BEGUN",
    "Announced",
    "Constrained",
    "Evaluation",
    "Objective",
    "Verdict",
    "check_takes",
    "elsewhere",
    "needs_trial",
    "place_of",
    "read_values",
    "sentence_of",
    "verdict",
]

_FRAME: Final = re.compile(r'File "(.+?)", line (\d+)')
_INSTALLED: Final = (sys.prefix + os.sep, sys.base_prefix + os.sep, str(Path(__file__).parents[1]) + os.sep, "<frozen")
"""Path prefixes of files that are not the objective's own code."""

BEGUN: Final = "begun"
"""Message of an `Announced` evaluation at its beginning."""

Objective: TypeAlias = "Callable[[dict[str, Any]], Any] | Callable[[dict[str, Any], LiveTrial], Any]"


@dataclass(frozen=True, slots=True)
class Constrained:
    """Return value of an objective with outcome constraints.

    A trial is feasible if every constraint is at most 0; "at most 8 GB" is `memory - 8e9`. Infeasible trials guide the
    search. `Study.best` is infeasible only if no trial is feasible.

    Attributes:
        values: The value, or a tuple of several objectives.
        constraints: Finite numbers, the same constraints in the same order in every trial.

    Example:
        >>> from seasoned import Float, Space, minimize
        >>> def f(config):
        ...     return Constrained(config["x"], constraints=[0.5 - config["x"]])  # x shall be at least 0.5
        >>> best = minimize(f, Space(x=Float(0, 1)), trials=50, seed=0)
        >>> best.feasible, 0.5 <= best.value < 0.6
        (True, True)
    """

    values: Any
    constraints: Iterable[float] = field(kw_only=True)


class Verdict(NamedTuple):
    """End of a trial.

    Attributes:
        state: Complete, pruned or failed.
        values: Objectives in the user's directions, if complete.
        error: Reason, if not complete.
        constraints: Outcome constraints, satisfied if at most 0, if complete.
        notes: Notes of the objective.
        prune_reason: Reason of pruning, if pruned.
    """

    state: TrialState
    values: tuple[float, ...] | None = None
    error: str | None = None
    constraints: tuple[float, ...] = ()
    notes: Config = Config()
    prune_reason: PruneReason | None = None

    def event(self, number: int, seconds: float | None, signs: tuple[int, ...]) -> Finished:
        """Return the event to store, with minimised objectives."""
        inside = (
            None if self.values is None else tuple(s * v + 0.0 for s, v in zip(signs, self.values, strict=True))
        )  # no -0.0
        return Finished(
            number, self.state, inside, seconds, self.error, self.constraints, self.notes, self.prune_reason
        )


class Evaluation:
    """Wrapper of an objective that returns a verdict; it is sent to the workers.

    Args:
        function: The objective, called with a configuration and, with a fidelity rule, with the running trial.
        objectives: Number of values that the objective must return.

    Attributes:
        takes_trial: True if the objective requires the running trial as its second argument.
    """

    def __init__(self, function: Objective, objectives: int) -> None:
        self.function: Callable[..., Any] = function
        self.objectives = objectives
        self.takes_trial = needs_trial(function)

    def __call__(
        self, config: Mapping[str, Any], ticket: Ticket | None = None, ask: Callable[[Any], Any] | None = None
    ) -> Verdict:
        """Call the objective with a mutable copy of the configuration, and with its trial, if any."""
        live = None if ticket is None else LiveTrial(ticket, config, ask)
        try:
            returned = self.function(copy.deepcopy(thawed(config)), *(() if live is None else (live,)))
        except Exception as error:
            pruned = isinstance(error, Pruned) or type(error).__name__ == "TrialPruned"  # Optuna's exception
            if not pruned:
                raise
            reason = error.reason if isinstance(error, Pruned) else PruneReason.OBJECTIVE
            ended = Verdict(TrialState.PRUNED, error=str(error) or "pruned", prune_reason=reason)
        else:
            ended = read_values(returned, self.objectives)
        return ended if live is None else ended._replace(notes=live.notes)


class Announced:
    """Wrapper of an evaluation that sends a message at its beginning; the executor passes `ask` as the last argument.

    Args:
        evaluation: The evaluation.
        passes: True if the evaluation takes `ask`, too.
    """

    def __init__(self, evaluation: Evaluation, *, passes: bool) -> None:
        self.evaluation = evaluation
        self.passes = passes

    def __call__(self, *arguments: Any) -> Verdict:
        """Send `BEGUN`, then evaluate."""
        arguments[-1](BEGUN)
        return self.evaluation(*arguments if self.passes else arguments[:-1])


def needs_trial(function: Objective) -> bool:
    """Return True if an objective requires its running trial; a second argument with a default is not passed."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a built-in
        return False
    return _binds(signature, None, None) and not _binds(signature, None)


def check_takes(function: Objective, *, trial: bool, names: Collection[str] = ()) -> None:
    """Raise InvalidInput if the objective certainly does not take a configuration (and a trial, with a fidelity rule).

    Args:
        function: The objective.
        trial: True if the study has a fidelity rule.
        names: Names of the space's parameters; an objective whose arguments are several of these names is refused.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:  # a built-in: checked by its first call
        if not callable(function):
            raise InvalidInput(
                f"the objective is {_show(function)}, which cannot be called; give a function f(config) that returns "
                "the value."
            ) from error
        return
    given = (None, None) if trial else (None,)
    wanted = list(signature.parameters)
    if len(wanted) > 1 and set(wanted) <= set(names):
        raise InvalidInput(
            f"the objective takes {', '.join(wanted)}, and is called with one configuration, a dict: write it as "
            "f(config), or pass lambda config: f(**config)."
        )
    if _binds(signature, *given):
        return
    name = f"the objective {getattr(function, '__name__', repr(function))}{signature}"
    if trial:
        raise InvalidInput(f"{name} does not take the trial; with fidelity write it as f(config, trial).")
    if _binds(signature, None, None):
        return
    raise InvalidInput(f"{name} does not take a configuration alone; write it as f(config), which gets a dict.")


def _binds(signature: inspect.Signature, *given: object) -> bool:
    try:
        signature.bind(*given)
    except TypeError:
        return False
    return True


def read_values(returned: object, objectives: int) -> Verdict:
    """Return a complete verdict with finite floats, or a failed one with the reason."""
    if isinstance(returned, Constrained):
        ended = read_values(returned.values, objectives)
        return ended if ended.values is None else _with_constraints(ended, returned.constraints)
    if objectives == 1 and not (isinstance(returned, tuple | list) and len(returned) == 1):
        returned = (returned,)
    if not isinstance(returned, tuple | list) or len(returned) != objectives:
        expected = f"a tuple of {objectives} numbers"
        return Verdict(TrialState.FAILED, error=f"the objective returned {_show(returned)} instead of {expected}")
    values = _finite(returned)
    if not isinstance(values, tuple):
        return Verdict(TrialState.FAILED, error=f"the objective returned {_show(values[0])} instead of a finite number")
    return Verdict(TrialState.COMPLETE, values)


def _with_constraints(ended: Verdict, given: Iterable[float]) -> Verdict:
    if isinstance(given, str | bytes) or not hasattr(given, "__iter__"):
        return Verdict(TrialState.FAILED, error=f"the objective's constraints are {_show(given)} instead of a sequence")
    constraints = _finite(given)
    if not isinstance(constraints, tuple):
        shown = _show(constraints[0])
        return Verdict(TrialState.FAILED, error=f"one of the objective's constraints is {shown}, not a finite number")
    return ended._replace(constraints=ended.constraints + constraints)


def _finite(given: Iterable[object]) -> tuple[float, ...] | list[object]:
    """Numbers as a tuple, or a list of the first value that is not a finite number."""
    numbers = []
    for value in given:
        number = _number(value)
        if number is None or not math.isfinite(number):
            return [value]
        numbers.append(number)
    return tuple(numbers)


def verdict(outcome: Outcome) -> Verdict:
    """Return the verdict on a trial from the outcome of its task."""
    if outcome.ending is Ending.RETURNED:
        assert isinstance(outcome.value, Verdict), "an Evaluation returns a Verdict"
        return outcome.value
    return Verdict(TrialState.FAILED, error=outcome.reason or outcome.ending.value)


def sentence_of(number: int, ended: Verdict, seconds: float | None, place: str = "") -> str:
    """Return one log line on the end of a trial, with values in the user's directions.

    Example:
        >>> sentence_of(3, Verdict(TrialState.COMPLETE, (0.78921,)), 1.24)
        'trial 3 is complete after 1.24 s: 0.78921'
    """
    after = "" if seconds is None else f" after {seconds:.3g} s"
    what = ended.error if ended.values is None else ", ".join(f"{value:.6g}" for value in ended.values)
    how = "failed" if ended.state is TrialState.FAILED else f"is {ended.state}"
    shown = " ".join((what or "").splitlines())
    return f"trial {number} {how}{after}: {shown}{place}"


def place_of(outcome: Outcome) -> str:
    """Return the objective's own code line at a failure or kill, as " (file, line 3)"; empty if unknown."""
    files = [found for found in _FRAME.findall(outcome.traceback or "") if not found[0].startswith(_INSTALLED)]
    if not files:
        return ""
    file, line = files[-1 if outcome.ending is Ending.RAISED else 0]  # a C stack begins with the latest call
    return f" ({file}, line {line})"


def elsewhere() -> Verdict:
    """Return the verdict on an unfinished trial that is not valid in the study's new space."""
    return Verdict(
        TrialState.PRUNED,
        error="it was asked for in an earlier space of the study, and is not valid in the present one",
        prune_reason=PruneReason.SPACE,
    )


def _number(value: object) -> float | None:
    """Real number as a float, also a numpy scalar; None for strings, booleans and arrays with dimensions."""
    if isinstance(value, str | bytes | bool) or value is None or getattr(value, "shape", ()) != ():
        return None
    if str(getattr(value, "dtype", "")).endswith("bool"):
        return None
    try:
        return float(value)  # type: ignore[arg-type]  # whatever has __float__
    except (TypeError, ValueError, OverflowError):
        return None


def _show(value: object) -> str:
    """Short text of a value."""
    shape = getattr(value, "shape", None)
    if shape:
        return f"an array of shape {tuple(shape)}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
