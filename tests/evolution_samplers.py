"""Evolutionary samplers, one row each, for tests that hold for all of them."""

from __future__ import annotations

import pytest

from seasoned.samplers import CMAES, DifferentialEvolution, Genetic, ParticleSwarm

SAMPLERS = {
    "genetic": Genetic(),
    "regularized": Genetic(regularized=True),
    "differential": DifferentialEvolution(),
    "swarm": ParticleSwarm(),
    "cmaes": CMAES(),
}
every = pytest.mark.parametrize("name", SAMPLERS)
