"""Gradient-based meta-learning, and hyperparameter optimisation by hypergradients (JAX and optax: the extra `grad`).

Public names are imported on first use, so importing this package is fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seasoned._util.lazy_imports import lazy_names

if TYPE_CHECKING:
    from seasoned.metagrad.bilevel import DrMAD, Forward, Implicit, Reverse, Truncated
    from seasoned.metagrad.bilevel.joint_training import JointTraining
    from seasoned.metagrad.bilevel.problem import BilevelProblem, minimize_outer
    from seasoned.metagrad.learners.adapted_model import AdaptedModel
    from seasoned.metagrad.learners.base import Interrupted, MetaLearner
    from seasoned.metagrad.learners.group_adaptation import adapt_groups
    from seasoned.metagrad.learners.imaml import IMAML
    from seasoned.metagrad.learners.maml import ANIL, MAML, MAMLPlusPlus, MetaSGD
    from seasoned.metagrad.learners.prototypical import PrototypicalNetworks
    from seasoned.metagrad.learners.reptile import Reptile
    from seasoned.metagrad.learners.ridge_head import RidgeHead
    from seasoned.metagrad.loading import load_learner
    from seasoned.metagrad.networks.networks import MLP, ConvNet, Function
    from seasoned.metagrad.networks.wide_deep import Offset, WideDeep
    from seasoned.metagrad.optimizers.guard import guarded
    from seasoned.metagrad.optimizers.hypergradient_descent import adam_hd, hypergradient_descent, sgd_hd
    from seasoned.metagrad.optimizers.learned_optimizer import LearnedOptimizer
    from seasoned.metagrad.optimizers.problems import Quadratics
    from seasoned.metagrad.optimizers.update_rules import LSTMRule, MLPRule
    from seasoned.metagrad.tasks.families import Episodes, GroupedRows, Sinusoids
    from seasoned.metagrad.tasks.tasks import Rows, Task
    from seasoned.metagrad.training.loop import AdamW, Training

__all__ = [
    "ANIL",
    "IMAML",
    "MAML",
    "MLP",
    "AdamW",
    "AdaptedModel",
    "BilevelProblem",
    "ConvNet",
    "DrMAD",
    "Episodes",
    "Forward",
    "Function",
    "GroupedRows",
    "Implicit",
    "Interrupted",
    "JointTraining",
    "LSTMRule",
    "LearnedOptimizer",
    "MAMLPlusPlus",
    "MLPRule",
    "MetaLearner",
    "MetaSGD",
    "Offset",
    "PrototypicalNetworks",
    "Quadratics",
    "Reptile",
    "Reverse",
    "RidgeHead",
    "Rows",
    "Sinusoids",
    "Task",
    "Training",
    "Truncated",
    "WideDeep",
    "adam_hd",
    "adapt_groups",
    "guarded",
    "hypergradient_descent",
    "load_learner",
    "minimize_outer",
    "sgd_hd",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "AdaptedModel": "seasoned.metagrad.learners.adapted_model",
        **dict.fromkeys(("BilevelProblem", "minimize_outer"), "seasoned.metagrad.bilevel.problem"),
        **dict.fromkeys(("DrMAD", "Forward", "Implicit", "Reverse", "Truncated"), "seasoned.metagrad.bilevel"),
        **dict.fromkeys(("Episodes", "GroupedRows", "Sinusoids"), "seasoned.metagrad.tasks.families"),
        "adapt_groups": "seasoned.metagrad.learners.group_adaptation",
        "guarded": "seasoned.metagrad.optimizers.guard",
        "IMAML": "seasoned.metagrad.learners.imaml",
        "JointTraining": "seasoned.metagrad.bilevel.joint_training",
        "LearnedOptimizer": "seasoned.metagrad.optimizers.learned_optimizer",
        **dict.fromkeys(("Interrupted", "MetaLearner"), "seasoned.metagrad.learners.base"),
        "load_learner": "seasoned.metagrad.loading",
        **dict.fromkeys(("ANIL", "MAML", "MAMLPlusPlus", "MetaSGD"), "seasoned.metagrad.learners.maml"),
        **dict.fromkeys(("MLP", "ConvNet", "Function"), "seasoned.metagrad.networks.networks"),
        "Quadratics": "seasoned.metagrad.optimizers.problems",
        "PrototypicalNetworks": "seasoned.metagrad.learners.prototypical",
        **dict.fromkeys(
            ("adam_hd", "hypergradient_descent", "sgd_hd"), "seasoned.metagrad.optimizers.hypergradient_descent"
        ),
        "Reptile": "seasoned.metagrad.learners.reptile",
        "RidgeHead": "seasoned.metagrad.learners.ridge_head",
        **dict.fromkeys(("Rows", "Task"), "seasoned.metagrad.tasks.tasks"),
        **dict.fromkeys(("AdamW", "Training"), "seasoned.metagrad.training.loop"),
        **dict.fromkeys(("LSTMRule", "MLPRule"), "seasoned.metagrad.optimizers.update_rules"),
        **dict.fromkeys(("Offset", "WideDeep"), "seasoned.metagrad.networks.wide_deep"),
    },
)
