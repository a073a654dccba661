"""Samplers on spaces with steps: values on the steps, few repetitions, and a good best value."""

from __future__ import annotations

import pytest

from seasoned import Float, Int, Space, Study
from seasoned.samplers import (
    CMAES,
    TPE,
    Bayes,
    DifferentialEvolution,
    Genetic,
    Grid,
    ParticleSwarm,
    Random,
    Sobol,
)

SPACE = Space(width=Int(0, 100, step=10), rate=Float(0, 1, step=0.1), fine=Float(0, 1, step=0.001))


@pytest.mark.parametrize(
    "sampler",
    [Bayes(), TPE(), Genetic(), DifferentialEvolution(), ParticleSwarm(), CMAES(), Random(), Sobol(), Grid(11)],
    ids=lambda sampler: type(sampler).__name__,
)
def test_trials_of_a_sampler_lie_on_the_steps(sampler):
    study = Study(SPACE, sampler=sampler, seed=0, budget=50)
    study.optimize(lambda c: (c["width"] / 100 - 0.7) ** 2 + (c["rate"] - 0.3) ** 2 + (c["fine"] - 0.5) ** 2, trials=50)
    for trial in study.trials:
        assert trial.config["width"] in range(0, 101, 10)
        assert trial.config["rate"] == round(trial.config["rate"], 1)
        assert trial.config["fine"] == round(trial.config["fine"], 3)
    assert len({trial.config for trial in study.trials}) >= 40
    if isinstance(sampler, Bayes | TPE | CMAES):
        assert study.best.value < 0.02
