"""Files of this package that one small fit enters, and the distinct steps from file to file, counted by a trace.

    python benchmarks/trace_fit.py --json

The fit: 400 rows, 10 columns, two classes, four families, `trials=6`, saved to a file; everything runs in this process,
so that the trace sees the work of the workers too. `study_files` counts the files of one more trial of a SQLite study.
A step is a call from a function in one file to a function in another one; the execution of modules at import counts
neither as a file nor as a step.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

FAMILIES = ["linear", "lightgbm", "histogram", "forest"]


class Trace:
    """Files entered, and steps between files, below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder) + os.sep
        self.files: set[str] = set()
        self.steps: set[tuple[str, str]] = set()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """Note a call of one of our functions, and the file of ours that it comes from."""
        name = frame.f_code.co_filename
        if event != "call" or not name.startswith(self.folder) or frame.f_code.co_name == "<module>":
            return
        own = name[len(self.folder) :]
        self.files.add(own)
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(self.folder):
            caller = caller.f_back
        if caller is not None and caller.f_code.co_name != "<module>":
            other = caller.f_code.co_filename[len(self.folder) :]
            if other != own:
                self.steps.add((other, own))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Trace all threads meanwhile."""
        threading.setprofile(self)
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)


@contextmanager
def in_this_process() -> Iterator[None]:
    """Executors run their tasks in this process meanwhile."""
    from seasoned.execution.workers.inline import InlineExecutor

    class Here(InlineExecutor):
        def __init__(self, *_: object) -> None:
            super().__init__()

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

    with (
        patch("seasoned.tabular.budget.worker_pool.LocalExecutor", Here),
        patch("seasoned.study.arguments.LocalExecutor", Here),
    ):
        yield


def traced_fit(folder: Path) -> Trace:
    """The trace of a fit and of saving its model."""
    import numpy as np
    import pandas as pd

    import seasoned
    from seasoned import AutoClassifier, SearchSettings

    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 10)), columns=[f"x{place}" for place in range(10)])
    y = np.where(X["x0"] + X["x1"] ** 2 > rng.normal(size=400), "yes", "no")
    search = SearchSettings(models=FAMILIES, features=[])
    model = AutoClassifier(trials=6, time_limit=None, workers=1, random_state=0, experience=None, search=search)
    trace = Trace(Path(seasoned.__file__).parent)
    with in_this_process(), trace.running():
        model.fit(X, y)
        model.save(folder / "model.seasoned")
    return trace


def traced_trial(folder: Path) -> Trace:
    """The trace of one more trial of a stored study."""
    import seasoned
    from seasoned import Float, Space, Study

    study = Study(Space(x=Float(0, 1)), storage=folder / "study.db", name="study", seed=0)
    study.optimize(lambda config: config["x"], trials=20)
    trace = Trace(Path(seasoned.__file__).parent)
    with trace.running():
        study.optimize(lambda config: config["x"], trials=21)
    study.close()
    return trace


def main(words: list[str] | None = None) -> dict[str, int]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the counts alone, as JSON")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as name, patch.dict(os.environ, {"SEASONED_CACHE": name}):
        warnings.simplefilter("ignore")
        fit, trial = traced_fit(Path(name)), traced_trial(Path(name))
    found = {"files": len(fit.files), "steps": len(fit.steps), "study_files": len(trial.files)}
    if given.json:
        print(json.dumps(found))
    else:
        for file in sorted(fit.files):
            print(file, *sorted(other for own, other in fit.steps if own == file), sep="\n    ")
        print(found)
    return found


if __name__ == "__main__":
    main()
