"""Settings of the learned metric: hyperparameters that are tuned over many tables of past tasks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.resources import files

from seasoned.errors import InvalidInput

__all__ = ["MetricSettings"]


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """Settings of the learned metric.

    The defaults were tuned on recorded tables (docs/benchmarks.md, Transfer). The command
    `PYTHONPATH=tools python -m build_experience --tune` tunes settings for a store, by cross-validation over families.

    Attributes:
        rank: Largest number of factors of the covariance, at least 1.
        tasks_per_factor: Least number of past tasks for each factor, at least 1.
        closeness: a in [0, 1) (`task_mixture.py`). With 0, a new task may be any sum of factors; near 1, it is one of
            the past tasks.
        temper: Power of the likelihood by which trials weight the past tasks, positive. Below 1, because no past task
            is exactly the new task.
        doubt: Weight d of the recorded gain before the first trial (`model.py`), in [0, 1].
        halved: Number of trials after which d is halved, positive.
        luck: Share of the noise variance in the expected gain, in [0, 1]. With 1, an erratic configuration seems to
            promise a gain. If gains are divided by seconds, cheap erratic configurations then come first.

    Raises:
        InvalidInput: If a value is out of range.
    """

    rank: int = 50
    tasks_per_factor: int = 2
    closeness: float = 0.5
    temper: float = 0.35
    doubt: float = 1.0
    halved: float = 4.0
    luck: float = 1.0

    def __post_init__(self) -> None:
        whole = self.rank >= 1 and self.tasks_per_factor >= 1
        shares = 0.0 <= self.closeness < 1.0 and 0.0 <= self.doubt <= 1.0 and 0.0 <= self.luck <= 1.0
        if not (whole and shares and self.temper > 0.0 and self.halved > 0.0):
            raise InvalidInput(
                f"{self} is invalid: rank and tasks_per_factor must be at least 1, temper and halved above 0, "
                "closeness in [0, 1), doubt and luck in [0, 1]."
            )

    @classmethod
    def of_text(cls, text: str) -> MetricSettings:
        """Read settings from the JSON of `to_text`.

        Raises:
            InvalidInput: If the text does not describe valid settings.

        Example:
            >>> MetricSettings.of_text(MetricSettings(rank=7).to_text()).rank
            7
        """
        try:
            return cls(**json.loads(text)["metric"])
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidInput(f"{text[:40]!r} holds no valid settings ({error}); give what to_text wrote.") from error

    @classmethod
    def shipped(cls) -> MetricSettings:
        """Settings that were tuned on the shipped experience, for the pipelines of the AutoML search."""
        return cls.of_text((files("seasoned.knowledge") / "data" / "settings.json").read_text(encoding="utf-8"))

    def to_text(self) -> str:
        """Return the settings as JSON."""
        return json.dumps({"metric": asdict(self)}, indent=1) + "\n"

    def factors_of(self, tasks: int) -> int:
        """Number of factors for a number of past tasks.

        Example:
            >>> MetricSettings().factors_of(40), MetricSettings().factors_of(1000)
            (20, 50)
        """
        return max(1, min(self.rank, tasks // self.tasks_per_factor))
