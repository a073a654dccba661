"""Settings of the learned metric: what is not learned from one table of past tasks, but chosen over many."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.resources import files

from seasoned.errors import InvalidInput

__all__ = ["MetricSettings"]


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """How past tasks are believed.

    The defaults were chosen on recorded tables (docs/benchmarks.md, Transfer);
    `python -m seasoned.knowledge.build --tune` chooses them for a store, one family left out at a time.

    Attributes:
        rank: Most factors of the covariance.
        tasks_per_factor: At least so many past tasks for each.
        closeness: a in [0, 1): 0 takes a new task for any sum of factors, near 1 for one of the past tasks.
        temper: Power of the likelihood by which trials choose among past tasks; below 1, since no past task is quite
            the new one.
        doubt: Share of the past tasks as they were in what is expected, before the first trial.
        halved: Trials by which that share is halved.
        luck: Share of the noise's variance in what is expected. With all of it, a configuration that is merely erratic
            has something to gain; cheap ones then come first where gains are divided by seconds.
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
                f"{self} cannot be: rank, tasks_per_factor, temper and halved are above 0, closeness in [0, 1), "
                "doubt and luck in [0, 1]."
            )

    @classmethod
    def of_text(cls, text: str) -> MetricSettings:
        """From JSON, as `to_text` writes it.

        Raises:
            InvalidInput: If the text is no settings.

        Example:
            >>> MetricSettings.of_text(MetricSettings(rank=7).to_text()).rank
            7
        """
        try:
            return cls(**json.loads(text)["metric"])
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidInput(f"{text[:40]!r} are no settings ({error}); give what to_text wrote.") from error

    @classmethod
    def shipped(cls) -> MetricSettings:
        """Those that were chosen on the experience that ships, for our own pipelines."""
        return cls.of_text((files("seasoned.knowledge") / "data" / "settings.json").read_text(encoding="utf-8"))

    def to_text(self) -> str:
        """As JSON."""
        return json.dumps({"metric": asdict(self)}, indent=1) + "\n"

    def factors_of(self, tasks: int) -> int:
        """How many factors so many past tasks allow.

        Example:
            >>> MetricSettings().factors_of(40), MetricSettings().factors_of(1000)
            (20, 50)
        """
        return max(1, min(self.rank, tasks // self.tasks_per_factor))
