"""Choice of the simplest of the statistically equal models: `SearchSettings(prefer="simple")`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from in_process import estimator
from seasoned import SearchSettings
from seasoned.errors import InvalidInput

FAMILIES = ["linear", "extra_trees", "lightgbm"]


def search(prefer="simple", **options):
    return SearchSettings(models=FAMILIES, folds=3, prefer=prefer, **options)


def linear_table(rows=600):
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(rows, 4)), columns=list("abcd"))
    return X, X["a"] + 0.5 * X["b"] + 0.3 * rng.normal(size=rows)


def interaction_table(rows=900):
    """Classes that no linear model tells apart: the sign of a product."""
    rng = np.random.default_rng(2)
    X = pd.DataFrame(rng.uniform(-1, 1, size=(rows, 3)), columns=list("abc"))
    return X, np.where(X["a"] * X["b"] > 0, "yes", "no")


def test_a_linear_model_is_shipped_alone_where_the_truth_is_linear(here):
    X, y = linear_table()
    model = estimator("regression", FAMILIES, trials=6, search=search()).fit(X, y)
    (member,) = model.fitted_.members
    assert member.name == "linear"
    assert member.weight == 1.0
    (note,) = [note for note in model.fit_summary_.notes if note.startswith("prefer")]
    assert "linear" in note
    assert "standard error" in note
    assert "ms" in note


def test_a_model_that_is_clearly_worse_is_not_shipped_for_its_simplicity(here):
    X, y = interaction_table()
    both = {
        prefer: estimator("binary", FAMILIES, trials=6, search=search(prefer)).fit(X, y)
        for prefer in ("score", "simple")
    }
    (member,) = both["simple"].fitted_.members
    assert member.name != "linear"
    assert both["simple"].validation_score_ <= both["score"].validation_score_ + 1e-9
    assert any(note.startswith("prefer") for note in both["simple"].fit_summary_.notes)
    assert not any(note.startswith("prefer") for note in both["score"].fit_summary_.notes)


@pytest.mark.parametrize(
    ("options", "words"), [({"prefer": "small"}, "prefer is 'small'"), ({"layers": 2}, "layers=2 for two layers")]
)
def test_a_setting_that_contradicts_the_preference_is_refused(options, words):
    with pytest.raises(InvalidInput, match=words):
        search(**{"prefer": "simple", **options})
