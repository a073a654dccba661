"""Callback that logs the trials of a study to MLflow (extra `mlflow`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seasoned._util.optional_packages import require
from seasoned.integrations.trial_metrics import metrics_of
from seasoned.trials import TrialState
from seasoned.trials.dataframe import flat

if TYPE_CHECKING:
    from seasoned.study import Study
    from seasoned.trials import Trial

__all__ = ["MLflowCallback"]

_STATUS = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED", TrialState.FAILED: "FAILED"}


@dataclass(frozen=True, slots=True)
class MLflowCallback:
    """Log each finished trial as a run: `study.optimize(f, trials=50, callbacks=[MLflowCallback()])`.

    A run has the parameters of the trial by their dotted names, its notes as parameters `note.<name>`, the metrics
    `value` (`value_0`, `value_1`, ... for several objectives) and `seconds`, and the reports as steps of the metric
    `report`. Its status is FINISHED, KILLED for a pruned trial, or FAILED with the tag `error`. An error of MLflow ends
    the call of `optimize`; the trial is stored before.

    Attributes:
        tracking_uri: Address of the server or folder; None for MLflow's own setting.
        experiment: Name of the experiment, which is created if it does not exist; None for the name of the study.

    Raises:
        MissingExtra: At the first trial, if MLflow is not installed.

    Example:
        >>> MLflowCallback("http://localhost:5000", "learning rates").experiment
        'learning rates'
    """

    tracking_uri: str | None = None
    experiment: str | None = None

    def __call__(self, study: Study, trial: Trial) -> None:
        """Log one trial."""
        mlflow = require("mlflow", "MLflowCallback")
        entities = require("mlflow.entities", "MLflowCallback")
        client = mlflow.MlflowClient(self.tracking_uri)
        name = study.name if self.experiment is None else self.experiment
        found = client.get_experiment_by_name(name)
        where = client.create_experiment(name) if found is None else found.experiment_id
        run = client.create_run(where, run_name=f"trial {trial.number}", tags={"study": study.name}).info.run_id
        noted = {f"note.{name}": value for name, value in flat(trial.notes).items()}
        parameters = [entities.Param(name, str(value)) for name, value in {**flat(trial.config), **noted}.items()]
        metrics = [entities.Metric(name, value, 0, step) for name, value, step in metrics_of(trial)]
        tags = [] if trial.error is None else [entities.RunTag("error", trial.error)]
        client.log_batch(run, metrics=metrics, params=parameters, tags=tags)
        client.set_terminated(run, status=_STATUS[trial.state])
