"""Predictions as a table to write to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["prediction_table"]


def prediction_table(model: Any, X: Any) -> pd.DataFrame:
    """One row per row of X: `prediction`, and for classes a column `probability_<label>` each.

    Args:
        model: A fitted AutoClassifier or AutoRegressor.
        X: The table.
    """
    import pandas as pd

    if not hasattr(model, "predict_proba"):
        return pd.DataFrame({"prediction": model.predict(X)})
    probabilities = model.predict_proba(X)
    named = {f"probability_{label}": probabilities[:, index] for index, label in enumerate(model.classes_)}
    return pd.DataFrame({"prediction": model.classes_[probabilities.argmax(axis=1)], **named})
