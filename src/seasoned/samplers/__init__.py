"""Samplers: search algorithms that suggest configurations."""

from __future__ import annotations

from seasoned.samplers.auto import Auto
from seasoned.samplers.base import Sampler, Suggestion
from seasoned.samplers.bayes.sampler import Bayes
from seasoned.samplers.evolution.cmaes import CMAES
from seasoned.samplers.evolution.differential import DifferentialEvolution
from seasoned.samplers.evolution.genetic import Genetic
from seasoned.samplers.evolution.particle_swarm import ParticleSwarm
from seasoned.samplers.grid import Grid
from seasoned.samplers.random import Random
from seasoned.samplers.sobol import Sobol
from seasoned.samplers.tpe import TPE

__all__ = [
    "CMAES",
    "TPE",
    "Auto",
    "Bayes",
    "DifferentialEvolution",
    "Genetic",
    "Grid",
    "ParticleSwarm",
    "Random",
    "Sampler",
    "Sobol",
    "Suggestion",
]
