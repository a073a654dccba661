"""Learning to learn by gradient, and hyperparameters by hypergradient (JAX and optax: the extra `grad`).

Nothing heavy is loaded here; a public name loads its module when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seasoned._lazy import lazy_names

if TYPE_CHECKING:
    from seasoned.metagrad.bilevel import BilevelProblem, minimize_outer
    from seasoned.metagrad.hypergradients import DrMAD, Forward, Implicit, Reverse, Truncated
    from seasoned.metagrad.rate_descent import adam_hd, hypergradient_descent, sgd_hd

__all__ = [
    "BilevelProblem",
    "DrMAD",
    "Forward",
    "Implicit",
    "Reverse",
    "Truncated",
    "adam_hd",
    "hypergradient_descent",
    "minimize_outer",
    "sgd_hd",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        **dict.fromkeys(("BilevelProblem", "minimize_outer"), "seasoned.metagrad.bilevel"),
        **dict.fromkeys(("DrMAD", "Forward", "Implicit", "Reverse", "Truncated"), "seasoned.metagrad.hypergradients"),
        **dict.fromkeys(("adam_hd", "hypergradient_descent", "sgd_hd"), "seasoned.metagrad.rate_descent"),
    },
)
