"""Racing over folds: a trial ends when a paired test shows that it is worse than the best complete trial.

The steps are folds or repetitions, the same in every trial: `report(fold, value)`. The test uses the folds that the
trial and the best complete trial share. The differences d = value - best trial's value enter Wilcoxon's signed-rank
test against the alternative d > 0. Pairing cancels the difficulty of each fold, so a few folds suffice: five positive
differences of five give p = 1/32.

`p_value` is the error rate of one comparison; a race over many trials errs more often.

Sources: Maron and Moore (1994), Hoeffding races; Wilcoxon (1945). Optuna's WilcoxonPruner has the same test, treatment
of zero differences ("zsplit") and defaults.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.fidelity.base import Decision, Fidelity, as_whole, check_steps
from seasoned.fidelity.reports import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.trials import Event, StudySpec

__all__ = ["Racing"]


@dataclass(frozen=True, slots=True)
class Racing(Fidelity[Record]):
    """Paired race against the best complete trial.

    Attributes:
        min: Number of folds before a trial may be stopped.
        max: Folds of a complete trial.
        p_value: One-sided p-value below which a trial is stopped; the smallest possible value for k folds is 2^-k.

    Raises:
        InvalidInput: Unless 1 <= min <= max and 0 < p_value < 1.

    Example:
        >>> from seasoned import Float, Space, Study
        >>> hard = [0.3, 0.1, 0.5, 0.2, 0.4, 0.3, 0.2, 0.6]
        >>> def cross_validate(config, trial):
        ...     losses = []
        ...     for fold in range(1, trial.budget + 1):
        ...         losses.append(hard[fold - 1] + config["x"] ** 2)
        ...         trial.report(fold, losses[-1])
        ...     return sum(losses) / len(losses)
        >>> study = Study(Space(x=Float(-1, 1)), fidelity=Racing(max=8), seed=0)
        >>> study.optimize(cross_validate, trials=30)
        >>> sum(len(trial.reports) for trial in study.trials) < 30 * 8
        True
    """

    min: int = 2
    max: int = 5
    p_value: float = 0.1

    def __post_init__(self) -> None:
        as_whole(self, "min", "max")
        check_steps(self.min, self.max)
        if not 0 < self.p_value < 1:
            raise InvalidInput(f"p_value is {self.p_value}; give a probability between 0 and 1.")

    @property
    def levels(self) -> tuple[int, ...]:
        """The last fold only, because values of different folds are not comparable."""
        return (self.max,)

    def init(self, spec: StudySpec) -> Record:  # noqa: ARG002 - the rule needs nothing of it
        """Return an empty record."""
        return Record()

    def tell(self, state: Record, events: Sequence[Event]) -> Record:
        """Fold the events in; each report is tested against the best trial completed before it."""
        return state.tell(events, self._judge)

    def _judge(self, record: Record, number: int, step: int) -> Decision:  # noqa: ARG002 - the number of folds counts
        own = record.curves[number]
        if not self.min <= len(own) < self.max or (rival := self._rival(record)) is None:
            return Decision.GO_ON
        if not all(map(math.isfinite, own.values())):
            return Decision.STOP
        best = record.curves[rival]
        common = [fold for fold in own if math.isfinite(best.get(fold, math.inf))]
        differences = np.array([own[fold] - best[fold] for fold in common])
        if len(common) < self.min or differences.mean() <= 0:
            return Decision.GO_ON
        return Decision.STOP if signed_rank(differences) < self.p_value else Decision.GO_ON

    def _rival(self, record: Record) -> int | None:
        """Best complete trial with at least `min` finite folds; results of `Study.tell` have none."""

        def is_measured(number: int) -> bool:
            return sum(map(math.isfinite, record.curves[number].values())) >= self.min

        if record.best is None or is_measured(record.best):
            return record.best
        return min(filter(is_measured, record.results), key=record.results.__getitem__, default=None)

    def decide(self, state: Record, number: int, step: int) -> Decision:  # noqa: ARG002 - `tell` has judged it
        """See `Fidelity.decide`."""
        return state.verdict(number)

    def budget(self, state: Record, number: int) -> int:  # noqa: ARG002 - no trial pauses
        """Return `max`: no trial pauses."""
        return self.max


def signed_rank(differences: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Return the one-sided p-value of Wilcoxon's signed-rank test of differences > 0, shape (n,); exact for n <= 20.

    Under the null hypothesis the sign of each rank is a fair coin. Ties get midranks r_i; the rank of a zero difference
    is split in half. The sum of positive ranks W+ then has the distribution of sum_i r_i B_i with B_i in {0, 1}. For
    n <= 20 all 2^n sums are counted by adding one rank at a time. For n > 20 the sum is approximated by a normal with
    mean sum r_i / 2 and variance sum r_i^2 / 4.

    Example:
        >>> import numpy as np
        >>> signed_rank(np.array([0.1, 0.2, 0.3, 0.4, 0.5]))
        0.03125
    """
    size = np.abs(differences)
    order = np.sort(size)
    first, last = np.searchsorted(order, size, "left"), np.searchsorted(order, size, "right")
    doubled = first + last + 1  # twice the midranks: integers
    reached = int(np.sum(2 * doubled[differences > 0]) + np.sum(doubled[differences == 0]))  # four times W+
    moving = np.where(differences == 0, 0, 2 * doubled)  # a zero has no random sign
    fixed = int(np.sum(doubled[differences == 0]))
    total = int(moving.sum())
    if len(differences) > 20:
        deviation = math.sqrt(float(np.sum(moving.astype(float) ** 2)) / 4)
        z = (reached - fixed - total / 2) / deviation if deviation else 0.0
        return 0.5 * math.erfc(z / math.sqrt(2))
    ways = np.zeros(total + 1)
    ways[0] = 1.0
    for rank in moving[moving > 0]:
        shifted = np.zeros_like(ways)
        shifted[rank:] = ways[: total + 1 - rank]
        ways = (ways + shifted) / 2
    return float(ways[reached - fixed :].sum())
