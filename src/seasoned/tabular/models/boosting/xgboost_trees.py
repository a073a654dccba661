"""Trees and base scores of an XGBoost booster, read from its JSON.

Reference: XGBoost's JSON schema, https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from seasoned.tabular.models.trees.tree_arrays import Nodes

__all__ = ["base_scores", "xgboost_nodes"]


def base_scores(config: str, outputs: int) -> tuple[float, ...]:
    """Return the base score of each output before the sigmoid or softmax, from a booster's configuration."""
    learner = json.loads(config)["learner"]
    scores = [float(score) for score in learner["learner_model_param"]["base_score"].strip("[]").split(",")]
    if learner["objective"]["name"] == "binary:logistic":
        scores = [math.log(score) - math.log1p(-score) for score in scores]
    return tuple(scores) if len(scores) == outputs else tuple(scores) * outputs


def xgboost_nodes(text: bytes) -> list[Nodes]:
    """Return the trees of a booster, round after round."""
    return [_nodes(tree) for tree in json.loads(text)["learner"]["gradient_booster"]["model"]["trees"]]


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
