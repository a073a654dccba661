"""Columns of `seasoned fit`: feature steps, categorical numbers and identifiers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from declared_fits import ROWS, call, fit, table
from seasoned.tabular.features.pipeline import NEEDS, SELECTIONS, STEPS

__all__ = ["table"]


def test_features_option_limits_the_feature_steps():
    names = {name for name in (*STEPS, *SELECTIONS) if NEEDS.get(name) != "text"}

    def asked(fitted):
        (trial,) = [trial for trial in fitted.trials if "made" in trial.config["features"]]
        return set(trial.config["features"]["made"]) - {"columns"}

    assert asked(fit("--features", "all", "--trials", 2)) == names
    assert asked(fit("--features", "arithmetic, redundant", "--trials", 2)) == {"arithmetic", "redundant"}
    assert "there is no feature step 'oracle'" in fit("--features", "oracle", code=2)


def test_categorical_option_makes_categories_of_numbers(table):
    rng = np.random.default_rng(1)
    zips = rng.integers(10_000, 10_040, ROWS)
    table.assign(zip=zips, target=np.sin(7.0 * zips)).to_csv("train.csv", index=False)
    assert {column.name: column.kind for column in fit().plan.schema.columns}["zip"] == "numeric"
    found = fit("--categorical", "zip, customer", "--holdout", 0.2)
    assert {column.name: column.kind for column in found.plan.schema.columns}["zip"] == "category"
    rows = pd.read_csv("train.csv")
    np.testing.assert_array_equal(found.predict(rows), found.predict(rows.astype({"zip": str})))


def test_identifier_columns_are_named_in_the_output(table):
    table.assign(row_id=np.random.default_rng(0).permutation(ROWS)).to_csv("train.csv", index=False)
    assert "left out    row_id. It is named as an identifier" in call().output
