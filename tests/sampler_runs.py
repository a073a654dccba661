"""Runs of a sampler without a study: no storage and no clock, so that thousands of trials are cheap."""

from __future__ import annotations

import numpy as np

from seasoned.space import Categorical, Choice, Float, Int, Space
from seasoned.trials import Finished, StudySpec, Suggested, TrialState
from seasoned.trials.serialization import from_text, kind_of, to_text

NESTED = Space(
    lr=Float(1e-4, 1e-1, log=True),
    depth=Int(1, 8),
    kind=Categorical(["a", "b", "c"]),
    optimizer=Choice(
        sgd=Space(momentum=Float(0, 0.99), schedule=Choice(cosine=Space(warmup=Int(0, 10)), constant=Space())),
        adam=Space(beta=Float(0.8, 0.999)),
    ),
)
MIXED = Space(
    {
        **{f"x{index}": Float(-5, 5) for index in range(4)},
        "steps": Int(1, 1000, log=True),
        "depth": Int(1, 8),
        "level": Categorical([1, 2, 4, 8], ordered=True),
        "kind": Categorical(list("abcde")),
        "flag": Categorical([False, True]),
        "width": Int(0, 200),
    }
)


def box(dimensions, low=-5.0, high=5.0):
    return Space({f"x{index}": Float(low, high) for index in range(dimensions)})


def spec_of(sampler, space, **settings):
    return StudySpec(space, warm_start=sampler.warm_start, **settings)


def complete(number, *values, constraints=()):
    return Finished(number, TrialState.COMPLETE, tuple(map(float, values)), constraints=tuple(constraints))


def drive(sampler, objective, trials, spec, state=None, start=0):
    """One driver, one worker. The objective gives a value or a Finished; returns the log and the state."""
    state = sampler.init(spec) if state is None else state
    log = []
    for number in range(start, start + trials):
        (given,), state = sampler.ask(state, [number])
        ended = objective(number, given.config)
        ended = ended if isinstance(ended, Finished) else complete(number, ended)
        events = [Suggested(number, given.config, given.tag), ended]
        state = sampler.tell(state, events)
        log += events
    return log, state


def drive_many(sampler, objective, trials, spec, drivers=4, seed=0):
    """Several drivers: trials end out of order, one in ten fails, one in fifty never ends."""
    rng = np.random.default_rng(seed)
    state, log, running = sampler.init(spec), [], []
    for number in range(trials):
        (given,), state = sampler.ask(state, [number])
        events = [Suggested(number, given.config, given.tag)]
        running.append((number, given.config))
        while len(running) >= drivers:
            ended, config = running.pop(int(rng.integers(len(running))))
            luck = rng.random()
            if luck < 0.1:
                events.append(Finished(ended, TrialState.FAILED, None, 0.1, "it failed"))
            elif luck < 0.98:
                events.append(complete(ended, objective(ended, config)))
        state = sampler.tell(state, events)
        log += events
    return log, state


def stored(log):
    """The log as it comes out of a storage."""
    return [from_text(kind_of(event), event.number, to_text(event)) for event in log]


def configs(log):
    return [event.config for event in log if isinstance(event, Suggested)]


def best_of(log):
    return min(event.values[0] for event in log if isinstance(event, Finished) and event.values is not None)


def sphere(shift=1.0):
    return lambda _, config: sum((value - shift) ** 2 for value in config.values())


def distance(space, target):
    """Squared distance to a configuration on the cube, plus one per category that differs."""
    aim = space.encode(target)
    nominal = np.array(
        [isinstance(given.parameter, Categorical) and not given.parameter.ordered for given in space.dimensions]
    )

    def objective(_, config):
        here = space.encode(config)
        used = aim.active | here.active
        apart = np.where(nominal, here.unit != aim.unit, (here.unit - aim.unit) ** 2)
        return float(apart[used].sum() + (aim.active != here.active).sum())

    return objective
