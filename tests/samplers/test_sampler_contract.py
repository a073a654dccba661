"""Contract of samplers, checked for each sampler. A new sampler adds one row to SAMPLERS."""

from __future__ import annotations

import pytest

from seasoned.samplers import (
    CMAES,
    TPE,
    Auto,
    Bayes,
    DifferentialEvolution,
    Genetic,
    Grid,
    ParticleSwarm,
    Random,
    Sobol,
)
from seasoned.samplers.checks import SAMPLER_CHECKS

pytestmark = pytest.mark.whole  # half a minute of whole searches

SAMPLERS = {
    "auto": Auto,
    "bayes": Bayes,
    "bayes-mixed": lambda: Bayes(acquisition="mixed"),
    "bayes-per-second": lambda: Bayes(per_second=True),
    "random": Random,
    "sobol": Sobol,
    "tpe": TPE,
    "grid": lambda: Grid(4),
    "grid-shuffled": lambda: Grid(4, shuffle=True),
    "genetic": Genetic,
    "genetic-regularized": lambda: Genetic(regularized=True, population=10),
    "differential": DifferentialEvolution,
    "swarm": ParticleSwarm,
    "cmaes": CMAES,
}


@pytest.mark.parametrize("check", SAMPLER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_keeps_the_contract(name, check):
    check(SAMPLERS[name])
