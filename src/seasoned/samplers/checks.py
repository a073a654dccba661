"""Contract tests of samplers, public, for built-in samplers and plug-ins.

    @pytest.mark.parametrize("check", SAMPLER_CHECKS)
    def test_contract(check):
        check(lambda: MySampler())

Each check takes a function that returns a new sampler. A second, optional function converts the checks' spaces to the
form that the sampler needs. A check raises AssertionError with an explanation if the sampler breaks a law of
`samplers/base.py`. No test framework is needed.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.space import Choice, Space
from seasoned.space.parameters import Categorical, Float, Int
from seasoned.trials import Config, Finished, Reported, StudySpec, Suggested, TrialState, WarmStart
from seasoned.trials.trial import Remaining

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seasoned.samplers.base import Sampler, Suggestion
    from seasoned.trials import Event

    Form = Callable[[Space], Space]

__all__ = ["SAMPLER_CHECKS"]

SPACE: Final = Space(
    lr=Float(1e-4, 1e-1, log=True, default=0.01),
    depth=Int(1, 8, default=2),
    kind=Categorical(["a", "b", "c"]),
    optimizer=Choice(
        sgd=Space(momentum=Float(0, 0.99), schedule=Choice(cosine=Space(warmup=Int(0, 10, step=2)), constant=Space())),
        adam=Space(beta=Float(0.8, 0.99, step=0.01)),
    ),
    forbidden=[{"depth": [7, 8], "kind": "c"}],
)
"""Space with every kind of parameter, two levels of nesting and a forbidden combination."""

PLAIN: Final = Space(x=Float(-5, 5), y=Float(-5, 5))


def as_it_is(space: Space) -> Space:
    """Return the space unchanged: the form for a sampler that searches any space."""
    return space


def _spec(sampler: Sampler[Any], space: Space, seed: int = 7) -> StudySpec:
    return StudySpec(space, seed=seed, budget=60, warm_start=sampler.warm_start)


def _value(number: int) -> float:
    """Deterministic objective value."""
    return float(np.sin(1.7 * number) + 0.01 * number)


def _end(number: int, value: float | None = None) -> Finished:
    """End of trial `number`: most complete, some fail, some are pruned."""
    if value is None and number % 7 == 3:
        return Finished(number, TrialState.FAILED, None, 0.1, "it failed")
    if value is None and number % 7 == 5:
        return Finished(number, TrialState.PRUNED, None, 0.1, "it was poor")
    return Finished(number, TrialState.COMPLETE, (_value(number) if value is None else value,), 0.1)


def _run(
    sampler: Sampler[Any], state: Any, numbers: Sequence[int], end: Callable[[int], Finished] = _end
) -> tuple[list[Event], Any]:
    """Simulate a study of two overlapping drivers: each trial is asked before the previous one has finished."""
    log: list[Event] = []
    for number in numbers:
        suggestions, state = sampler.ask(state, [number])
        events: list[Event] = [Remaining(number, 0.5), Suggested(number, suggestions[0].config, suggestions[0].tag)]
        if number > numbers[0]:
            events += [Reported(number - 1, 1, _value(number)), end(number - 1)]
        state = sampler.tell(state, events)
        log += events
    return log, state


def _next(sampler: Sampler[Any], state: Any, count: int = 3, start: int = 1000) -> Sequence[Suggestion]:
    end = sampler.capacity(state)
    start = start if end is None else max(0, min(start, end - count))
    return sampler.ask(state, range(start, start + count))[0]


def _configs(log: Sequence[Event]) -> list[Config]:
    return [event.config for event in log if isinstance(event, Suggested)]


def same(left: Any, right: Any) -> bool:
    """Return True if two states are equal; arrays are compared by value, cached fields (`compare=False`) ignored."""
    if type(left) is not type(right):
        return False
    if dataclasses.is_dataclass(left):
        names = [field.name for field in dataclasses.fields(left) if field.compare]
        return all(same(getattr(left, name), getattr(right, name)) for name in names)
    if isinstance(left, np.ndarray):
        return np.array_equal(left, right, equal_nan=left.dtype.kind == "f")
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if hasattr(left, "__dict__"):
        return same(vars(left), vars(right))
    return bool(left == right)


def check_suggestions_are_valid(make: Callable[[], Sampler[Any]], form: Form = as_it_is) -> None:
    """Check that every suggestion is valid in a space with nested parameters and forbidden combinations."""
    sampler = make()
    log, _ = _run(sampler, sampler.init(_spec(sampler, form(SPACE))), range(60))
    for event in log:
        if isinstance(event, Suggested):
            assert form(SPACE).check(event.config) == event.config, (
                f"{event.config} is not in the form that Space.check gives it."
            )


def check_fold_is_live_state(make: Callable[[], Sampler[Any]], form: Form = as_it_is) -> None:
    """Check that the folded log gives the live state and the same suggestions."""
    sampler = make()
    log, live = _run(sampler, sampler.init(_spec(sampler, form(SPACE))), range(60))
    folded = sampler.tell(sampler.init(_spec(sampler, form(SPACE))), log)
    assert same(folded, live), "the folded log differs from the live state: ask remembers what its event does not hold."
    assert _next(sampler, folded) == _next(sampler, live), "the folded state suggests something else."


def check_tell_is_associative(make: Callable[[], Sampler[Any]], form: Form = as_it_is) -> None:
    """Check tell(s, a + b) == tell(tell(s, a), b) for any cut of the log."""
    sampler = make()
    log, _ = _run(sampler, sampler.init(_spec(sampler, form(SPACE))), range(30))
    whole = sampler.tell(sampler.init(_spec(sampler, form(SPACE))), log)
    for cut in range(0, len(log), 5):
        part = sampler.tell(sampler.tell(sampler.init(_spec(sampler, form(SPACE))), log[:cut]), log[cut:])
        assert same(part, whole), f"telling {cut} events and then the rest differs from telling all at once."


def check_states_do_not_change(make: Callable[[], Sampler[Any]], form: Form = as_it_is) -> None:
    """Check that `ask` and `tell` do not modify their argument."""
    sampler = make()
    log, before = _run(sampler, sampler.init(_spec(sampler, form(SPACE))), range(20))
    suggested = _next(sampler, before)
    more, _ = _run(sampler, before, range(20, 40))
    sampler.tell(before, more)
    assert _next(sampler, before) == suggested, "an older state suggests something else after a newer was made from it."
    assert same(before, sampler.tell(sampler.init(_spec(sampler, form(SPACE))), log)), "an older state changed."


def check_drivers_never_meet(make: Callable[[], Sampler[Any]], form: Form = as_it_is) -> None:
    """Check that drivers in the same state, with different numbers, draw different points."""
    sampler = make()
    _, state = _run(sampler, sampler.init(_spec(sampler, form(PLAIN))), range(10))
    alone = [_next(sampler, state, 1, start)[0].config for start in (10, 11, 12, 13)]
    assert len(set(alone)) == 4, f"drivers in the same state drew the same point: {alone}."


def check_asking_is_repeatable(make: Callable[[], Sampler[Any]], form: Form = as_it_is) -> None:
    """Check that suggestions repeat for the same specification and differ for another seed, except in finite plans."""
    first, second = make(), make()
    assert first == second, "two samplers with the same settings are not equal."
    log, one = _run(first, first.init(_spec(first, form(SPACE))), range(20))
    _, two = _run(second, second.init(_spec(second, form(SPACE))), range(20))
    assert _next(first, one) == _next(second, two), "the same study twice gave different suggestions."
    if first.capacity(one) is None:  # a finite plan has the same points for any seed
        other, _ = _run(first, first.init(_spec(first, form(SPACE), seed=8)), range(6))
        assert _configs(log)[:6] != _configs(other), "another seed gave the same suggestions."


def check_order_of_numbers(make: Callable[[], Sampler[Any]], form: Form = as_it_is) -> None:
    """Check that numbers can be asked in any order and with gaps, as many drivers do."""
    sampler = make()
    state = sampler.init(_spec(sampler, form(SPACE)))
    log, state = _run(sampler, state, [5, 2, 9, 0, 30])
    assert len({event.config for event in log if isinstance(event, Suggested)}) == 5, (
        "numbers out of order repeat a point."
    )


def check_hard_values(make: Callable[[], Sampler[Any]], form: Form = as_it_is) -> None:
    """Check that suggestions stay valid after only failures, and after equal, huge and tiny values."""
    ends: list[Callable[[int], Finished]] = [
        lambda number: Finished(number, TrialState.FAILED, None, None, "it failed"),
        lambda number: _end(number, 1.0),
        lambda number: _end(number, (-1) ** number * 1e308),
        lambda number: _end(number, (-1) ** number * 5e-324),
    ]
    for end in ends:
        sampler = make()
        _, state = _run(sampler, sampler.init(_spec(sampler, form(SPACE))), range(24), end)
        assert all(form(SPACE).contains(given.config) for given in _next(sampler, state)), "an invalid suggestion."


def check_degenerate_spaces(make: Callable[[], Sampler[Any]], form: Form = as_it_is) -> None:
    """Check an empty space, a space of one point, and nested choices without parameters."""
    spaces = [Space(), Space(only=Categorical(["one"])), Space(outer=Choice(a=Space(inner=Choice(b=Space()))))]
    for space in map(form, spaces):
        sampler = make()
        state = sampler.init(_spec(sampler, space))
        suggestions, state = sampler.ask(state, [0])
        assert space.contains(suggestions[0].config), f"{suggestions[0].config} is not in {space}."
        sampler.tell(state, [Suggested(0, suggestions[0].config, suggestions[0].tag), _end(0)])


def check_warm_start_comes_first(make: Callable[[], Sampler[Any]], form: Form = as_it_is) -> None:
    """Check that a warm start's configurations are the first trials, in order, also in a later space of the study."""
    space = form(SPACE)
    configs = (Config(space.default), Config(space.decode(np.full(len(space), 0.9))))
    sampler = dataclasses.replace(make(), warm_start=WarmStart(configs))
    for first in (0, 10):
        spec = dataclasses.replace(_spec(sampler, form(SPACE)), first=first)
        suggestions, _ = sampler.ask(sampler.init(spec), range(first, first + 4))
        assert tuple(given.config for given in suggestions[:2]) == configs, "the warm start does not come first."
        assert all(form(SPACE).contains(given.config) for given in suggestions), "an invalid one after a warm start."


def check_nothing_global(make: Callable[[], Sampler[Any]], form: Form = as_it_is) -> None:
    """Check that numpy's global random state is neither used nor changed."""
    before = np.random.get_state(legacy=False)  # noqa: NPY002 - to see that nobody touches it
    try:
        sampler = make()
        _, state = _run(sampler, sampler.init(_spec(sampler, form(SPACE))), range(10))
        first = _next(sampler, state)
        after = np.random.get_state(legacy=False)  # noqa: NPY002 - as above
        np.random.seed(1)  # noqa: NPY002 - the suggestions must not care
        second = _next(sampler, state)
    finally:
        np.random.set_state(before)  # noqa: NPY002 - as it was
    assert same(after, before), "numpy's global random state was changed."
    assert first == second, "the suggestions depend on numpy's global random state."


SAMPLER_CHECKS: Final[Sequence[Callable[..., None]]] = (
    check_suggestions_are_valid,
    check_fold_is_live_state,
    check_tell_is_associative,
    check_states_do_not_change,
    check_drivers_never_meet,
    check_asking_is_repeatable,
    check_order_of_numbers,
    check_hard_values,
    check_degenerate_spaces,
    check_warm_start_comes_first,
    check_nothing_global,
)
"""All checks, for a parametrised test."""
