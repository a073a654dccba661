"""Runs of a Bayesian sampler without a study, and a bowl to minimise."""

from __future__ import annotations

from seasoned.trials import Finished, StudySpec, Suggested, TrialState


def run(sampler, space, objective, trials, *, directions=("minimize",), seed=0, budget=None):
    """Values (and constraints) of a sequential study, in order, with the configurations."""
    spec = StudySpec(space, directions, seed=seed, budget=budget, warm_start=sampler.warm_start)
    state = sampler.init(spec)
    found = []
    for number in range(trials):
        (given,), state = sampler.ask(state, [number])
        values, constraints = objective(given.config)
        ending = TrialState.FAILED if values is None else TrialState.COMPLETE
        ended = Finished(number, ending, values, 0.1, None if values else "it failed", constraints)
        state = sampler.tell(state, [Suggested(number, given.config, given.tag), ended])
        found.append((given.config, values, constraints))
    return found, state


def bowl(config):
    return (config["x"] - 0.3) ** 2 + 3 * (config["y"] + 0.2) ** 2 + config["x"] * config["y"]
