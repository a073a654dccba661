"""Benchmark of features: tests, drawn rows, verdict and stored results, without a search."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp, wilcoxon
from sklearn.metrics import roc_auc_score

import common
import features_worth
from comparison.holdout import FOLDS
from comparison.holm import holm
from comparison.paired import gap_of_auc, gap_of_losses, p_of_rows
from comparison.resampled import corrected_t
from comparison.splits import folds, judge

# ---------------------------------------------------------------- the two tests


def test_without_test_rows_the_corrected_test_is_students():
    differences = [0.3, 0.1, 0.4, 0.2, 0.35]
    assert corrected_t(differences, 0.0) == pytest.approx(ttest_1samp(differences, 0.0).pvalue)
    assert corrected_t([-value for value in differences], 0.0) == corrected_t(differences, 0.0)


def test_the_correction_makes_the_variance_larger_by_hand():
    # mean 3, variance 2.5; t = 3 / sqrt((1/5 + 1/4) 2.5) = 2.8284, and with 4 degrees of freedom in closed form
    # p = 1 - s (1 + (1 - s^2) / 2), s = t / sqrt(4 + t^2)
    s = np.sqrt(8 / 12)
    assert corrected_t([1.0, 2.0, 3.0, 4.0, 5.0], 1 / 4) == pytest.approx(1 - s * (1 + (1 - s**2) / 2))


def test_where_there_is_nothing_to_tell_nothing_is_found():
    assert corrected_t([0.0] * 5, 1 / 4) == 1.0
    assert corrected_t([0.7], 1 / 4) == 1.0
    assert corrected_t([0.7] * 5, 1 / 4) == 0.0


def test_false_discoveries_of_correlated_splits_are_as_rare_as_said():
    rng = np.random.default_rng(0)
    shared = np.sqrt(0.2)  # correlation of two splits that the correction assumes: n_test / (n_test + n_train)
    draws = shared * rng.normal(size=(800, 1)) + np.sqrt(0.8) * rng.normal(size=(800, 5))
    found = [np.mean([corrected_t(list(row), ratio) < 0.05 for row in draws]) for ratio in (0.0, 1 / 4)]
    assert found[0] > 0.1
    assert found[1] == pytest.approx(0.05, abs=0.02)


def test_holms_correction_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.001, 0.6]) == pytest.approx([1.0, 0.003, 1.0])
    assert holm([]) == []


# ---------------------------------------------------------------- the test over rows


def test_the_gap_of_losses_is_a_paired_t_test():
    rng = np.random.default_rng(0)
    first, second = rng.random(4_000), rng.random(4_000) + 0.01
    gaps = [gap_of_losses(first[part], second[part]) for part in np.array_split(np.arange(4_000), 5)]
    assert p_of_rows(gaps) == pytest.approx(ttest_1samp(second - first, 0.0).pvalue, rel=0.1)
    assert sum(gap.rows * gap.mean for gap in gaps) / 4_000 == pytest.approx((second - first).mean())


@pytest.mark.slow
def test_the_gap_of_auc_is_that_of_scikit_learn_and_its_variance_that_of_the_bootstrap():
    rng = np.random.default_rng(1)
    truth = rng.random(400) < 0.3
    first, second = (truth + rng.normal(scale=scale, size=400).round(1) for scale in (1.0, 1.3))
    found = gap_of_auc(truth, first, second)
    assert found.mean == pytest.approx(roc_auc_score(truth, first) - roc_auc_score(truth, second))
    draws = []
    for _ in range(1_000):
        rows = np.concatenate([rng.choice(np.flatnonzero(truth == side), (truth == side).sum()) for side in (0, 1)])
        draws.append(roc_auc_score(truth[rows], first[rows]) - roc_auc_score(truth[rows], second[rows]))
    assert found.variance == pytest.approx(np.var(draws), rel=0.15)


def test_where_two_models_do_the_same_nothing_is_found():
    truth = np.array([True, False] * 20)
    same = np.random.default_rng(2).random(40)
    assert p_of_rows([gap_of_auc(truth, same, same)]) == 1.0
    assert p_of_rows([gap_of_losses(same, same)]) == 1.0


# ---------------------------------------------------------------- rows


@pytest.fixture
def folder(tmp_path):
    """A table of three classes, one of them rare, and one of numbers."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    classes = pd.Series(np.where(x > 0, "high", "low")).mask(np.arange(400) % 80 == 0, "rare")
    pd.DataFrame({"x": x, "y": classes}).to_parquet(tmp_path / "b.parquet")
    pd.DataFrame({"x": x, "y": 2 * x}).to_parquet(tmp_path / "a.parquet")
    entries = [
        {"name": "b", "file": "b.parquet", "target": "y", "task": "multiclass", "metric": "log_loss"},
        {"name": "a", "file": "a.parquet", "target": "y", "task": "regression", "metric": "rmse"},
    ]
    (tmp_path / "manifest.json").write_text(json.dumps({"datasets": entries}))
    return tmp_path


