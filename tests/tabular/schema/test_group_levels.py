"""Columns whose values occur in one group only leave the features if groups are declared."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold

from in_process import stay_in_process
from seasoned import AutoRegressor, SearchSettings
from seasoned.tabular.schema.group_levels import without_group_levels
from seasoned.tabular.schema.schema import Schema

GROUPS = np.repeat(np.arange(40), 5)
RNG = np.random.default_rng(0)
SIZE = RNG.normal(size=len(GROUPS))
NAMES = pd.Series([f"shop {group}" for group in GROUPS], dtype="str")


def left(frame, groups=GROUPS):
    schema = Schema.infer(frame)
    found = without_group_levels(schema, schema.apply(frame), groups)
    return {column.name for column in found.columns if column.reason is not None}


@pytest.mark.parametrize(
    ("name", "values", "leaves"),
    [
        ("shop", NAMES, True),
        ("shop", NAMES.where(RNG.random(len(NAMES)) > 0.3), True),
        ("shop_id", 7 * GROUPS + 100, True),
        ("Patient", 7 * GROUPS + 100, True),
        ("member", np.tile([0, 1, 1, 0, 1], 40), False),
        ("owner", [f"owner {group // 2}" for group in GROUPS], False),
        ("day", np.tile(["mon", "tue", "wed", "thu", "fri"], 40), False),
        ("area", 7 * GROUPS + 100, False),
        ("income", np.repeat(RNG.normal(size=40), 5), False),
    ],
)
def test_only_names_of_single_groups_leave(name, values, leaves):
    assert left(pd.DataFrame({name: values, "size": SIZE})) == ({name} if leaves else set())


@pytest.mark.parametrize(("shared", "leaves"), [(4, True), (16, False)])
def test_few_values_in_several_groups_do_not_keep_a_column(shared, leaves):
    values = NAMES.copy()
    values.iloc[:shared] = "shop 39"
    assert left(pd.DataFrame({"shop": values, "size": SIZE})) == ({"shop"} if leaves else set())


def test_the_last_columns_stay():
    assert left(pd.DataFrame({"shop": NAMES})) == set()


@pytest.mark.parametrize(("validation", "used"), [(None, ["size"]), (4, ["size"]), (GroupKFold(4), ["shop", "size"])])
def test_fits_with_groups_predict_new_groups_without_their_names(monkeypatch, caplog, validation, used):
    stay_in_process(monkeypatch)
    X = pd.DataFrame({"shop": NAMES, "size": SIZE})
    with caplog.at_level(logging.INFO, logger="seasoned.tabular"):
        search = SearchSettings(models=["linear"])
        model = AutoRegressor(trials=2, search=search, experience=None, validation=validation, random_state=0)
        model.fit(X, 3 * SIZE + RNG.normal(scale=0.1, size=len(X)), groups=GROUPS)
    assert [column.name for column in model.fitted_.plan.schema.used] == used
    assert ("'shop' is left out" in caplog.text) == (used == ["size"])
    assert np.isfinite(model.predict(X[used].head(7))).all()
