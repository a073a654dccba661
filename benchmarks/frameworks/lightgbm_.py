"""LightGBM with its default settings: numbers as they are, everything else as codes."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from pickled import load, save

__all__ = ["PACKAGES", "classes", "details", "fit", "load", "predict", "save"]

PACKAGES = ("lightgbm", "numpy", "pandas", "scikit-learn")


class Codes:
    """Ordinal codes of the training rows' values, sorted as text; unseen and missing become NaN."""

    def __init__(self, X: pd.DataFrame) -> None:
        self._levels = {
            name: pd.Index(sorted(X[name].dropna().astype(str).unique()))
            for name in X.columns
            if not pd.api.types.is_numeric_dtype(X[name])
        }

    def __call__(self, X: pd.DataFrame) -> np.ndarray:
        return np.column_stack([self._column(X[name]) for name in X.columns])

    def _column(self, column: pd.Series) -> np.ndarray:
        if column.name not in self._levels:
            return column.to_numpy(dtype=float, na_value=np.nan)
        codes = self._levels[column.name].get_indexer(column.astype(str)).astype(float)
        return np.where((codes < 0) | column.isna(), np.nan, codes)


def fit(X: Any, y: Any, job: dict[str, Any]) -> Any:
    kind = lightgbm.LGBMRegressor if job["task"] == "regression" else lightgbm.LGBMClassifier
    codes = Codes(X)
    return codes, kind(random_state=job["seed"], verbosity=-1).fit(codes(X), y)


def predict(model: Any, X: Any) -> Any:
    codes, booster = model
    return booster.predict_proba(codes(X)) if hasattr(booster, "classes_") else booster.predict(codes(X))


def classes(model: Any) -> Any:
    return model[1].classes_


def details(model: Any) -> dict[str, Any]:
    return {}
