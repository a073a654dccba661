"""Meta-learning by gradient, and hyperparameter optimisation by hypergradient (JAX and optax: the extra `grad`).

Nothing heavy is loaded here; a public name loads its module when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seasoned._lazy import lazy_names

if TYPE_CHECKING:
    from seasoned.metagrad.adapted import AdaptedModel
    from seasoned.metagrad.bilevel import BilevelProblem, minimize_outer
    from seasoned.metagrad.families import Episodes, GroupedRows, Sinusoids
    from seasoned.metagrad.groups import adapt_groups
    from seasoned.metagrad.guard import guarded
    from seasoned.metagrad.hypergradients import DrMAD, Forward, Implicit, Reverse, Truncated
    from seasoned.metagrad.imaml import IMAML
    from seasoned.metagrad.joint import JointTraining
    from seasoned.metagrad.learned_optimizer import LearnedOptimizer
    from seasoned.metagrad.learner import Interrupted, MetaLearner
    from seasoned.metagrad.loading import load_learner
    from seasoned.metagrad.maml import ANIL, MAML, MAMLPlusPlus, MetaSGD
    from seasoned.metagrad.networks import MLP, ConvNet, Function
    from seasoned.metagrad.problems import Quadratics
    from seasoned.metagrad.prototypical import PrototypicalNetworks
    from seasoned.metagrad.rate_descent import adam_hd, hypergradient_descent, sgd_hd
    from seasoned.metagrad.reptile import Reptile
    from seasoned.metagrad.ridge_head import RidgeHead
    from seasoned.metagrad.tasks import Rows, Task
    from seasoned.metagrad.training import AdamW, Training
    from seasoned.metagrad.update_rules import LSTMRule, MLPRule
    from seasoned.metagrad.wide_deep import Offset, WideDeep

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
        "AdaptedModel": "seasoned.metagrad.adapted",
        **dict.fromkeys(("BilevelProblem", "minimize_outer"), "seasoned.metagrad.bilevel"),
        **dict.fromkeys(("DrMAD", "Forward", "Implicit", "Reverse", "Truncated"), "seasoned.metagrad.hypergradients"),
        **dict.fromkeys(("Episodes", "GroupedRows", "Sinusoids"), "seasoned.metagrad.families"),
        "adapt_groups": "seasoned.metagrad.groups",
        "guarded": "seasoned.metagrad.guard",
        "IMAML": "seasoned.metagrad.imaml",
        "JointTraining": "seasoned.metagrad.joint",
        "LearnedOptimizer": "seasoned.metagrad.learned_optimizer",
        **dict.fromkeys(("Interrupted", "MetaLearner"), "seasoned.metagrad.learner"),
        "load_learner": "seasoned.metagrad.loading",
        **dict.fromkeys(("ANIL", "MAML", "MAMLPlusPlus", "MetaSGD"), "seasoned.metagrad.maml"),
        **dict.fromkeys(("MLP", "ConvNet", "Function"), "seasoned.metagrad.networks"),
        "Quadratics": "seasoned.metagrad.problems",
        "PrototypicalNetworks": "seasoned.metagrad.prototypical",
        **dict.fromkeys(("adam_hd", "hypergradient_descent", "sgd_hd"), "seasoned.metagrad.rate_descent"),
        "Reptile": "seasoned.metagrad.reptile",
        "RidgeHead": "seasoned.metagrad.ridge_head",
        **dict.fromkeys(("Rows", "Task"), "seasoned.metagrad.tasks"),
        **dict.fromkeys(("AdamW", "Training"), "seasoned.metagrad.training"),
        **dict.fromkeys(("LSTMRule", "MLPRule"), "seasoned.metagrad.update_rules"),
        **dict.fromkeys(("Offset", "WideDeep"), "seasoned.metagrad.wide_deep"),
    },
)
