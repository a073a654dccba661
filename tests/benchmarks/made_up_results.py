"""Results as `automl.py` keeps them, made up."""

from __future__ import annotations


def made_up(scores, metric="roc_auc", run="one", **more):
    """Results from {table: {framework: score, or None for a failure}}; the dummy scores 0.5 if nothing is said."""
    return [
        {
            "table": table,
            "fold": 0,
            "sha256": table,
            "split": 0,
            "cores": 2,
            "metric": metric,
            "framework": name,
            "score": score,
            "error": None if score is not None else "MemoryError",
            "fit_seconds": 65.1 if name == "flaml" else 50.0,
            "budget": 60.0,
            "others_cores": 0.9 if name == "flaml" else 0.0,
            "run": run if name != "flaml" else "another",
            **more,
        }
        for table, row in scores.items()
        for name, score in {"dummy": 0.5, **row}.items()
    ]