def parts(folder, name, most):
    (entry,) = features_worth.manifest(folder, [name])
    return folds(folder, entry, list(range(FOLDS)), most)


def test_folds_of_a_draw_are_of_its_rows_and_of_classes_with_enough_of_them(folder):
    numbers = parts(folder, "a", 100)
    assert sum(len(fold.test) for fold in numbers) == 100
    assert all(len(np.intersect1d(fold.train, fold.test)) == 0 for fold in numbers)
    for fold in parts(folder, "b", 10_000):
        assert len(fold.train) + len(fold.test) == 395
        assert "rare" not in set(fold.y.iloc[fold.test]) | set(fold.y.iloc[fold.train])
    assert (parts(folder, "a", 400)[1].test == parts(folder, "a", None)[1].test).all()


def test_the_dummy_is_judged_on_the_same_rows(folder):
    number, label = parts(folder, "a", 100)[0], parts(folder, "b", 300)[0]
    y = number.y.to_numpy()
    expected = np.sqrt(np.mean((y[number.test] - y[number.train].mean()) ** 2))
    assert features_worth.dummy(number) == pytest.approx(expected)
    assert features_worth.dummy(label) == pytest.approx(np.log(2), abs=0.02)


# ---------------------------------------------------------------- one search


class Knows:
    """In the place of an estimator: has learned that y is 2 x, or which class is which side of 0."""

    def __init__(self, metric, **settings):
        self.settings, self.classes_ = settings, np.array(["high", "low"])

    def fit(self, X, y):
        assert len(X) == len(y)
        shares = [({"features": {"made": {}}}, 0.75), ({"features": {"none": {}}}, 0.2), ({}, 0.05)]
        members = [SimpleNamespace(config=config, weight=weight) for config, weight in shares]
        trials = [SimpleNamespace(state="complete")] * 3 + [SimpleNamespace(state="cut off")]
        self.fitted_ = SimpleNamespace(members=members, trials=trials, seconds=1.234)

    def predict(self, X):
        return 2 * X["x"].to_numpy()

    def predict_proba(self, X):
        high = (X["x"] > 0).to_numpy(dtype=float)
        return np.column_stack([high, 1 - high])


@pytest.mark.parametrize("table", ["a", "b"])
def test_a_search_is_scored_on_the_rows_that_it_did_not_see(folder, monkeypatch, table):
    monkeypatch.setattr(features_worth, "AutoClassifier", Knows)
    monkeypatch.setattr(features_worth, "AutoRegressor", Knows)
    monkeypatch.setattr(features_worth.os, "sched_setaffinity", lambda *_: None, raising=False)
    task = {"datasets": str(folder), "table": table, "fold": 2, "most": 300, "arm": "made", "cores": [0]}
    task |= {"models": ["linear"], "features": "all", "trials": 4, "inner": 3, "time_limit": 60}
    found = features_worth.run(task)
    assert found["score"] == pytest.approx(0.0, abs=1e-6)
    by_row = found.pop("by_row")
    assert by_row == pytest.approx([0.0] * len(parts(folder, table, 300)[2].test), abs=1e-6)
    assert found | {"score": 0} == {"score": 0, "seconds": 1.2, "done": 3, "with_features": 0.75}


# ---------------------------------------------------------------- what is kept, and the verdict


@pytest.fixture
def measure(folder, monkeypatch):
    """Run the command line with searches that answer at once; the tasks that were run."""
    ran = []

    def searched(task):
        ran.append((task["table"], task["fold"], task["arm"]))
        if task["table"] == "b" and task["fold"] == 0 and len(ran) < 21:
            return {"error": "MemoryError: no more"}
        score = {"none": 0.5, "made": 0.4 - 0.01 * task["fold"]}[task["arm"]]
        return {"score": score, "seconds": 1.0, "done": task["trials"], "with_features": 0.5}

    monkeypatch.setattr(features_worth, "searched", searched)
    monkeypatch.setattr(features_worth, "source_state", lambda: "state")
    monkeypatch.setattr(common, "environment", lambda: {"versions": {}})
    monkeypatch.setattr(common, "HERE", folder)
    words = ["--datasets", str(folder), "--out", str(folder / "out.jsonl"), "--models", "linear"]
    return lambda *more: features_worth.main([*words, *more]), ran


