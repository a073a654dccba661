"""Studies by random search for the tests of study figures and pages."""

from __future__ import annotations

import math

from seasoned import Categorical, Choice, Float, Int, Random, Space, Study

__all__ = ["CUBE", "MIXED", "curved_study", "mixed", "study_of"]

CUBE = Space(a=Float(0, 1), b=Float(0, 1), c=Float(0, 1))
MIXED = Space(
    lr=Float(1e-4, 1e-1, log=True),
    kind=Categorical(["relu", "tanh", None]),
    model=Choice(net=Space(depth=Int(1, 8), width=Float(0, 1)), tree=Space()),
)


def study_of(f, space=CUBE, trials=60, direction="minimize"):
    study = Study(space, direction=direction, sampler=Random(), seed=0, name="s <b>")
    study.optimize(f, trials=trials)
    return study


def mixed(config):
    depth = config["model"]["net"]["depth"] if "net" in config["model"] else 0
    return math.log10(config["lr"]) ** 2 + depth + (config["kind"] == "tanh")


def curved_study(rule, direction="minimize", stop_after=None):
    left = [math.inf if stop_after is None else stop_after]

    def train(config, trial):
        sign = 1 if direction == "minimize" else -1
        for step in range(trial.step + 1, trial.budget + 1):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            trial.report(step, math.nan if config["b"] > 0.95 else sign * (config["a"] + 1 / step))
        return sign * (config["a"] + 1 / step)

    study = Study(CUBE, fidelity=rule, direction=direction, sampler=Random(), seed=0)
    try:
        study.optimize(train, trials=30)
    except KeyboardInterrupt:
        assert stop_after is not None
    return study
