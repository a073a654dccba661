"""Forests: huge targets, and the largest forest that a file can contain."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from seasoned.errors import InvalidInput
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.registry import find
from seasoned.tabular.models.trees import tree_file


@pytest.mark.parametrize(("name", "peer"), [("forest", RandomForestRegressor), ("extra_trees", ExtraTreesRegressor)])
def test_a_few_huge_targets_do_not_spoil_the_other_forest_predictions(name, peer):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 4))
    y = np.exp(X[:, 0])
    y[:3] = 3e8
    family = find(name)
    config = family.space("regression").default
    model = family.build(config, Job("regression", 0, 0))
    family.fit(model, (X, y), None)
    same = {key: value for key, value in config.items() if key in peer().get_params()}
    theirs = peer(100, **same, random_state=0).fit(X, y)
    usual = y < 1e6
    ours, library = (np.median(np.abs(m.predict(X[usual]) - y[usual])) for m in (model, theirs))
    assert ours < 1.5 * library + 0.01


def test_a_forest_of_too_many_nodes_is_refused_when_it_is_saved(monkeypatch):
    family = find("forest")
    model = family.build(family.space("regression").default, Job("regression", 0, 0))
    X = np.random.default_rng(0).normal(size=(50, 2))
    family.fit(model, (X, X[:, 0]), None)
    monkeypatch.setattr(tree_file, "MAX_NODES", 50)
    with pytest.raises(InvalidInput, match="a file holds 50"):
        family.dump(model)