def test_what_was_measured_is_kept_and_failures_are_measured_again(measure, capsys):
    main, ran = measure
    found = main()
    assert len(ran) == 2 * 2 * FOLDS
    assert sorted(ran[:2]) == [("b", 0, "made"), ("b", 0, "none")]
    assert found["tables"] == found["positive"] == 2
    assert found["failed"] == ["b, fold 0, none: MemoryError: no more", "b, fold 0, made: MemoryError: no more"]
    assert "Failures (each scores what the dummy scores):" in capsys.readouterr().out
    again = main()
    assert len(ran) == 2 * 2 * FOLDS + 2
    assert again["failed"] == []
    assert again["better"] == ["b", "a"]
    main("--trials", "9", "--only", "a", "--folds", "0")
    assert len(ran) == 2 * 2 * FOLDS + 4  # other settings are another measurement
    assert main("--only", "a")["tables"] == 1
    assert len(ran) == 2 * 2 * FOLDS + 4


def line(table, fold, none, made, **more):
    found = {"table": table, "fold": fold, "metric": "roc_auc", "dummy": 0.5, "trials": 8, "with_features": 0.5}
    found |= {"scores": {"none": none, "made": made}, "errors": {}, "done": {"none": 8, "made": 8}}
    return found | more


def test_the_verdict_is_over_tables_and_by_table(capsys):
    rng = np.random.default_rng(0)
    gains = {f"t{place}": rng.normal(0.0, 0.02, FOLDS) for place in range(6)}
    gains |= {"up": 0.1 + rng.normal(0, 0.002, FOLDS), "down": -0.1 + rng.normal(0, 0.002, FOLDS)}
    lines = [line(name, fold, 0.7, 0.7 + gain) for name, found in gains.items() for fold, gain in enumerate(found)]
    found = features_worth.verdict([*lines, line("half", 0, 0.5, 0.9)], list(range(FOLDS)))
    assert (found["tables"], found["better"], found["worse"], found["left_out"]) == (8, ["up"], ["down"], ["half"])
    means = [2 * found.mean() for found in gains.values()]  # the dummy is at 0.5
    assert found["wilcoxon_p"] == pytest.approx(wilcoxon(means, zero_method="zsplit").pvalue)
    assert found["mean_difference"] == pytest.approx(np.mean(means))
    alone = [corrected_t(list(2 * found), 1 / 4) for found in gains.values()]
    assert [row["holm_p"] for row in found["rows"]] == pytest.approx(holm(alone))
    assert "better on 1 (up), worse on 1 (down)" in features_worth.render(found)
    assert "half" in features_worth.render(found)


def test_the_development_tables_and_the_others_are_judged_apart():
    lines = [line(name, fold, 0.7, 0.71 + 0.01 * fold) for name in ("a", "b", "c") for fold in range(FOLDS)]
    found = features_worth.parts(lines, list(range(FOLDS)), {"a", "b"})
    assert {title: part["tables"] for title, part in found.items()} == {"the development tables": 2, "the others": 1}
    assert features_worth.parts(lines, list(range(FOLDS)), {"a", "b", "c"}) == {}


def test_rows_tell_where_five_folds_cannot():
    """Half of the folds say little, but each of 600 rows of each says the same."""
    lines = [
        line("a", fold, 0.7, 0.7 + gain, gap=[0.01, 1e-6, 600]) for fold, gain in enumerate([0.01, -0.001, 0.02, 0, 0])
    ]
    found = features_worth.verdict(lines, list(range(FOLDS)))
    assert (found["better"], found["better_on_these_rows"], found["worse_on_these_rows"]) == ([], ["a"], [])
    assert "By the test over rows, after Holm: better on 1 (a), worse on 0 (none)" in features_worth.render(found)


def test_a_failure_scores_what_the_dummy_scores_and_a_limit_that_came_is_told():
    failed = line("a", 0, 0.8, None, errors={"made": "MemoryError"}, done={"none": 5, "made": None})
    assert features_worth.difference(failed) == pytest.approx(-0.6)
    assert features_worth.difference(failed | {"metric": "rmse", "dummy": 2.0}) == pytest.approx(-0.6)
    found = features_worth.verdict([failed], [0])
    assert found["cut"] == ["a, fold 0, none"]
    assert "time decided: a, fold 0, none" in features_worth.render(found)
    assert features_worth.render(features_worth.verdict([], [0])) == "no table has all its folds yet"


def test_the_arms_have_cores_of_their_own_where_there_are_two(monkeypatch, folder):
    told = []
    monkeypatch.setattr(features_worth, "searched", lambda task: told.append((task["arm"], task["cores"])) or {})
    monkeypatch.setattr(common, "HERE", folder)
    for allowed, cores in (({3, 5, 7}, [[3], [5]]), ({4}, [[4], [4]])):
        monkeypatch.setattr(features_worth.os, "sched_getaffinity", lambda _, here=allowed: here, raising=False)
        features_worth.pair(parts(folder, "a", 100)[0], {})
        assert sorted(told) == sorted(zip(features_worth.ARMS, cores, strict=True))
        told.clear()


def test_what_predicts_is_judged_by_the_tables_metric(folder):
    fold = parts(folder, "a", 100)[0]
    assert judge(fold, fold.y.iloc[fold.test].to_numpy(), None) == 0.0
