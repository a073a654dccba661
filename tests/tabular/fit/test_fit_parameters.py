"""Parameters of a fit: values that are refused."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from seasoned import AutoClassifier
from seasoned.errors import InvalidInput


@pytest.mark.parametrize("given", [{"time_limit": math.inf}, {"trials": math.inf}, {"workers": math.inf}])
def test_infinite_parameters_of_a_fit_are_refused(given):
    with pytest.raises(InvalidInput, match=f"{next(iter(given))} is inf"):
        AutoClassifier(**given).fit(pd.DataFrame({"x": range(20)}), [0, 1] * 10)
