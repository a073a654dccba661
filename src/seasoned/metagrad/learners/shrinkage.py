"""Adaptation of a trained `RidgeHead` in numpy: a small linear solve without JAX, with tuned steps and prior variances.

Tuning chooses the number of steps and the factor on the prior's variances. The criterion is the cross-validated loss on
the support rows plus the mean loss on validation tasks, which counts as a fixed number of rows. Few support rows
therefore have little influence, and many support rows decide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.metagrad.learners.head_step import head_step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Episodes", "HeadAdapter", "draw_episodes"]

SCALES: Final = (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
OWN: Final = SCALES.index(1.0)
FOLDS: Final = 5
TOGETHER: Final = 20  # episodes computed at once, to limit memory
TRUST: Final = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 1e3, 1e6)
"""Candidate weights of the validation tasks' losses, in support rows; with the last one these losses decide alone."""


class Episodes(NamedTuple):
    """Row indices of drawn support and query sets [episodes, rows], with weight 0 for missing rows of small tasks."""

    support: NDArray[np.int64]
    support_weight: NDArray[np.float64]
    query: NDArray[np.int64]
    query_weight: NDArray[np.float64]

    def some(self, which: slice) -> Episodes:
        """Return some of the episodes."""
        return Episodes(self.support[which], self.support_weight[which], self.query[which], self.query_weight[which])


