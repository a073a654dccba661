"""Deep metric function: predicts rank, quantile, seconds and failure of a configuration on a task from its trials.

The function is an ensemble of networks (`network.py`), trained on past tasks (`training.py`). A task is described by
its meta-features and by its trials so far. A configuration is described by its point and by its statistics on past
tasks. The point alone suffices, so new configurations can be scored too; the low-rank model of
`performance_model/model.py` cannot do this.

The prediction is the mean of the members. The members' spreads are averaged as variances, and multiplied by a factor
that calibrates the spread on left-out tasks.

Source: Khazi, Arango and Grabocka (2023), Deep ranking ensembles for hyperparameter optimization. Prediction needs only
numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.deep_metric.inputs import BASES, NUMBERS, UNTIMED, Configurations, Frame, Trials, told
from seasoned.knowledge.deep_metric.network import Query, Seen, forward
from seasoned.metagrad._common.npz_files import unflatten

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Configurations", "DeepMetric", "Predictions", "Trials"]


class Predictions(NamedTuple):
    """Predictions for n configurations on a task; each array has shape (n,).

    Attributes:
        order: Ranking score, lower is better; trained list-wise, with the largest weights at the top.
        mean: Expected normal quantile of the score among all configurations of the task; -2 is very good, 0 is median.
        std: Calibrated standard deviation of the quantile.
        seconds: Expected log10 seconds; meaningless if the training set has no seconds.
        failure: Probability of a failure; not trained if the training set has no failures.
    """

    order: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    seconds: NDArray[np.float64]
    failure: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class DeepMetric:
    """Trained deep metric function: an ensemble of networks.

    Attributes:
        members: Weights of each network by name (`network.shapes_of`).
        frame: Scales of the inputs, and statistics of the configurations on the past tasks.
        stretch: Calibration factor of the spread.
    """

    members: tuple[dict[str, NDArray[np.float32]], ...]
    frame: Frame
    stretch: float

    def predict(
        self,
        asked: Configurations,
        trials: Trials | None = None,
        about: NDArray[np.float64] | None = None,
    ) -> Predictions:
        """Predict the results of configurations on a task.

        Args:
            asked: Configurations to predict.
            trials: Trials of the task so far, in any order; about ten at most, as in training. None for no trials.
            about: Meta-features of the task, NaN where unknown, shape (m,); None without meta-features.

        Raises:
            InvalidInput: If points, rows, trials or meta-features do not fit the training set.

        Example:
            >>> from seasoned.knowledge.deep_metric.network import first_weights, shapes_of
            >>> frame = Frame(*(np.zeros(2), np.ones(2), np.zeros((0, 3)), np.zeros(3), np.zeros((4, 0)), np.ones(2)))
            >>> weights = first_weights(shapes_of(frame.width, 0, 4, 8), np.random.default_rng(0))
            >>> asked = Configurations(np.random.default_rng(1).random((5, 2)))
            >>> DeepMetric((weights,), frame, 1.0).predict(asked).mean.shape
            (5,)
        """
        query, seen = self._posed(asked, trials, about)
        outs = np.stack([forward(np, unflatten(member), query, seen)[0] for member in self.members])
        outs = outs.astype(np.float64)
        order, mean, _, seconds, risk = np.moveaxis(outs.mean(axis=0), -1, 0)
        spread = np.sqrt(np.exp(2.0 * outs[..., 2]).mean(axis=0))
        clock = self.frame.clock.astype(np.float64)
        failure = 0.5 * (1.0 + np.tanh(0.5 * risk))
        return Predictions(order, mean, self.stretch * spread, clock[0] + clock[1] * seconds, failure)

    def _posed(
        self, asked: Configurations, trials: Trials | None, about: NDArray[np.float64] | None
    ) -> tuple[Query, Seen]:
        """Network inputs for one task."""
        inputs, base = self.frame.inputs(asked)
        ranks, described = self.frame.described(about)
        query = Query(inputs[None], base[None], ranks, described)
        if trials is None or not len(trials.scores):
            none = [np.zeros((1, 0, size), dtype=np.float32) for size in (self.frame.width, BASES, NUMBERS)]
            return query, Seen(none[0], none[1], none[2], np.zeros((1, 0), dtype=bool))
        inputs, base = self.frame.inputs(trials.configurations)
        count = len(inputs)
        seconds = np.full(count, np.nan) if trials.seconds is None else np.asarray(trials.seconds)
        scores = np.asarray(trials.scores, dtype=np.float64)
        if scores.shape != (count,) or seconds.shape != (count,) or np.isinf(scores).any():
            raise InvalidInput(
                f"there are {count} configurations, scores {scores} and seconds {seconds}; give one score for each, "
                "NaN for a failure."
            )
        if tuple(self.frame.clock) == UNTIMED:  # without seconds in training, the weights of seconds are untrained
            seconds = np.full(count, np.nan)
        failed, lag = np.isnan(scores), self.frame.lag(seconds, base[:, 1])
        numbers = told(
            np,
            np.nan_to_num(scores)[None],
            failed[None],
            np.nan_to_num(lag)[None],
            np.isfinite(lag)[None],
            np.ones((1, count), dtype=bool),
        )
        return query, Seen(inputs[None], base[None], numbers.astype(np.float32), np.ones((1, count), dtype=bool))
