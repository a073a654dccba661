"""Additive models with products: linear, logistic and softmax regression on splines and pairs of columns."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.space import Float, Int, Space
from seasoned.tabular.models.linear.additive import Additive
from seasoned.tabular.models.linear.spline_basis import Basis
from seasoned.tabular.safe_files import npz

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["Splines"]

_WIDEST: Final = 2**24  # largest number of inputs in a file
_FILE: Final = {
    "weights": ("float64", 2),
    "inputs": ("int64", 1),
    "column": ("int64", 1),
    "knot": ("float64", 1),
    "pairs": ("int64", 2),
    "classes": ("int64", 1),
    "target": ("float64", 1),
}


@dataclass(frozen=True, slots=True)
class Splines:
    """Linear models on hinges at the quantiles of each numeric column, and on the most explanatory products."""

    name: str = "splines"
    diet: Diet = "dense"
    quantiles: bool = True
    seeded: bool = False
    readable: bool = True
    holds_out: bool = True

    def space(self, task: Task) -> Space:  # noqa: ARG002 - the protocol's signature
        """Knots per numeric column, number of products, and relative penalties of hinges and products."""
        return Space(
            knots=Int(1, 30, log=True, default=14),
            pairs=Int(0, 300, default=100),
            bend=Float(0.1, 10.0, log=True, default=1.0),
            bond=Float(0.1, 10.0, log=True, default=1.0),
        )

    def build(self, config: dict[str, Any], job: Job) -> Additive:
        """Return an unfitted model."""
        return Additive(dict(config), job.n_classes, job.seed, job.quantile)

    def fit(
        self,
        estimator: Additive,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,  # noqa: ARG002 - the protocol's signature
        seconds: float | None = None,
        weights: Weights | None = None,
        together: NDArray[np.int64] | None = None,
    ) -> None:
        """Fit on (X, y); the fit chooses the penalty on folds of these rows."""
        estimator.fit(*train, None if weights is None else weights[0], seconds, together)

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:  # noqa: ARG002 - the protocol's signature
        """Return the configuration unchanged: the model has no rounds."""
        return config

    def dump(self, estimator: Additive) -> bytes:
        """Serialise the basis and the weights as arrays."""
        assert estimator.basis is not None, "only what was fitted is stored"
        assert estimator.weights is not None
        classes = np.array([], dtype=np.int64) if estimator.classes is None else estimator.classes
        return npz.dump(
            {
                "weights": estimator.weights,
                "inputs": estimator.basis.inputs,
                "column": estimator.basis.column,
                "knot": estimator.basis.knot,
                "pairs": estimator.basis.pairs,
                "classes": np.append(classes, [estimator.n_classes, estimator.basis.width]).astype(np.int64),
                "target": np.array(estimator.target),
            }
        )

    def load(self, data: bytes) -> Additive:
        """Deserialise the basis and the weights after a check."""
        found = npz.load(data, _FILE)
        names = ("inputs", "column", "knot", "pairs", "weights", "target")
        inputs, column, knot, pairs, weights, target = (found[name] for name in names)
        *classes, n_classes, width = found["classes"].tolist() if len(found["classes"]) > 1 else [-1, -1]
        basis = Basis(width, inputs, column, knot, pairs)
        inside = 0 <= width <= _WIDEST and all(
            ((part >= 0) & (part < limit)).all()
            for part, limit in ((inputs, width), (column, len(inputs)), (pairs, basis.first))
        )
        outputs = 1 if len(classes) <= 2 else len(classes)
        fits = len(knot) == len(column) and pairs.shape[1] == 2 and weights.shape == (basis.size + 1, outputs)
        ordered = all(a < b for a, b in itertools.pairwise([-1, *classes, n_classes])) if classes else n_classes == 0
        if not inside or not fits or not ordered or len(target) != 2 or target[0] > target[1]:
            raise InvalidInput("the arrays of the additive model in the file do not fit together; get another copy.")
        seen = np.array(classes, dtype=np.int64) if classes else None
        low, high = target.tolist()
        return Additive({}, n_classes, 0, None, basis, weights, seen, (low, high))
