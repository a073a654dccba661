"""Fits of one table whose columns have roles, by `seasoned fit` in this process."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from seasoned import load
from seasoned.cli import app

__all__ = ["ROWS", "call", "columns", "fit", "table"]

ROWS = 120


@pytest.fixture(autouse=True)
def table(here):
    """Rows whose slope depends on their weight, in the file train.csv of the test's folder."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=ROWS),
            "z": rng.normal(size=ROWS),
            "day": pd.date_range("2024-01-01", periods=ROWS).astype(str),
            "customer": [f"c{place // 6}" for place in range(ROWS)],
            "weight": np.where(np.arange(ROWS) % 4 == 3, 100.0, 1.0),
        }
    )
    frame["target"] = np.where(frame["weight"] == 100, -1, 1) * 3.0 * frame["x"] + 0.1 * rng.normal(size=ROWS)
    frame.to_csv("train.csv", index=False)
    return frame


def call(*words, code=0):
    """Run `seasoned fit` of one linear model on train.csv; return its result."""
    quick = ("--target", "target", "--models", "linear", "--trials", 1, "--seed", 0)
    result = CliRunner().invoke(app, [str(word) for word in ("fit", "train.csv", *quick, *words)])
    assert result.exit_code == code, result.output
    return result


def fit(*words, code=0):
    """Run `call`; return the fitted model, or the standard error of a refused command."""
    result = call(*words, code=code)
    return result.stderr if code else load("model.seasoned").fitted_


def columns(fitted):
    """Return the names of the columns of a fitted model."""
    return [column.name for column in fitted.plan.schema.columns]
