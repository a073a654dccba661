"""Number columns: filled gaps, and the origin of numbers far from 0."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from in_process import estimator, stay_in_process
from seasoned import load
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.preprocessing.number import NumberColumn
from seasoned.tabular.schema.schema import Schema


def plan_of(frame):
    schema = Schema.infer(frame)
    return ColumnPlan.fit(schema.apply(frame), schema, seed=0)


def test_a_gap_in_a_column_without_gaps_is_its_median():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"height": rng.uniform(150, 200, 300), "holed": rng.normal(size=300)})
    frame.loc[::7, "holed"] = np.nan
    plan = plan_of(frame)
    new = pd.DataFrame({"height": [np.nan, 180.0], "holed": [np.nan, 1.0]})
    for found in (plan.transform(new, "codes"), plan.matrices(new, ["codes"])["codes"]):
        assert found[0, 0] == pytest.approx(frame["height"].median())
        assert np.isnan(found[0, 1]), "whoever has seen gaps knows what they mean"
        assert found[1].tolist() == [180.0, 1.0]
    np.testing.assert_array_equal(plan.transform(frame, "codes")[:, 0], frame["height"])


def test_times_within_one_hour_stay_distinct_in_single_precision(tmp_path, monkeypatch):
    stay_in_process(monkeypatch)
    rng = np.random.default_rng(0)
    past = rng.integers(0, 3_600_000, 400)
    frame = pd.DataFrame({"at": 1_764_600_000_000 + past, "noise": rng.normal(size=400)})
    y = np.sin(past / 3_600_000 * 60.0)  # more waves than float32 has moments
    assert len(np.unique(frame["at"].astype(np.float32))) < 40
    assert len(np.unique(plan_of(frame).transform(frame, "codes")[:, 0].astype(np.float32))) == len(np.unique(past))
    model = estimator("regression", ["tree"]).fit(frame, y)
    model.save(tmp_path / "m.seasoned")
    np.testing.assert_array_equal(load(tmp_path / "m.seasoned").predict(frame), model.predict(frame))


def test_only_numbers_far_from_0_have_another_origin():
    for values, origin in (
        ([1.0, 2.0], 0.0),
        ([1e6, 1e6 + 1.0], 1e6),
        ([-1e6, -1e6 - 1.0], -1e6 - 1.0),
        ([5e12, 5e12], 0.0),
        ([np.nan, np.nan], 0.0),
        ([-1e308, 1e308], 0.0),
    ):
        column = NumberColumn.fit("a", pd.Series(values))
        assert column.origin == origin
        assert column.to_json().get("origin", 0.0) == origin


@pytest.mark.parametrize("origin", ["1", None, float("nan"), float("inf"), True, [0.0]])
def test_a_stored_origin_that_is_no_finite_number_is_refused(origin):
    state = plan_of(pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]})).to_json()
    state["encoders"][0]["origin"] = origin
    with pytest.raises(ValueError, match="is not a finite number"):
        ColumnPlan.from_json(state, {})
