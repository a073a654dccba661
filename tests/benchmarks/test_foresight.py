"""The foresight benchmark on a small made-up table: what meta-features foretell, and which folds it judges."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import foresight
from kernel_quantiles import KernelQuantiles
from transferring.sources import read

TASKS, CONFIGS = 60, 25


@pytest.fixture
def folder(tmp_path):
    """Tasks of two kinds that want the opposite, which one meta-feature tells apart."""
    rng = np.random.default_rng(0)
    kind, x = np.arange(TASKS) % 2, np.arange(CONFIGS) / CONFIGS
    scores = np.where(kind[:, None] == 0, x, 1.0 - x) + 0.05 * rng.normal(size=(TASKS, CONFIGS))
    (tmp_path / "made").mkdir()
    pd.DataFrame({"config_id": np.arange(CONFIGS), "x": x}).to_parquet(tmp_path / "made/configs.parquet")
    columns = {str(task): row for task, row in enumerate(scores)}
    pd.DataFrame({"config_id": np.arange(CONFIGS), **columns}).to_parquet(tmp_path / "made/error.parquet")
    pd.DataFrame({"openmlid": np.arange(TASKS), "kind": kind + 0.0}).to_parquet(tmp_path / "made/tasks.parquet")
    return tmp_path


def test_metafeatures_foretell_whether_or_not_they_are_trusted_to_choose(folder):
    source, about = read(folder / "made"), (np.arange(TASKS) % 2 + 0.0)[:, None]
    about = about[source.tasks.astype(int)]
    fold = foresight.learned(source, np.arange(50), about[:50], np.random.default_rng(0))
    assert fold.prior is not None
    assert fold.prior.trust > 0.0
    told = foresight.foreseen(fold, source, 55, about[55])
    distrusted = foresight.foreseen(fold._replace(prior=replace(fold.prior, trust=0.0)), source, 55, about[55])
    without = foresight.foreseen(fold._replace(prior=None), source, 55, about[55])
    assert told["spearman_0"] > without["spearman_0"] + 0.2
    assert distrusted["spearman_0"] > without["spearman_0"] + 0.2
    assert min(told["spearman_informative_5"], told["spearman_drawn_5"]) > without["spearman_0"]


def test_the_neural_metric_is_judged_where_a_network_is_given(folder):
    source, about = read(folder / "made"), (np.arange(TASKS) % 2 + 0.0)[:, None]
    about = about[source.tasks.astype(int)]
    fold = foresight.learned(source, np.arange(50), about[:50], np.random.default_rng(0), KernelQuantiles())
    found = foresight.foreseen(fold, source, 55, about[55])
    assert found["spearman_incontext_0"] > 0.8
    assert found["spearman_incontext_5"] > 0.8
    assert len(found["calibration_incontext_5"]) == len(foresight.LEVELS)
    assert not any("incontext" in key for key in foresight.foreseen(fold._replace(neural=None), source, 55, about[55]))


def test_the_choosing_folds_can_be_judged_alone(folder, tmp_path):
    words = ["--metadata", str(folder), "--only", "made", "--out", str(tmp_path / "out.json")]
    foresight.main([*words, "--folds", "2"])
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["folds"] == 2
    assert found["sources"]["made"] == foresight.judged(folder, "made", 2) != foresight.judged(folder, "made")
