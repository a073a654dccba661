"""Optuna's own contract kit for samplers, on ours."""

# ruff: noqa: E402  # first it is looked whether optuna is there
from __future__ import annotations

import pytest

kit = pytest.importorskip(
    "optuna.testing.pytest_samplers", reason="optuna with its kit is not installed: pip install optuna"
)

from seasoned.integrations.optuna import SeasonedSampler
from seasoned.samplers import Bayes, Genetic


class TestOptunasKit(kit.BasicSamplerTestCase, kit.RelativeSamplerTestCase, kit.MultiObjectiveSamplerTestCase):
    @pytest.fixture(params=[Bayes, Genetic], ids=lambda kind: kind.__name__)
    def sampler(self, request):
        return lambda: SeasonedSampler(request.param(), seed=1)
