"""Table of two columns, the first of which decides the class; settings of a quick fit of one linear model."""

from __future__ import annotations

import numpy as np
import pandas as pd

from seasoned import SearchSettings

QUICK = {"trials": 1, "random_state": 0, "experience": None, "search": SearchSettings(models=["linear"])}


def table():
    """Features and labels of 200 rows."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
    return X, np.where(X["a"] + 0.3 * rng.normal(size=200) > 0, "yes", "no")
