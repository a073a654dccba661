"""Plan of a fit: the matrices that it stores."""

from __future__ import annotations

import pytest

from in_process import estimator, stay_in_process
from messy import messy
from seasoned.tabular.fit import plan


@pytest.mark.parametrize(("family", "diets"), [("tree", ["codes"]), ("linear", ["codes", "dense"])])
def test_plan_stores_only_the_matrices_of_the_chosen_families(monkeypatch, family, diets):
    stay_in_process(monkeypatch)
    written = []
    store = plan.store
    monkeypatch.setattr(plan, "store", lambda *given: written.extend(given[3]) or store(*given))
    X, y = messy("binary", rows=80)
    estimator("classification", [family]).fit(X, y)
    assert written == diets
