"""Random search in place of the default sampler, for tests about studies and not about samplers."""

from __future__ import annotations

from functools import partial

from seasoned import Float, Random, Space, Study, maximize, minimize

RandomStudy, minimize_at_random, maximize_at_random = (
    partial(given, sampler=Random()) for given in (Study, minimize, maximize)
)
PLANE = Space(x=Float(0, 1), y=Float(0, 1))


def net_study(objective, trials, **options):
    study = Study(PLANE, sampler=Random(), seed=0, name="net", **options)
    study.optimize(objective, trials=trials, progress=False)
    return study


def some_fail(config):
    if config["x"] > 0.5:
        raise ValueError("too far")
    return config["x"]
