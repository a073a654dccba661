"""The deep metric function: (task, configuration, trials) -> rank, quantile and its spread, seconds, risk of failure.

An ensemble of networks (`deep_metric_network.py`) that were trained on past tasks (`deep_metric_training.py`). A task
enters by its meta-features and by the trials already seen on it, a configuration by its numbers and by what past tasks
know of it, if they tried it: so configurations that nobody has tried are scored, too, which the low-rank covariance of
`metric_function.py` cannot do. Models and their settings are scored alike, the model being one of the numbers. The
mean of the members is the answer; their spreads are averaged as variances and stretched by the factor that calibrates
them on left-out tasks.

After Khazi, Arango and Grabocka (2023), Deep ranking ensembles for hyperparameter optimization. Prediction is numpy.
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

__all__ = ["Configurations", "DeepMetric", "Foreseen", "Trials"]


class Foreseen(NamedTuple):
    """What is expected of each configuration, each of shape (n,).

    Attributes:
        order: A score for ranking: the less, the better. Trained list-wise, so that the top counts most.
        mean: Expected normal quantile of the score among all configurations of the task (-2 is very good, 0 middling).
        std: Its standard deviation, calibrated.
        seconds: Expected log10 seconds; meaningless if past tasks had no seconds.
        failure: Probability of a failure; 1/2 if past tasks had none.
    """

    order: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    seconds: NDArray[np.float64]
    failure: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class DeepMetric:
    """A trained ensemble.

    Attributes:
        members: Weights of each network by name (`deep_metric_network.shapes_of`).
        frame: How inputs are scaled, and what past tasks know of configurations.
        stretch: Factor of the spread.
    """

    members: tuple[dict[str, NDArray[np.float32]], ...]
    frame: Frame
    stretch: float

    def predict(
        self,
        asked: Configurations,
        trials: Trials | None = None,
        about: NDArray[np.float64] | None = None,
    ) -> Foreseen:
        """What is expected of some configurations on a task.

        Args:
            asked: The configurations.
            trials: Seen on the task, in any order; preferably not more than about ten, as in training.
            about: Its meta-features, NaN where unknown, shape (m,); None if none is known.

        Raises:
            InvalidInput: If points, rows, trials or meta-features do not fit those of the past tasks.

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
        return Foreseen(order, mean, self.stretch * spread, clock[0] + clock[1] * seconds, failure)

    def _posed(
        self, asked: Configurations, trials: Trials | None, about: NDArray[np.float64] | None
    ) -> tuple[Query, Seen]:
        """The input of the networks for one task."""
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
        if tuple(self.frame.clock) == UNTIMED:  # no training task had seconds, so that their weights are untrained
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
