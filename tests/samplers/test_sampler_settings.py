"""Settings of samplers: counts are whole numbers."""

from __future__ import annotations

import pytest

from seasoned import Float, Space, Study
from seasoned.errors import InvalidInput
from seasoned.samplers import TPE, Bayes, DifferentialEvolution, Genetic, Grid

LINE = Space(x=Float(0, 1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: TPE(candidates=1e2),
        lambda: TPE(startup=10.0),
        lambda: Genetic(tournament=3.0),
        lambda: DifferentialEvolution(population=20.0),
        lambda: Bayes(initial=True),
        lambda: Study(LINE, sampler=Grid(resolution=5.0)),
    ],
)
def test_samplers_refuse_counts_that_are_no_integers(make):
    with pytest.raises(InvalidInput, match="give a whole number"):
        make()
