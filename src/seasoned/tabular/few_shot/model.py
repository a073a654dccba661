"""Fitted few-shot model, which predicts in numpy, and its adaptation to one task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.npz_files import flatten, unflatten
from seasoned.metagrad.networks.forward import softmax
from seasoned.tabular.few_shot.global_model import fold_models
from seasoned.tabular.few_shot.tasks import refuse_width
from seasoned.tabular.input.frames import to_frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from seasoned.tabular.ensemble.fitted_model import Fitted
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["AdaptedTable", "FewShotFitted", "Scaling", "network_inputs"]

_LEAST_PROBABILITY: Final = 1e-4  # smaller probabilities are raised to it before the logarithm
_DENSE: Final[tuple[Diet, ...]] = ("dense",)
_NAMED: Final = 5  # largest number of classes in a `repr`
_TELLING: Final = 3  # fewest rows of a task for a reliable median error
_OUTLIER: Final = 10.0  # largest size of an error, in units of `Scaling.unit`; larger errors are clipped


@dataclass(frozen=True, slots=True)
class Scaling:
    """Scales of the network's inputs and targets.

    Attributes:
        centre: Median of the global predictions; unused for classes.
        spread: Interquartile range of the global predictions; unused for classes.
        unit: Robust size of an error, in the target's units; 1 for classes.
    """

    centre: float
    spread: float
    unit: float

    @classmethod
    def fit(cls, target: NDArray[Any], held_out: NDArray[np.float64], task: str) -> Scaling:
        """Robust scales from the target and the out-of-fold predictions, shape (n,) each.

        The unit is the interquartile range of the errors / 1.349. It is at least a third of their standard deviation,
        so that few errors are huge.
        """
        if task != "regression":
            return cls(0.0, 1.0, 1.0)
        low, centre, high = np.percentile(held_out, [25, 50, 75])
        errors = target - held_out
        quartiles = np.percentile(errors, [25, 75])
        unit = max((quartiles[1] - quartiles[0]) / 1.349, errors.std() / 3)
        return cls(float(centre), float(high - low) or float(held_out.std()) or 1.0, float(unit) or 1.0)

    def errors(self, target: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float32]:
        """Errors in units, clipped to -10 and 10, as network targets, shape (n,)."""
        found = np.clip((target - expected) / self.unit, -_OUTLIER, _OUTLIER)
        return np.asarray(found, dtype=np.float32)

    def errors_of_task(self, target: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float32]:
        """Errors of one task in units, clipped to 10 units around their median, shape (n,).

        An offset that all rows share is no outlier. With fewer than 3 rows, errors are clipped around 0.
        """
        found = (target - expected) / self.unit
        middle = float(np.median(found)) if len(found) >= _TELLING else 0.0
        return np.asarray(np.clip(found, middle - _OUTLIER, middle + _OUTLIER), dtype=np.float32)


def network_inputs(scaling: Scaling, expected: NDArray[np.float64], dense: NDArray[np.float64]) -> NDArray[np.float32]:
    """Network inputs, shape (n, inputs): the global predictions and the scaled columns.

    For classes the first columns are the centred log-probabilities, to which the network adds its correction.

    Args:
        scaling: See `Scaling`.
        expected: The global predictions, shape (n,) or (n, classes).
        dense: The scaled columns, shape (n, p).
    """
    if expected.ndim == 1:
        scaled = (expected - scaling.centre) / scaling.spread
        return np.column_stack([scaled / np.sqrt(1 + (scaled / 3) ** 2), dense]).astype(np.float32)
    logits = np.log(np.maximum(expected, _LEAST_PROBABILITY))
    logits -= logits.mean(axis=1, keepdims=True)
    seen = logits[:, :1] if expected.shape[1] == 2 else logits / 2
    return np.column_stack([logits, seen, dense]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class FewShotFitted:
    """A fitted few-shot model.

    Attributes:
        fitted: The global models (see `GlobalModel`).
        member_folds: The held-out fold of each global model.
        scaling: Scales of the network's inputs and targets.
        network: The network's settings.
        prior: The network's parameters before adaptation.
        tasks: Names of the known tasks, sorted, shape (tasks,).
        task_folds: The fold of each task, shape (tasks,).
        own: Parameters of the known tasks where they differ from the prior: path -> [tasks, ...].
        columns: The task columns; () if the tasks came as an array.
    """

    fitted: Fitted
    member_folds: tuple[int, ...]
    scaling: Scaling
    network: Any
    prior: Any
    tasks: NDArray[Any]
    task_folds: NDArray[np.int64]
    own: Mapping[str, NDArray[Any]]
    columns: tuple[str, ...]

    def expected(self, X: Any) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Global predictions and network inputs for rows of a new task."""
        frame = to_frame(X)
        expected = self.fitted.predict(frame)
        dense = self.fitted.plan.matrices(frame, _DENSE, [])["dense"]  # `predict` has reported unreadable cells
        return expected, network_inputs(self.scaling, expected, dense)

    def corrected(self, expected: NDArray[np.float64], inputs: NDArray[np.float32], params: Any) -> Any:
        """Corrected predictions: numbers, shape (n,), or probabilities, shape (n, classes)."""
        if not len(inputs):
            return expected
        outputs = np.asarray(self.network.forward(params, inputs), dtype=np.float64)
        return expected + self.scaling.unit * outputs[:, 0] if expected.ndim == 1 else softmax(outputs)

    def predict_known(self, X: Any, words: NDArray[Any]) -> NDArray[np.float64]:
        """Predictions for rows of known tasks, shape (n,) or (n, classes); `words` are the task names, shape (n,).

        Raises:
            InvalidInput: If a task is not known.
        """
        frame = to_frame(X)
        codes = np.searchsorted(self.tasks, words).clip(max=len(self.tasks) - 1)
        strange = self.tasks[codes] != words
        if strange.any():
            raise InvalidInput(
                f"the task {str(words[strange][0])!r} was not there in fit; adapt(X, y) to a few of its labelled rows."
            )
        dense = self.fitted.plan.matrices(frame, _DENSE)["dense"]  # reports unreadable cells once for all folds
        classes = len(self.fitted.classes)
        found = np.zeros((len(frame), classes) if classes else len(frame))
        for fold in np.unique(self.task_folds[codes]):
            rows = np.flatnonzero(self.task_folds[codes] == fold)
            expected = fold_models(self.fitted, self.member_folds, int(fold)).predict(frame.iloc[rows], [])
            inputs = network_inputs(self.scaling, expected, dense[rows])
            for code in np.unique(codes[rows]):
                place = codes[rows] == code
                found[rows[place]] = self.corrected(expected[place], inputs[place], self.params_of(int(code)))
        return found

    def params_of(self, code: int) -> Any:
        """Network parameters of a known task."""
        return unflatten({**flatten(self.prior), **{path: leaves[code] for path, leaves in self.own.items()}})


