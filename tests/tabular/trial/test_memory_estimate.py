"""Memory is foreseen before a trial begins: high rather than low, with the setting that would make it fit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import seasoned.tabular.trial.cross_validation
from in_process import estimator, stay_in_process
from seasoned.tabular.models.linear.additive import MOST_CELLS, MOST_COLUMNS
from seasoned.tabular.models.registry import MODELS
from seasoned.tabular.trial.memory_estimate import (
    SIZE_PARAMETERS,
    DataShape,
    NotEnoughMemory,
    check_memory,
    estimate_bytes,
    reduce_to_fit,
)

EXTENTS = st.builds(
    DataShape,
    rows=st.integers(1, 10**7),
    valid=st.integers(0, 10**6),
    columns=st.integers(1, 5_000),
    classes=st.sampled_from([0, 2, 3, 100]),
    levels=st.integers(0, 3),
)
LARGE = DataShape(800_000, 200_000, 50, 2)


@example(at=DataShape(81_616, 0, 14, 100), name="splines")  # 6 kB less with twice the columns: of fewer rows
@given(at=EXTENTS, name=st.sampled_from([*MODELS, "somebody's own"]))
def test_more_rows_columns_and_classes_never_take_less(at, name):
    now = estimate_bytes(name, {}, at)
    assert now >= 8 * at.rows * at.columns
    for more in (
        DataShape(2 * at.rows, at.valid, at.columns, at.classes, at.levels),
        DataShape(at.rows, at.valid, 2 * at.columns, at.classes, at.levels),
        DataShape(at.rows, at.valid, at.columns, max(2 * at.classes, 3) if at.classes else 0, at.levels),
    ):
        if name != "splines" or more.columns == at.columns or _all_rows(more):
            assert estimate_bytes(name, {}, more) >= now


def _all_rows(at):
    """Whether splines see all rows: of more cells than they hold at a time they take a part, which may be less."""
    return at.rows * max(MOST_COLUMNS + 300, at.columns) <= MOST_CELLS


@given(at=EXTENTS, name=st.sampled_from(list(SIZE_PARAMETERS)), share=st.floats(0.05, 0.99))
def test_the_setting_that_is_named_fits_and_the_next_one_does_not(at, name, share):
    task = "regression" if not at.classes else "binary" if at.classes == 2 else "multiclass"
    config, (parameter, _, last) = MODELS[name].space(task).default, SIZE_PARAMETERS[name]
    least, now = estimate_bytes(name, {**config, parameter: last}, at), estimate_bytes(name, config, at)
    assume(least < now)  # with very many rows the depth of a tree decides, whatever its leaves
    allowed = least + share * (now - least)
    named, value = reduce_to_fit(name, config, at, allowed)
    assert named == parameter
    assert value != config[parameter]
    assert estimate_bytes(name, {**config, parameter: value}, at) <= allowed
    nearer = value + (1 if value < config[parameter] else -1)
    assert estimate_bytes(name, {**config, parameter: nearer}, at) > allowed
    assert reduce_to_fit(name, config, at, least - 1) is None


def test_where_no_setting_decides_none_is_named():
    for name in MODELS.keys() - SIZE_PARAMETERS.keys():
        assert reduce_to_fit(name, MODELS[name].space("binary").default, LARGE, 2.0**50) is None


def test_what_fits_is_not_refused():
    for name, model in MODELS.items():
        limit = 2**31 if name in {"tabicl", "tabpfn"} else 2**30
        check_memory(name, model.space("binary").default, DataShape(1_000, 250, 20, 2), limit, 2**40)
        check_memory(name, {}, LARGE, None, 2**50)


def test_the_sentence_says_what_would_help():
    forest = {"min_samples_leaf": 2}
    with pytest.raises(NotEnoughMemory, match=r"forest would take about .* GB here, and 3\.8 GB of memory_limit"):
        check_memory("forest", forest, LARGE, 4 * 10**9, 10**12)
    with pytest.raises(NotEnoughMemory, match=r"with min_samples_leaf of \d+ it would fit, or raise memory_limit by"):
        check_memory("forest", forest, LARGE, 4 * 10**9, 10**12)
    with pytest.raises(NotEnoughMemory, match=r"are free on this machine for it; .*more memory\.$"):
        check_memory("linear", {}, LARGE, None, 10**8)


def test_a_raised_limit_is_enough():
    forest, at = {"min_samples_leaf": 2}, LARGE
    needed = estimate_bytes("forest", forest, at)
    check_memory("forest", forest, at, int(needed / 0.94), 10**12)
    with pytest.raises(NotEnoughMemory):
        check_memory("forest", forest, at, int(needed / 0.96), 10**12)


def test_a_trial_that_cannot_fit_fails_at_once_and_the_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    monkeypatch.setattr(seasoned.tabular.trial.cross_validation, "free_memory", lambda: 2_000_000)
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(600, 5)), columns=list("abcde"))
    model = estimator("regression", models=["linear", "forest"], trials=2).fit(X, X["a"])
    (error,) = model.failures()["error"]
    assert "forest would take about" in error
    assert "min_samples_leaf" in error
    assert model.leaderboard().iloc[0]["model"] == "linear"


def measured(*words: str) -> dict[str, float]:
    script = Path(__file__).parents[3] / "benchmarks" / "memory.py"
    found = subprocess.run(
        [sys.executable, "-W", "ignore", script, "child", *words], check=True, capture_output=True, text=True
    )
    return json.loads(found.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured through /proc")
@pytest.mark.parametrize(
    "name", ["linear", "lightgbm", "tree", "extra_trees", "histogram", "forest", "neighbours", "splines"]
)
def test_what_is_foreseen_is_what_is_taken(name):
    """Never less than nine tenths of it, never more than four times as much."""
    rounds = ["--config", json.dumps({"rounds": 20})] if name not in {"linear", "tree", "neighbours", "splines"} else []
    found = measured(name, "--rows", "60000", "--columns", "40", "--classes", "2", *rounds)
    assert 0.9 <= found["foreseen"] / found["bytes"] <= 4, found


def test_memory_estimate_includes_preconditioners_of_many_classes():
    few, many = (DataShape(4_000, 1_000, 500, classes) for classes in (2, 100))
    assert estimate_bytes("adaptive_linear", {}, many) > 2e9
    assert estimate_bytes("adaptive_linear", {}, few) < 1e9
