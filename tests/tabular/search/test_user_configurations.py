"""Initial configurations of the user: their values in the joint space."""

from __future__ import annotations

from seasoned.tabular.models.registry import choose, joint_space
from seasoned.tabular.search.user_configurations import own_starts


def test_a_start_with_one_feature_step_has_only_that_step():
    space = joint_space(choose(["lightgbm"]), "regression", ["arithmetic", "groups"])
    (start,) = own_starts([{"lightgbm": {"features": {"made": {"arithmetic": True}}}}], space, [])
    made = start["model"]["lightgbm"]["features"]["made"]
    assert made["arithmetic"] is True
    assert not any(value for name, value in made.items() if name not in {"arithmetic", "columns"})
    assert made["columns"] > 0
