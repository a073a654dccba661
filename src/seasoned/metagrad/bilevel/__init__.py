"""Hypergradient backends: methods to differentiate through an inner problem, backend(problem, outer) -> Hypergradient.

| backend | exact? | memory | cost |
|---|---|---|---|
| `Reverse` | yes | T states, sqrt(T) with checkpoints | a few runs |
| `Truncated` | last K steps | K states | one run and a little |
| `Forward` | yes | states x outer variables | a run for each outer variable |
| `Implicit` | at the inner optimum | one state | a few Hessian-vector products |
| `DrMAD` | no: a straight line for the path | two states | two runs |
"""

from __future__ import annotations

from seasoned.metagrad.bilevel.drmad import DrMAD
from seasoned.metagrad.bilevel.forward_mode import Forward
from seasoned.metagrad.bilevel.hypergradient import Backend, Hypergradient
from seasoned.metagrad.bilevel.implicit import Implicit
from seasoned.metagrad.bilevel.unrolled import Reverse, Truncated

__all__ = ["Backend", "DrMAD", "Forward", "Hypergradient", "Implicit", "Reverse", "Truncated"]
