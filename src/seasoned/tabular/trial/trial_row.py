"""Trial of a search as a plain record, for the leaderboard, the ensemble, the experience store and the bundle."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from seasoned.trials import thawed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seasoned.trials import Trial

__all__ = ["TrialRow"]


@dataclass(frozen=True, slots=True)
class TrialRow:
    """Trial of a search.

    Attributes:
        number: Number in the study.
        model: Model family.
        config: Settings of the family.
        state: "complete", "failed", "pruned", or "cut off" at the end of the time.
        loss: Validation loss, if complete.
        seconds: Duration, if known.
        error: Reason of a failure or of pruning.
        elapsed: Seconds from the start of the fit to the end of the trial, if known.
        rounds: Mean number of boosting rounds over the folds; None for a family without rounds.
        predict_ms: Prediction time in milliseconds per row, if complete.
        losses: Loss of each fold; None where the metric is undefined.
    """

    number: int
    model: str
    config: dict[str, Any]
    state: str = "complete"
    loss: float | None = None
    seconds: float | None = None
    error: str | None = None
    elapsed: float | None = None
    rounds: int | None = None
    predict_ms: float | None = None
    losses: tuple[float | None, ...] = field(default=())

    @classmethod
    def of(cls, trial: Trial, elapsed: float | None = None) -> TrialRow:
        """Return the row of a trial of the search."""
        ((model, settings),) = thawed(trial.config["model"]).items()
        state = "cut off" if trial.state == "running" else str(trial.state)
        loss = None if trial.value is None else float(trial.value)
        return cls(trial.number, model, settings, state, loss, trial.seconds, trial.error, elapsed)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> TrialRow:
        """Return the row that `to_json` wrote; unknown facts are ignored.

        Raises:
            KeyError: If a fact that every trial has is missing.
        """
        return cls(
            number=content["number"],
            model=content["model"],
            config=content["config"],
            state=content["state"],
            loss=content["loss"],
            seconds=content["seconds"],
            error=content["error"],
            elapsed=content.get("elapsed"),
            rounds=content.get("rounds"),
            predict_ms=content.get("predict_ms"),
            losses=tuple(content.get("losses") or ()),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the row as plain data."""
        return {**asdict(self), "losses": list(self.losses)}

    @property
    def is_complete(self) -> bool:
        """True if the trial has a loss."""
        return self.state == "complete"

    @property
    def configuration(self) -> dict[str, Any]:
        """Configuration in the joint space of the families."""
        return {"model": {self.model: self.config}}

    @property
    def final_loss(self) -> float:
        """Loss of a complete trial."""
        assert self.loss is not None, "only complete trials have a loss"
        return self.loss

    @property
    def rank(self) -> tuple[float, int]:
        """Sort key of complete trials: the loss, then the number."""
        return self.final_loss, self.number
