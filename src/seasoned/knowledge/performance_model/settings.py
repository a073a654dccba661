"""Settings of the learned metric: what is not learned from one table of past tasks, but chosen over many."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.resources import files

from seasoned.errors import InvalidInput

__all__ = ["MetricSettings"]


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """How the learned metric uses past tasks.

    The defaults were chosen on recorded tables (docs/benchmarks.md, Transfer);
    `PYTHONPATH=tools python -m build_experience --tune` chooses them for a store, one family left out at a time.

    Attributes:
        rank: Largest number of factors of the covariance.
        tasks_per_factor: Least number of past tasks for each factor.
        closeness: a in [0, 1) (`mixture.py`): with 0 a new task may be any sum of factors, near 1 it is one of the past
            tasks.
        temper: Power of the likelihood by which trials weight the past tasks; below 1, since no past task is exactly
            the new one.
        doubt: Weight of the gain over the past tasks as recorded in the expected gain (`metric_function.py`), before
            the first trial.
        halved: Number of trials after which that weight is halved.
        luck: Share of the noise's variance that counts in the expected gain. With all of it, a configuration that is
            merely erratic seems to promise a gain; cheap ones then come first where gains are divided by seconds.
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
        """From JSON, as `to_text` writes it.

        Raises:
            InvalidInput: If the text holds no settings.

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
        """The settings that were chosen on the shipped experience, for our own pipelines."""
        return cls.of_text((files("seasoned.knowledge") / "data" / "settings.json").read_text(encoding="utf-8"))

    def to_text(self) -> str:
        """As JSON."""
        return json.dumps({"metric": asdict(self)}, indent=1) + "\n"

    def factors_of(self, tasks: int) -> int:
        """The number of factors that so many past tasks allow.

        Example:
            >>> MetricSettings().factors_of(40), MetricSettings().factors_of(1000)
            (20, 50)
        """
        return max(1, min(self.rank, tasks // self.tasks_per_factor))