@dataclass(frozen=True, slots=True, repr=False)
class AdaptedTable:
    """A model adapted to one task of a table.

    Attributes:
        shared: The fitted model of all tasks.
        params: The network's parameters for this task.
        steps: Number of adaptation steps.
        rate_scale: Factor on the learner's rates; for a ridge head, on the prior variances.
        rows: Number of labelled rows.
    """

    shared: FewShotFitted
    params: Any
    steps: int
    rate_scale: float
    rows: int

    def __repr__(self) -> str:
        labels = self.classes_.tolist()
        some = ", ".join(map(repr, labels[:_NAMED])) + (", ..." if len(labels) > _NAMED else "")
        kind = f"classification, {len(labels)} classes ({some})" if labels else "regression"
        return f"AdaptedTable({self.rows} rows of a task, {kind})"

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, sorted; empty for regression."""
        return self.shared.fitted.classes

    def predict(self, X: Any) -> NDArray[Any]:
        """Numbers, or the most probable label of each row, shape (n,)."""
        found = self._predict(X)
        return self.classes_[found.argmax(axis=1)] if found.ndim == 2 else found

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities, shape (n, classes), in the order of `classes_`.

        Raises:
            InvalidInput: If the model is a regressor.
        """
        if not len(self.classes_):
            raise InvalidInput("this model predicts numbers, not classes: use predict.")
        return self._predict(X)

    def _predict(self, X: Any) -> NDArray[np.float64]:
        refuse_width(X, len(self.shared.fitted.plan.schema.columns), type(self).__name__)
        expected, inputs = self.shared.expected(X)
        found: NDArray[np.float64] = self.shared.corrected(expected, inputs, self.params)
        return found
