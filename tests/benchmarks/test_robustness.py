"""Robustness: the variants of a table, and their verdict."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import robustness  # noqa: E402
from comparison.splits import manifest, one_fold  # noqa: E402

ROWS = 200


@pytest.fixture(params=["multiclass", "regression"])
def variants(request, tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=ROWS), "b": rng.integers(3, size=ROWS), "c": ["x", "y"] * (ROWS // 2)})
    frame["y"] = rng.normal(size=ROWS) if request.param == "regression" else rng.choice(["p", "q", "r"], ROWS)
    frame.to_parquet(tmp_path / "one.parquet")
    entry = {"name": "one", "file": "one.parquet", "target": "y", "task": request.param}
    (tmp_path / "manifest.json").write_text(json.dumps({"datasets": [entry]}))
    fold = one_fold(tmp_path, manifest(tmp_path, [])[0], 0)
    return frame, fold, robustness.varied(fold, tmp_path)


def test_noise_changes_its_share_of_the_training_targets_alone(variants):
    frame, fold, found = variants
    for name, share in (("noise 10%", 0.1), ("noise 20%", 0.2)):
        changed = pd.read_parquet(found[name].file)["y"].to_numpy() != frame["y"].to_numpy()
        assert not changed[fold.test].any()
        assert share - 0.02 <= changed[fold.train].mean() <= share


def test_shifted_test_rows_have_the_largest_values(variants):
    frame, _, found = variants
    shift = found["shift"]
    assert len(shift.test) == ROWS // 5
    assert frame["a"].iloc[shift.test].min() >= frame["a"].iloc[shift.train].max()


def test_half_of_the_columns_are_missing_in_the_test_rows(variants):
    _, fold, found = variants
    table = pd.read_parquet(found["missing"].file)
    assert table.iloc[fold.test].drop(columns="y").isna().all().sum() == 2
    assert not table.iloc[fold.train].isna().any().any()
    assert len({one.table for one in found.values()}) == len(found), "results of a variant are its own"


def test_a_failed_run_loses_and_changes_are_relative_to_the_plain_loss():
    def record(score):
        return {"score": score, "error": None if score else "no", "metric": "roc_auc"}

    one = {name: {"a": record(0.8), "b": record(0.9)} for name in (robustness.PLAIN, *robustness.VARIANTS)}
    one["shift"] = {"a": record(0.7), "b": record(None)}
    summary = robustness.summarize([one], ["a", "b"])
    assert summary["shift"] == {"change": {"a": 1.5, "b": None}, "better": {"b": "1 of 1"}, "failed": {"a": 0, "b": 1}}
    assert summary["missing"]["better"] == {"b": "0 of 1"}
    assert "shift" in robustness.render(summary, ["a", "b"])
