"""One fit in a process of its own, in the framework's environment: reads a job, writes predictions and figures.

    python worker.py JOB_FOLDER

The folder holds `job.json` and `split.npz` (row numbers). A framework's module has `PACKAGES`, `fit(X, y, job)`,
`predict(model, X)` (numbers or probabilities), `classes(model)`, `save(model, folder)`, `load(folder, job)`,
`details(model)` and, if it can, `keep_in_memory(model)` and `variants(model)`: models by name, which predict as
`model.predict(X)` does and are scored beside it. The metric is computed elsewhere, for all by the same code.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
import traceback
from pathlib import Path
from typing import Any

ROWS, REPEATS = 1000, 3


def run(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    start = time.perf_counter()
    module = importlib.import_module(job["module"])
    found["import_seconds"] = time.perf_counter() - start
    found["versions"] = versions(module)
    X, y, X_test = rows(folder, job)
    (folder / "started").touch()  # from here on what goes wrong is the framework's failure, before it ours
    start = time.perf_counter()
    model = module.fit(X, y, job)
    found["fit_seconds"] = time.perf_counter() - start
    (folder / "result.json").write_text(json.dumps(found))  # stays, should the rest fail
    found["details"] = module.details(model)
    saved = folder / "saved"
    saved.mkdir()
    module.save(model, saved)
    found["disk_bytes"] = sum(file.stat().st_size for file in saved.rglob("*") if file.is_file())
    predict_variants(folder, module, model, X_test)
    del model
    return {**found, **prediction(folder, job, module, X_test)}


def versions(module: Any) -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in module.PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def rows(folder: Path, job: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Training features and target, and test features."""
    import numpy as np
    import pandas as pd

    table = pd.read_parquet(job["file"])
    split = np.load(folder / "split.npz")
    if (time_column := job.get("structure", {}).get("time")) is not None:  # as a user would read it who tells of it
        table[time_column] = pd.to_datetime(table[time_column], format="mixed")
    X, y = table.drop(columns=job["target"]), table[job["target"]]
    train, test = split["train"], split["test"]
    return (
        X.iloc[train].reset_index(drop=True),
        y.iloc[train].reset_index(drop=True),
        X.iloc[test].reset_index(drop=True),
    )


def predict_variants(folder: Path, module: Any, model: Any, X_test: Any) -> None:
    import numpy as np

    for name, variant in module.variants(model).items() if hasattr(module, "variants") else ():
        np.save(folder / f"variant-{name}.npy", variant.predict(X_test))


def prediction(folder: Path, job: dict[str, Any], module: Any, X_test: Any) -> dict[str, Any]:
    """Predict with the saved model, as its user would; time the test rows, and batches of 1,000 rows."""
    import numpy as np

    start = time.perf_counter()
    model = module.load(folder / "saved", job)
    found: dict[str, Any] = {"load_seconds": time.perf_counter() - start}
    start = time.perf_counter()
    predicted = np.asarray(module.predict(model, X_test))
    found["predict_seconds"] = time.perf_counter() - start
    found["test_rows"] = len(X_test)
    np.save(folder / "predicted.npy", predicted)
    found["labels"] = None if job["task"] == "regression" else [str(label) for label in module.classes(model)]
    batch = X_test.iloc[np.arange(ROWS) % len(X_test)].reset_index(drop=True)
    found["predict_seconds_per_1000"] = seconds(module, model, batch)
    if hasattr(module, "keep_in_memory"):
        module.keep_in_memory(model)
        found["predict_seconds_per_1000_in_memory"] = seconds(module, model, batch)
    return found


def seconds(module: Any, model: Any, batch: Any) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        module.predict(model, batch)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text())
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, job["cores"])
    result = folder / "result.json"
    try:
        found = run(folder, job)
    except Exception as error:  # noqa: BLE001  # whatever a framework raises is its result
        traceback.print_exc()
        so_far = json.loads(result.read_text()) if result.exists() else {}
        found = {**so_far, "error": f"{type(error).__name__}: {error}"}
    result.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
