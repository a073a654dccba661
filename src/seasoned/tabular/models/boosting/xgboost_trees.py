"""Trees and base scores of an XGBoost booster, read from its JSON.

Reference: XGBoost's JSON schema, https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np

from seasoned.tabular.models.trees.tree_arrays import Nodes

__all__ = ["xgboost_nodes"]


def xgboost_nodes(text: bytes, outputs: int) -> list[Nodes]:
    """Return the trees of a model with this number of outputs, round after round.

    The leaves of the first round contain the base scores, rounded as XGBoost rounds its first sum.
    """
    learner = json.loads(text)["learner"]
    scores = np.array(learner["learner_model_param"]["base_score"].strip("[]").split(","), dtype=np.float32)
    if learner["objective"]["name"] == "binary:logistic":
        scores = -np.log(np.float32(1) / scores - np.float32(1))
    trees = [_nodes(tree) for tree in learner["gradient_booster"]["model"]["trees"]]
    first = [
        replace(tree, value=tree.value + score)
        for tree, score in zip(trees, np.broadcast_to(scores, outputs), strict=False)
    ]
    return first + trees[outputs:]


def _nodes(tree: dict[str, Any]) -> Nodes:
    """One tree: a number below the condition goes left, a level code of the set goes right (here: left)."""
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    condition = np.array(tree["split_conditions"], dtype=np.float32)
    missing_left = np.array(tree["default_left"]) != 0
    nodes = tree["categories_nodes"]
    starts, sizes = tree["categories_segments"], tree["categories_sizes"]
    sets = {
        node: tree["categories"][start : start + size] for node, start, size in zip(nodes, starts, sizes, strict=True)
    }
    left[nodes], right[nodes], missing_left[nodes] = right[nodes], left[nodes], ~missing_left[nodes]
    below = np.nextafter(condition, np.float32(-np.inf)).astype(np.float64)
    return Nodes(left, right, np.array(tree["split_indices"]), below, missing_left, condition[:, None], sets)
