"""Command `seasoned decide`: another rule for labels in a saved model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from command_tables import class_rows, coloured_rows
from commands import call, fit_line

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def probabilities(own_folder):
    class_rows().to_csv("t.csv", index=False)
    fit_line("t.csv")
    call("predict", "model.seasoned", "t.csv")
    return pd.read_csv("predictions.csv")["probability_yes"].to_numpy()


def labels(file):
    call("predict", file, "t.csv", "--out", "p.csv")
    return pd.read_csv("p.csv")["prediction"].to_numpy()


def test_a_threshold(probabilities):
    low = float(np.quantile(probabilities, 0.2))
    shown = call("decide", "model.seasoned", "--threshold", low, "--out", "d.seasoned").output
    assert "saved to d.seasoned" in shown
    positive = "yes" if f"yes above {low:g}" in shown else "no"
    share = probabilities if positive == "yes" else 1 - probabilities
    np.testing.assert_array_equal(labels("d.seasoned") == positive, share > low)


def test_costs_and_back(probabilities):
    shown = call("decide", "model.seasoned", "--costs", "yes:no=9,no:yes=1", "--out", "d.seasoned").output
    assert "predicts the label of the lowest expected cost" in shown
    np.testing.assert_array_equal(labels("d.seasoned") == "yes", 9 * probabilities > 1 - probabilities)
    assert "predicts the most probable label" in call("decide", "d.seasoned", "--out", "e.seasoned").output
    np.testing.assert_array_equal(labels("e.seasoned") == "yes", probabilities > 0.5)


def test_refused(probabilities):
    call("decide", "model.seasoned", "--threshold", 2, code=2)
    assert "also another file" in call("decide", "model.seasoned", "--out", "model.seasoned", code=2).stderr
    coloured_rows().to_csv("t.csv", index=False)
    fit_line("t.csv")
    assert "predicts numbers" in call("decide", "model.seasoned", code=2).stderr
