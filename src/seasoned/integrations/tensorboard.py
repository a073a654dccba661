"""Callback that logs the trials of a study to TensorBoard (extra `tensorboard`)."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seasoned._util.optional_packages import require
from seasoned.integrations.trial_metrics import metrics_of
from seasoned.trials.dataframe import flat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seasoned.study import Study
    from seasoned.trials import Trial

__all__ = ["TensorBoardCallback"]

_NEED = "TensorBoardCallback"


@dataclass(frozen=True, slots=True)
class TensorBoardCallback:
    """Log each finished trial: `study.optimize(f, trials=50, callbacks=[TensorBoardCallback("logs")])`.

    The folder of a trial, `<folder>/<study>/trial-00012`, has its parameters for the tab HPARAMS, and as scalars its
    values, seconds and reports. `tensorboard --logdir logs` shows them, also while the study runs.

    Attributes:
        folder: The log folder; created at the first trial.

    Raises:
        MissingExtra: At the first trial, if TensorBoard is not installed.

    Example:
        >>> TensorBoardCallback("logs").folder
        'logs'
    """

    folder: str | Path

    def __call__(self, study: Study, trial: Trial) -> None:
        """Log one trial."""
        writer = require("tensorboard.summary.writer.event_file_writer", _NEED)
        protocol = require("tensorboard.compat.proto.event_pb2", _NEED)
        folder = Path(self.folder) / study.name / f"trial-{trial.number:05d}"
        with closing(writer.EventFileWriter(str(folder))) as file:
            for step, summary in _summaries(study, trial):
                file.add_event(protocol.Event(wall_time=time.time(), step=step, summary=summary))


def _summaries(study: Study, trial: Trial) -> Iterator[tuple[int, Any]]:
    """Steps and summaries of a trial: its parameters, and each of its numbers."""
    hparams = require("tensorboard.plugins.hparams.summary_v2", _NEED)
    summary = require("tensorboard.compat.proto.summary_pb2", _NEED).Summary
    parameters = {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in flat(trial.config).items()
    }
    yield 0, hparams.hparams_pb(parameters, trial_id=f"{study.name}/{trial.number}")
    for name, value, step in metrics_of(trial):
        yield step, summary(value=[summary.Value(tag=name, simple_value=value)])
