"""Worker of `system.py`: fits and predicts under an interpreter with seasoned, one request a line.

python worker.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from seasoned import AutoClassifier, AutoRegressor


def fit(folder: Path, request: dict[str, Any]) -> Any:
    """Fit to the table in the folder; store the labels of the classes."""
    X, y = pd.read_parquet(folder / "X.parquet"), pd.read_parquet(folder / "y.parquet").iloc[:, 0]
    kind, names = (AutoClassifier if request["classes"] else AutoRegressor), request["groups"]
    groups = X[names].astype(str).agg("\x1f".join, axis=1) if names else None
    model = kind(**request["options"]).fit(X, y, groups=groups)
    if request["classes"]:
        pd.DataFrame({"label": model.classes_}).to_parquet(folder / "classes.parquet")
    return model


def predict(folder: Path, model: Any, method: str) -> None:
    """Store the predictions for the table in the folder, a column for each class."""
    found = pd.DataFrame(getattr(model, method)(pd.read_parquet(folder / "X.parquet")))
    found.rename(columns=str).to_parquet(folder / "predicted.parquet")


def main() -> None:
    folder, model, answers = Path(sys.argv[1]), None, sys.stdout
    sys.stdout = sys.stderr  # a line of any library would be taken for an answer
    for line in sys.stdin:
        request, error = json.loads(line), None
        try:
            if request["do"] == "fit":
                model = fit(folder, request)
            elif request["do"] != "import":  # the imports have ended
                predict(folder, model, request["do"])
        except Exception as failure:  # noqa: BLE001 - the runner records any failure of a system
            error = f"{type(failure).__name__}: {failure}"
        answers.write(json.dumps({"error": error}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
