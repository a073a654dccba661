"""Fit and predictions of seasoned for TabArena's runner, in an interpreter of its own.

TabArena needs AutoGluon, which needs pandas below 2.4; seasoned needs pandas 3. `worker.py` therefore runs under the
interpreter that the environment variable SEASONED_PYTHON names. Tables travel as Parquet files.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from tabarena.benchmark.exec_models import ExternalSystemModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogluon.core.metrics import Scorer
    from tabarena.benchmark.task.metadata import ValidationMetadata

WORKER = Path(__file__).with_name("worker.py")
METRICS = {"root_mean_squared_error": "rmse", "mean_absolute_error": "mae"}
"""TabArena's names of metrics that have another name in seasoned."""
DEFAULT_SECONDS = 3600.0  # time limit without a limit of the runner


class SeasonedSystemModel(ExternalSystemModel):
    """AutoClassifier or AutoRegressor with its defaults, under the runner's limits.

    Args:
        experience: Past tasks that guide the search; see `AutoClassifier`.
        kwargs: Arguments of the base class.
    """

    def __init__(self, *, experience: str | None = "shipped", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.experience = experience
        self._folder: Path | None = None
        self._worker: subprocess.Popen[str] | None = None

    def _fit_system(
        self,
        X: pd.DataFrame,
        y: pd.Series,
        *,
        target_name: str,
        problem_type: str,
        eval_metric: Scorer,
        validation_metadata: ValidationMetadata,
        num_cpus: int | None,
        num_gpus: int | None,
        memory_limit: float | None,
        time_limit: float | None,
        random_state: int | None,
    ) -> SeasonedSystemModel:
        self._start()
        groups = validation_metadata.group_on
        options = {
            "metric": METRICS.get(eval_metric.name, eval_metric.name),
            "time_limit": DEFAULT_SECONDS if time_limit is None else time_limit,
            "memory_limit": None if memory_limit is None else int(memory_limit * 1e9),
            "workers": num_cpus,
            "validation": validation_metadata.time_on,
            "experience": self.experience,
            "random_state": 0 if random_state is None else random_state,
        }
        X.to_parquet(self._folder / "X.parquet")
        y.to_frame(target_name).to_parquet(self._folder / "y.parquet")
        self._ask(
            {"do": "fit", "classes": problem_type != "regression", "options": options,
             "groups": [groups] if isinstance(groups, str) else groups or []}
        )  # fmt: skip
        return self

    @property
    def warmup_fn(self) -> Callable[[], None]:
        """Start of the worker, whose imports are no part of a fit."""
        return self._start

    def _start(self) -> None:
        if self._worker is not None:
            return
        self._folder = Path(tempfile.mkdtemp(prefix="tabarena-seasoned-"))
        python = os.environ.get("SEASONED_PYTHON", sys.executable)
        self._worker = subprocess.Popen(
            [python, str(WORKER), str(self._folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._ask({"do": "import"})

    def _predict(self, X: pd.DataFrame) -> pd.Series:
        return self._predicted(X, "predict").iloc[:, 0]

    def _predict_proba(self, X: pd.DataFrame) -> pd.DataFrame:
        found = self._predicted(X, "predict_proba")
        labels = pd.read_parquet(self._folder / "classes.parquet")["label"]
        return found.set_axis(list(labels), axis=1)

    def cleanup(self) -> None:
        """End the worker and delete its files."""
        if self._worker is not None:
            self._worker.communicate()
        if self._folder is not None:
            shutil.rmtree(self._folder)
        self._worker = self._folder = None

    def _predicted(self, X: pd.DataFrame, method: str) -> pd.DataFrame:
        X.to_parquet(self._folder / "X.parquet")
        self._ask({"do": method})
        return pd.read_parquet(self._folder / "predicted.parquet").set_axis(X.index, axis=0)

    def _ask(self, request: dict[str, Any]) -> None:
        """Send a request to the worker and wait for its end.

        Raises:
            RuntimeError: If the worker fails; the message is its own.
        """
        assert self._worker is not None, "fit comes first"
        self._worker.stdin.write(json.dumps(request) + "\n")
        self._worker.stdin.flush()
        answer = self._worker.stdout.readline()
        error = json.loads(answer)["error"] if answer else f"the worker ended with code {self._worker.wait()}"
        if error:
            raise RuntimeError(error)
