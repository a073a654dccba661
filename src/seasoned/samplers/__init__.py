"""Samplers: what to try next."""

from __future__ import annotations

from seasoned.samplers.base import Sampler, Suggestion
from seasoned.samplers.grid import Grid
from seasoned.samplers.random import Random
from seasoned.samplers.sobol import Sobol

__all__ = ["Grid", "Random", "Sampler", "Sobol", "Suggestion"]