@dataclass(frozen=True)
class HeadAdapter:
    """Adapts a ridge head to support sets.

    Attributes:
        network: A `WideDeep`, or an `Offset` of one.
        params: Its parameters before adaptation; the head is the prior's mean.
        variance: The prior's variances [features].
        loss: `"squared_error"` or `"cross_entropy"`.
        steps: Number of steps that meta-training optimised for.
        sizes: Numbers of support rows of the evaluated episodes [sizes]; empty before `judged`.
        losses: Mean query losses of validation tasks, normalised by `_comparable` [sizes, scales, steps + 1].
        trust: Weight of these losses, in support rows [sizes].
        floor: Constant added to a task's own loss before the division by it.
    """

    network: Any
    params: Any
    variance: NDArray[np.float64]
    loss: str
    steps: int
    sizes: NDArray[np.int64]
    losses: NDArray[np.float64]
    trust: NDArray[np.float64]
    floor: float = 0.0

    @property
    def most_steps(self) -> int:
        """Largest number of steps in tuning: twice the trained steps; for squared error (exact) the trained steps."""
        return self.steps if self.loss == "squared_error" else 2 * self.steps

    def adapt(self, X: NDArray[Any], y: NDArray[Any], *, tune: bool) -> tuple[Any, int, float]:
        """Return the network's parameters for a support set, the number of steps and the factor on the variances.

        Args:
            X: Inputs [rows, inputs].
            y: Numbers, or labels from 0 [rows].
            tune: True chooses steps and factor; False uses the trained steps and 1.
        """
        data = self._data(X, y)
        steps, scale = self._choose(data) if tune and len(y) > 1 and len(self.sizes) else (self.steps, OWN)
        heads = self._heads(tuple(part[None] for part in data), np.array([SCALES[scale]]), steps)
        head = heads[-1][0, 0].astype(np.asarray(self.params["head"]).dtype)
        return {**self.params, "head": head}, steps, SCALES[scale]

    def heads_of(self, X: NDArray[Any], y: NDArray[Any], groups: Sequence[NDArray[np.int64]]) -> NDArray[Any]:
        """Return the heads of many tasks, equal to `adapt` without tuning, [groups, features, outputs].

        Tasks of similar size are solved together, padded with rows of weight 0.

        Args:
            X: Inputs of all rows [rows, inputs].
            y: Targets of all rows [rows].
            groups: Row indices of each task, at least one.
        """
        parts, sizes = self._data(X, y)[:3], np.array([len(rows) for rows in groups])
        found = np.empty((len(groups), *np.shape(self.params["head"])), np.asarray(self.params["head"]).dtype)
        wide = 2 ** np.ceil(np.log2(sizes)).astype(np.int64)
        for size in np.unique(wide):
            places = np.flatnonzero(wide == size)
            for first in range(0, len(places), TOGETHER):
                some = places[first : first + TOGETHER]
                table = np.stack([np.pad(groups[place], (0, size - sizes[place]), mode="edge") for place in some])
                weight = (np.arange(size) < sizes[some][:, None]).astype(np.float64)
                data = (*(part[table] for part in parts), weight)
                found[some] = self._heads(data, np.array([SCALES[OWN]]), self.steps)[-1][:, 0]
        return found

    def judged(self, X: NDArray[Any], y: NDArray[Any], episodes: Sequence[tuple[int, Episodes]]) -> HeadAdapter:
        """Return this adapter with the validation tasks' losses of all settings, for each number of support rows.

        Args:
            X: Inputs of all rows.
            y: Targets of all rows.
            episodes: Pairs of a number of support rows and episodes with that number.
        """
        found = [(size, *self._episode_losses(X, y, drawn)) for size, drawn in episodes]
        floor = 0.1 * float(np.mean([query[:, OWN, self.steps].mean() for _, _, query, _ in found])) + 1e-12
        parts = [
            _learned(self._comparable(cv, floor), self._comparable(query, floor), rows) for _, cv, query, rows in found
        ]
        return replace(
            self,
            sizes=np.array([size for size, *_ in found], dtype=np.int64),
            losses=np.stack([prior for prior, _ in parts]),
            trust=np.array([trust for _, trust in parts]),
            floor=floor,
        )

    def _choose(self, data: tuple[NDArray[Any], ...]) -> tuple[int, int]:
        """Return the number of steps, and the index of the scale in `SCALES`."""
        rows = len(data[0])
        cv = self._cross_validated(tuple(part[None] for part in data))[0]
        place = int(np.argmin(np.abs(np.log(self.sizes / rows))))
        total = rows * self._comparable(cv, self.floor) + self.trust[place] * self.losses[place]
        scale, steps = np.unravel_index(int(np.argmin(total)), total.shape)
        return int(steps), int(scale)

    def _comparable(self, losses: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
        """Return losses [..., scales, steps + 1] on a common scale for all tasks.

        Squared errors are divided by those at the trained setting, so that noisy tasks do not dominate. Log losses are
        already comparable. A division would favour overconfident predictions, because tasks of one class have losses
        near 0.
        """
        if self.loss == "cross_entropy":
            return losses
        return losses / (losses[..., OWN, self.steps] + floor)[..., None, None]

    def _data(self, X: NDArray[Any], y: NDArray[Any], weight: NDArray[Any] | None = None) -> tuple[NDArray[Any], ...]:
        """Return features, offsets, targets and weights in double precision."""
        features, offsets = self.network.parts(np, self.params, np.asarray(X))
        targets = y[:, None] if self.loss == "squared_error" else y[:, None] == np.arange(offsets.shape[1])
        return (
            features.astype(np.float64),
            offsets.astype(np.float64),
            targets.astype(np.float64),
            np.ones(len(y)) if weight is None else weight,
        )

    def _heads(self, data: Any, scales: NDArray[np.float64], steps: int) -> list[NDArray[np.float64]]:
        """Return the heads after 0 to `steps` steps, each [episodes, scales, features, outputs].

        Args:
            data: As for `head_step`, [episodes, rows, ...].
            scales: Factors on the variances.
            steps: Number of steps.
        """
        centre = np.asarray(self.params["head"], dtype=np.float64)
        wide = tuple(part[:, None] for part in data)  # new axis for the scales
        head = np.broadcast_to(centre, (len(data[0]), len(scales), *centre.shape))
        found = [head]
        for _ in range(steps):
            head = head_step(np, self.loss, wide, head, (centre, scales[:, None] * self.variance))
            found.append(head)
        return found

    def _losses(self, data: Any, heads: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return the loss of every row under every head [episodes, scales, steps + 1, rows]."""
        features, offsets, targets, _ = data
        found = []
        for head in heads:
            outputs = offsets[:, None] + features[:, None] @ head
            if self.loss == "squared_error":
                found.append(((outputs - targets[:, None]) ** 2).mean(axis=-1))
            else:
                shifted = outputs - outputs.max(axis=-1, keepdims=True)
                logs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
                found.append(-(logs * targets[:, None]).sum(axis=-1))
        return np.stack(found, axis=2)

    def _cross_validated(self, data: Any) -> NDArray[np.float64]:
        """Return the mean loss of held-out support rows [episodes, scales, steps + 1].

        Rows of weight 0 do not count.
        """
        weight = data[3]
        order = np.lexsort((data[2][..., 0], weight == 0), axis=-1)  # folds stratified by target
        fold = np.empty_like(order)
        np.put_along_axis(fold, order, np.broadcast_to(np.arange(order.shape[1]) % FOLDS, order.shape), axis=1)
        total = np.zeros((len(weight), len(SCALES), self.most_steps + 1))
        for held in range(min(FOLDS, order.shape[1])):
            kept = (*data[:3], weight * (fold != held))
            losses = self._losses(data, self._heads(kept, np.array(SCALES), self.most_steps))
            total += (losses * (weight * (fold == held))[:, None, None]).sum(axis=-1)
        mean: NDArray[np.float64] = total / weight.sum(axis=1)[:, None, None]
        return mean

    def _episode_losses(
        self, X: NDArray[Any], y: NDArray[Any], drawn: Episodes
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return cross-validated and query losses of all settings [episodes, scales, steps + 1], and set sizes."""
        parts = self._data(X, y)
        cv, judged = [], []
        for first in range(0, len(drawn.support), TOGETHER):
            some = drawn.some(slice(first, first + TOGETHER))
            support = (*(part[some.support] for part in parts[:3]), some.support_weight)
            query = (*(part[some.query] for part in parts[:3]), some.query_weight)
            cv.append(self._cross_validated(support))
            losses = self._losses(query, self._heads(support, np.array(SCALES), self.most_steps))
            total = (losses * some.query_weight[:, None, None]).sum(axis=-1)
            judged.append(total / some.query_weight.sum(axis=1)[:, None, None])
        return np.concatenate(cv), np.concatenate(judged), drawn.support_weight.sum(axis=1)


def _learned(
    cv: NDArray[np.float64], query: NDArray[np.float64], rows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return the mean query losses, and their weight with which the choice has the smallest loss on the query rows."""
    prior = query.mean(axis=0)
    chosen = []
    for trust in TRUST:
        total = (rows[:, None, None] * cv + trust * prior).reshape(len(cv), -1)
        chosen.append(np.take_along_axis(query.reshape(len(cv), -1), total.argmin(axis=1)[:, None], 1).mean())
    best = int(np.argmin(chosen[::-1]))  # among ties the largest weight (least influence of the rows)
    return prior, TRUST[::-1][best]


def draw_episodes(
    groups: Sequence[NDArray[np.int64]], size: int, queries: int, count: int, rng: np.random.Generator
) -> Episodes:
    """Draw support sets of `size` rows and query sets of at most `queries`; each pair comes from one random group.

    Groups need at least two rows. A small group gives fewer support rows, and the rest has weight 0.
    """
    support, query = np.zeros((count, size), np.int64), np.zeros((count, queries), np.int64)
    support_weight, query_weight = np.zeros((count, size)), np.zeros((count, queries))
    for place, chosen in enumerate(rng.integers(len(groups), size=count)):
        rows = rng.permutation(groups[chosen])[: size + queries]
        cut = min(size, len(rows) - 1)
        support[place, :cut], query[place, : len(rows) - cut] = rows[:cut], rows[cut:]
        support_weight[place, :cut], query_weight[place, : len(rows) - cut] = 1.0, 1.0
    return Episodes(support, support_weight, query, query_weight)
