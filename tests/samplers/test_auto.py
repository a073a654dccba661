"""Auto: its choice of a sampler, and the change to another sampler during a study."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned import Categorical, Choice, Float, Int, Random, Space, Study
from seasoned.samplers import CMAES, TPE, Auto, Bayes, DifferentialEvolution, Genetic
from seasoned.samplers.auto import choose
from seasoned.samplers.checks import same
from seasoned.trials import Config, Finished, Reported, StudySpec, Suggested, TrialState, WarmStart
from study_parts import ledger_of

SQUARE = Space(x=Float(0, 1), y=Float(0, 1))
LINE = Space(x=Float(0, 1))


NUMBERS = Space(x=Float(0, 1), n=Int(0, 99))
NOMINAL = Space(x=Float(0, 1), kind=Categorical(list("abc")), model=Choice(a=Space(p=Float(0, 1)), b=Space()))
WIDE = Space({f"x{index}": Float(0, 1) for index in range(101)})


@pytest.mark.parametrize(
    ("space", "directions", "budget", "finished", "seconds", "expected"),
    [
        (NUMBERS, 1, None, 0, None, Bayes),
        (NOMINAL, 1, 100, 50, 0.01, Bayes),
        (NUMBERS, 1, 1000, 500, 0.001, Bayes),
        (NUMBERS, 1, 5000, 249, 0.001, Bayes),
        (NUMBERS, 1, 5000, 250, 0.001, CMAES),
        (NUMBERS, 1, 5000, 250, 10.0, Bayes),
        (NUMBERS, 1, 5000, 250, None, Bayes),
        (NUMBERS, 1, None, 1000, 10.0, CMAES),
        (NUMBERS, 1, 50_000, 250, 0.001, DifferentialEvolution),
        (NOMINAL, 1, 5000, 250, 0.001, TPE),
        (WIDE, 1, None, 0, None, CMAES),
        (NUMBERS, 2, None, 0, None, Bayes),
        (NUMBERS, 2, 5000, 100, 0.001, Genetic),
        (NUMBERS, 2, 5000, 100, 60.0, Bayes),
        (WIDE, 3, None, 0, None, Genetic),
    ],
)
def test_auto_chooses_by_space_budget_and_speed(space, directions, budget, finished, seconds, expected):
    spec = StudySpec(space, ("minimize",) * directions, budget=budget)
    assert type(choose(spec, finished, seconds)) is expected


def log_of(space, count, directions=1, seconds=0.01):
    """Trials drawn at random, each asked before the one before it ended; every ninth fails."""
    spec = StudySpec(space, ("minimize",) * directions, seed=0, budget=3000)
    events = []
    for number in range(count):
        config = space.decode([(0.37 * number * (i + 1)) % 1.0 for i in range(len(space))])
        events.append(Suggested(number, Config(config)))
        if number:
            values = tuple(float((7 * number * (i + 1)) % 101) for i in range(directions))
            failed = number % 9 == 4
            state = TrialState.FAILED if failed else TrialState.COMPLETE
            events.append(Finished(number - 1, state, None if failed else values, seconds))
    return spec, events


@pytest.mark.parametrize(
    ("space", "directions", "count", "expected"),
    [(NUMBERS, 1, 260, CMAES), (NOMINAL, 1, 260, TPE), (NUMBERS, 2, 110, Genetic)],
)
def test_the_second_sampler_takes_over_wherever_the_log_is_cut(space, directions, count, expected):
    spec, events = log_of(space, count, directions)
    sampler = Auto()
    whole = sampler.tell(sampler.init(spec), events)
    assert type(whole.chosen) is expected
    assert type(sampler.tell(sampler.init(spec), events[:50]).chosen) is Bayes
    for cut in (1, 199, 2 * count - 30):
        assert same(sampler.tell(sampler.tell(sampler.init(spec), events[:cut]), events[cut:]), whole)
    suggestions, _ = sampler.ask(whole, range(count, count + 5))
    assert all(space.contains(given.config) for given in suggestions)
    assert len({given.config for given in suggestions}) > 1


def test_auto_draws_as_bayes_before_the_change():
    spec, events = log_of(NOMINAL, 30)
    drawn = []
    for sampler in (Auto(), Bayes()):
        suggestions, _ = sampler.ask(sampler.tell(sampler.init(spec), events), [30])
        drawn.append(suggestions)
    assert drawn[0] == drawn[1]


def test_the_second_sampler_takes_over_after_a_thousand_slow_trials():
    spec, events = log_of(NOMINAL, 1003, seconds=5.0)
    sampler = Auto()
    late = sampler.tell(sampler.init(spec), events[:-6])
    assert type(late.chosen) is Bayes
    whole = sampler.tell(late, events[-6:])
    assert type(whole.chosen) is TPE
    assert len(whole.inner.points) == 1002
    assert whole.heard == ()


def test_the_second_sampler_starts_near_the_best_trial():
    """The first suggestions after the change lie nearer to the best trial than chance would."""
    spec, events = log_of(NUMBERS, 260)
    scored = []
    for event in events:
        if isinstance(event, Suggested):
            scored.append(event)
        else:
            config = next(
                asked.config for asked in events if isinstance(asked, Suggested) and asked.number == event.number
            )
            value = (config["x"] - 0.9) ** 2 + ((config["n"] - 90) / 100) ** 2
            scored.append(Finished(event.number, TrialState.COMPLETE, (value,), 0.01))
    sampler = Auto()
    state = sampler.tell(sampler.init(spec), scored)
    suggestions, _ = sampler.ask(state, range(260, 270))
    assert sum(abs(given.config["x"] - 0.9) for given in suggestions) / 10 < 0.25  # by chance 0.41


def test_the_second_sampler_repeats_ten_of_the_infeasible_trials():
    """A hundred were: in a study of a thousand trials a tenth of them told nothing new."""
    space = Space(x=Float(0, 1), y=Float(0, 1))
    spec = StudySpec(space, ("minimize",), seed=0, budget=3000)
    sampler = Auto()
    state, near = sampler.init(spec), []
    for number in range(250):
        unit = space.encode(space.sample(np.random.default_rng(number))).unit
        ended = Finished(number, TrialState.COMPLETE, (1.0,), 0.01, None, (0.1 + unit[0],))
        near.append((unit[0], unit))
        state = sampler.tell(state, [Suggested(number, Config(space.decode(unit))), ended])
    assert isinstance(state.chosen, CMAES)
    suggestions, _ = sampler.ask(state, range(250, 350))
    known = np.array([unit for _, unit in sorted(near, key=lambda pair: pair[0])])
    asked = np.array([space.encode(suggestion.config).unit for suggestion in suggestions])
    again = [bool(np.isclose(known, point, atol=1e-9).all(axis=1).any()) for point in asked]
    assert again == [True] * 10 + [False] * 90
    np.testing.assert_allclose(asked[:10], known[:10], atol=1e-9)


def test_the_second_sampler_ignores_draws_in_an_old_space(tmp_path):
    """The 250th trial may be one from before the move: what was drawn then has the old space's coordinates."""
    store = f"sqlite:///{tmp_path}/runs.db"
    old = Space(x=Categorical([1, 2, 3, 4]), y=Float(0, 1), z=Float(0, 1))

    def objective(config):
        return config["x"] + config["y"] + config["z"]

    Study(old, sampler=Random(), budget=5000, storage=store, name="a", seed=0).optimize(objective, trials=250)
    Study(old, storage=store, name="a").optimize(objective, trials=300)
    moved = Study(Space(x=Int(1, 100), y=Float(0, 1), z=Float(0, 1)), storage=store, name="a")
    moved.optimize(objective, trials=303)
    assert len(moved.trials) == 303
    assert ledger_of(moved).state.chosen == CMAES()
    assert ledger_of(moved).state.inner.spec.first == 300, "notes from before it count no longer"


def test_auto_keeps_no_reports_for_the_second_sampler():
    spec, sampler = StudySpec(SQUARE, seed=0), Auto()
    state = sampler.init(spec)
    (given,), state = sampler.ask(state, [0])
    state = sampler.tell(
        state, [Suggested(0, given.config, given.tag), *(Reported(0, step, 1.0) for step in range(50))]
    )
    assert len(state.heard) == 1


def test_auto_tries_all_of_a_large_warm_start_first():
    configs = tuple({"x": place / 300} for place in range(290))
    study = Study(LINE, sampler=Auto(warm_start=WarmStart(configurations=configs)), budget=2000, seed=0)
    study.optimize(lambda config: config["x"], trials=295)
    assert [trial.config["x"] for trial in study.trials[:290]] == [config["x"] for config in configs]
    assert type(ledger_of(study).state.chosen).__name__ != "Bayes"
