"""Studies for the tests of study figures."""

from __future__ import annotations

import pytest

from random_studies import MIXED, mixed, study_of


@pytest.fixture(scope="module")
def mixed_study():
    return study_of(mixed, MIXED, 30)
