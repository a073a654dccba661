"""Commands that are run in this process, with words as on a command line."""

from __future__ import annotations

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from messy import messy
from seasoned import load
from seasoned.cli import app


def call(*words, code=0, given=None):
    """Run a command; return its result. The exit code must be `code`."""
    result = CliRunner().invoke(app, [str(word) for word in words], input=given)
    assert result.exit_code == code, result.output
    return result


def fit_line(name, *words, code=0):
    """Run `seasoned fit` of one linear model to the column y of a file; return its result."""
    usual = ("--target", "y", "--models", "linear", "--trials", 1, "--ensemble", 1, "--seed", 0)
    return call("fit", name, *usual, *words, code=code)


def fit(task, *options):
    """Run `seasoned fit` of two families on a messy table in train.csv; return the features and the result."""
    X, y = messy(task, rows=160)
    X.assign(target=y).to_csv("train.csv", index=False)
    usual = ("--target", "target", "--trials", 2, "--models", "linear,tree", "--random-state", 0)
    return X, call("fit", "train.csv", *usual, *options)


def fitted(task, *words):
    """Run `seasoned fit` on a messy table with weights; return the model and the held-out rows of test.csv."""
    X, y = messy(task, rows=200)
    X = X.assign(target=y, weight=np.arange(200) % 3, code=[f"C-{number:05}" for number in range(200)])
    X[:140].to_csv("train.csv", index=False)
    X[140:].to_csv("test.csv", index=False)
    usual = ("--target", "target", "--models", "linear,tree", "--trials", 2, "--folds", 2, "--seed", 0)
    call("fit", "train.csv", *usual, "--weights", "weight", "--experience", "none", *words)
    return load("model.seasoned"), pd.read_csv("test.csv")
