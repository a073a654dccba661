"""Contract kit of Optuna for samplers, run on our samplers."""

from __future__ import annotations

import pytest
from optuna.testing import pytest_samplers as kit

from seasoned.integrations.optuna import SeasonedSampler
from seasoned.samplers import Bayes, Genetic


class TestOptunasKit(kit.BasicSamplerTestCase, kit.RelativeSamplerTestCase, kit.MultiObjectiveSamplerTestCase):
    @pytest.fixture(params=[Bayes, Genetic], ids=lambda kind: kind.__name__)
    def sampler(self, request):
        return lambda: SeasonedSampler(request.param(), seed=1)
