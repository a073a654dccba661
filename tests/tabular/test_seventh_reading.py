"""Bugs that a seventh reading found in fits of tables: each test here failed before it was mended."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import KFold
from threadpoolctl import threadpool_info, threadpool_limits

from in_process import estimator, stay_in_process
from messy import messy
from seasoned import CustomModel, SearchSettings, Space, load
from seasoned.errors import InvalidInput
from seasoned.report.model.collect import report_data
from seasoned.tabular.fit import description, fit_table, plan
from seasoned.tabular.metrics.code_hash import code_digest
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.registry import find
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.preprocessing.number import NumberColumn
from seasoned.tabular.preprocessing.one_hot_scaling import Dense
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.trial import run_folder
from seasoned.tabular.trial.arrays import Arrays, write_arrays
from seasoned.tabular.trial.cross_validation import CrossValidation, _rounds
from seasoned.tabular.trial.fold_fitter import Pipeline
from seasoned.tabular.trial.memory_estimate import DataShape, estimate_bytes
from seasoned.tabular.trial.run_folder import RunFolder, cache_folder, clear_runs


def plan_of(frame):
    schema = Schema.infer(frame)
    return ColumnPlan.fit(schema.apply(frame), schema, seed=0)


# ------------------------------------------------------------------------------------------------ run folders


def test_a_run_goes_for_others_in_one_step(cache, monkeypatch):
    """Once its owner's name is gone and its files are not, another fit of the same table would take it."""
    folder = RunFolder.open("key", {}, resume=False)
    removed = []
    monkeypatch.setattr(run_folder.shutil, "rmtree", lambda path, **_: removed.append(path.name))
    folder.delete()
    assert not folder.path.exists()
    (name,) = removed
    assert name.startswith(".forgotten-")
    assert (cache_folder() / name / "trials").exists()


def test_what_is_taken_while_others_are_cleared_stays(cache, monkeypatch):
    for key in ("one", "two"):
        RunFolder.open(key, {}, resume=False).release()
    asked = run_folder.is_owned
    monkeypatch.setattr(run_folder, "is_owned", lambda path: path.name == "two" or asked(path))
    monkeypatch.setattr(run_folder, "list_runs", lambda: pytest.fail("what it says may be old by now"))
    assert clear_runs() == 1
    assert [path.name for path in cache_folder().iterdir() if path.is_dir()] == ["two"]


def test_a_full_disk_keeps_no_half_file(cache):
    folder = RunFolder.open("key", {}, resume=False)

    def full(file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        folder._write("trials/1.npy", full)
    assert list((folder.path / "trials").iterdir()) == []
    folder.delete()


def test_splitters_are_told_apart_by_whatever_they_hold():
    class Until:
        def __init__(self, cutoff):
            self.cutoff = cutoff

        def split(self, X, y=None, groups=None):
            raise NotImplementedError

    several = [
        pd.Timestamp("2024-01-01"),
        pd.Timestamp("2025-01-01"),
        pd.Timedelta(days=1),
        [1, 2],
        [1, 3],
        (np.array([1, 2]), np.array([3])),
        (np.array([1, 2]), np.array([4])),
        pd.Series([1, 2]),
        pd.Series([1, 2], index=[1, 2]),
        pd.Index(["a"]),
        KFold(4),
        KFold(5),
    ]
    assert len({description._key(Until(cutoff)) for cutoff in several}) == len(several)
    assert description._key(Until(pd.Timestamp("2024-01-01"))) == description._key(Until(pd.Timestamp("2024-01-01")))
    assert (
        description._key(KFold(5))
        == description._key(KFold(5))
        != description._key(KFold(5, shuffle=True, random_state=1))
    )
    assert code_digest(pd.DataFrame({"a": [1]})) != code_digest(pd.DataFrame({"a": [2]}))


# ------------------------------------------------------------------------------------------------ what is given


def test_weights_and_groups_in_another_order_are_told_of_in_fit_and_refit(monkeypatch, caplog):
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=120)
    X, y = X.reset_index(drop=True), pd.Series(np.asarray(y))
    mixed = X.sample(frac=1.0, random_state=0)
    aside = pd.Series(1.0, index=X.index), pd.Series(np.arange(len(X)) // 4)
    with caplog.at_level(logging.WARNING, logger="seasoned"):
        model = estimator("classification").fit(mixed, y.loc[mixed.index], sample_weight=aside[0], groups=aside[1])
    assert "X and sample_weight have the same index in another order" in caplog.text
    assert "pass groups.loc[X.index]" in caplog.text
    assert "X and y" not in caplog.text
    with caplog.at_level(logging.WARNING, logger="seasoned"):
        model.refit(mixed, y, groups=aside[1].loc[mixed.index], sample_weight=aside[0].loc[mixed.index])
    assert "X and y have the same index in another order" in caplog.text


def test_rows_in_the_order_of_time_are_told_of_where_they_are_dealt_at_random(monkeypatch, caplog):
    stay_in_process(monkeypatch)
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=80), "x": rng.normal(size=80)})
    told = "the rows are in the order of 'day', and validation splits them at random"
    for validation, rows, groups, said in (
        (None, X, None, True),
        (2, X[::-1], None, True),
        (None, X.sample(frac=1.0, random_state=0), None, False),
        ("day", X, None, False),
        (None, X, np.arange(80) // 4, False),
    ):
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="seasoned"):
            estimator("regression", validation=validation).fit(rows, rows["x"].to_numpy(), groups=groups)
        assert (told in caplog.text) == said


@pytest.mark.parametrize(("family", "diets"), [("tree", ["codes"]), ("linear", ["codes", "dense"])])
def test_only_matrices_that_somebody_eats_are_written(monkeypatch, family, diets):
    stay_in_process(monkeypatch)
    written = []
    store = plan.store
    monkeypatch.setattr(plan, "store", lambda *given: written.extend(given[3]) or store(*given))
    X, y = messy("binary", rows=80)
    estimator("classification", [family]).fit(X, y)
    assert written == diets


def test_a_fit_tells_what_all_models_reach_and_what_none_does(monkeypatch, tmp_path):
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=150)
    model = estimator("classification", ["linear", "tree"]).fit(X, y)
    board = model.leaderboard()
    assert board.attrs["summary"].startswith("All models together: roc_auc 0.")
    assert board.attrs["summary"].endswith("in validation; predicting the same for all rows: 0.5.")
    assert (board["predict_ms"] > 0).all()
    model.save(tmp_path / "m.seasoned")
    again = load(tmp_path / "m.seasoned")
    assert again.leaderboard().attrs["summary"] == board.attrs["summary"]
    np.testing.assert_array_equal(again.leaderboard()["predict_ms"], board["predict_ms"])
    assert not any("experience" in note for note in report_data(model).notes)
    assert any(
        "experience grows" in note for note in report_data(model.set_params(experience="sqlite:///team.db")).notes
    )


def test_the_name_of_a_column_is_no_target():
    X = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0]})
    with pytest.raises(InvalidInput, match=r"y is a str; is it a column of X\? Then pass X.drop\(columns='b'\)"):
        estimator("regression").fit(X, "b")


@pytest.mark.parametrize("given", [[np.inf] * 40, [1.0] * 39 + [np.inf]])
def test_infinite_weights_are_refused(given):
    X = np.random.default_rng(0).normal(size=(40, 2))
    with pytest.raises(InvalidInput, match="sample_weight holds infinity"):
        estimator("regression").fit(X, X[:, 0], sample_weight=given)


def test_the_sentence_names_the_folds_that_were_asked_for():
    X = np.random.default_rng(0).normal(size=(40, 2))
    search = SearchSettings(models=["linear"], folds=5)
    with pytest.raises(InvalidInput, match="folds is 5; with 3 groups it must be from 2 to 3"):
        estimator("regression", search=search).fit(X, X[:, 0], groups=np.arange(40) % 3)
    with pytest.raises(InvalidInput, match=r"folds is 50; with 40 row\(s\) it must be from 2 to 40"):
        estimator("regression", search=SearchSettings(models=["linear"], folds=50)).fit(X, X[:, 0])


# ------------------------------------------------------------------------------------------------ columns


def test_a_gap_in_a_column_that_had_none_is_its_median():
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


def test_moments_of_one_hour_are_told_apart_by_single_precision(tmp_path, monkeypatch):
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


def test_only_numbers_far_from_0_are_counted_from_elsewhere():
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
def test_a_strangers_origin_is_refused(origin):
    state = plan_of(pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]})).to_json()
    state["encoders"][0]["origin"] = origin
    with pytest.raises(ValueError, match="is not a finite number"):
        ColumnPlan.from_json(state, {})


def test_two_spellings_of_a_number_are_no_scale():
    column = np.array([0.3] * 120 + [0.1 + 0.2] * 120 + list(range(1, 61)))
    dense = Dense.fit(column[:, None], np.array([0]))
    found = dense.transform(np.array([[0.3], [0.1 + 0.2], [1.0], [60.0]]))[:, 0]
    assert abs(found[0] - found[1]) < 1e-9
    assert found[3] - found[2] > 1.0


# ------------------------------------------------------------------------------------------------ models


@pytest.mark.parametrize("family", ["lightgbm", "histogram", "mlp", "linear"])
def test_rows_of_classes_that_a_fold_has_not_seen_say_nothing_of_rounds(family, tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(240, 3)), np.repeat([0, 1, 2], 80)
    X[:, 0] += y
    folds = [(np.flatnonzero(y != 2), np.flatnonzero(y == 2)), (np.arange(0, 240, 2), np.arange(1, 240, 2))]
    (tmp_path / "trials").mkdir()
    write_arrays(tmp_path, y, folds, {"codes": X, "dense": X})
    objective = CrossValidation(Arrays(tmp_path), Job("multiclass", 3, 0), None)
    settings = find(family).space("multiclass").default
    parts = [objective.fitter.on_fold(Pipeline(family, dict(settings), None), fold) for fold in folds]
    assert [part.tells for part in parts] == [False, True]
    assert _rounds(parts) == parts[1].rounds
    assert _rounds(parts[:1]) == parts[0].rounds, "where nothing tells, it is what it took"


def test_neighbours_are_looked_for_by_one_thread(monkeypatch):
    """Several would part the rows, and which of equally near ones vote would depend on how many there are."""
    rng = np.random.default_rng(0)
    X, family = rng.integers(0, 2, size=(300, 20)).astype(float), find("neighbours")
    model = family.build(family.space("regression").default, Job("regression", 0, 0, threads=2))
    family.fit(model, (X, X[:, 0]), None)
    seen = []

    def looked(*given):
        seen.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp")
        return found(*given)

    found = model._index.kneighbors
    monkeypatch.setattr(model._index, "kneighbors", looked)
    with threadpool_limits(3, user_api="openmp"):
        model.predict(X)
    assert seen
    assert set(seen) == {1}


def test_lightgbm_can_split_few_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(79, 2))
    y, family = (X[:, 0] > 0).astype(int), find("lightgbm")
    model = family.build(family.space("binary").default, Job("binary", 2, 0))
    family.fit(model, (X, y), None)
    assert ((model.predict_proba(X)[:, 1] > 0.5) == y).mean() > 0.9


def test_who_holds_category_splits_is_refused_when_it_is_saved_and_before(tmp_path, monkeypatch, caplog):
    stay_in_process(monkeypatch)
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"kind": rng.choice(list("abc"), 120), "x": rng.normal(size=120)})
    y = np.where((X["kind"] == "a") ^ (X["x"] > 0), "yes", "no")
    for options in ({"categorical_features": [0]}, {"scoring": "roc_auc", "early_stopping": True}):
        own = CustomModel("hgb", HistGradientBoostingClassifier(max_iter=5, **options), Space(), diet="codes")
        assert not own.storable
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="seasoned"):
            model = estimator("classification", [own]).fit(X, y)
        assert "hgb" in caplog.text
        with pytest.raises(InvalidInput, match="cannot be saved"):
            model.save(tmp_path / "m.seasoned")
    plain = CustomModel("hgb", HistGradientBoostingClassifier(max_iter=5), Space(), diet="codes")
    model = estimator("classification", [plain]).fit(X, y)
    model.save(tmp_path / "m.seasoned")
    np.testing.assert_array_equal(load(tmp_path / "m.seasoned").predict_proba(X), model.predict_proba(X))


def test_the_preconditioners_of_many_classes_are_foreseen():
    few, many = (DataShape(4_000, 1_000, 500, classes) for classes in (2, 100))
    assert estimate_bytes("adaptive_linear", {}, many) > 2e9
    assert estimate_bytes("adaptive_linear", {}, few) < 1e9


def test_the_search_closes_its_study_whatever_happens(cache, monkeypatch):
    stay_in_process(monkeypatch)
    closed = []
    close = fit_table.search.__globals__["Study"].close
    monkeypatch.setattr(fit_table.search.__globals__["Study"], "close", lambda study: closed.append(1) or close(study))
    monkeypatch.setattr(fit_table.search.__globals__["Race"], "__call__", lambda *_: 1 / 0)
    X, y = messy("binary", rows=80)
    with pytest.raises(ZeroDivisionError):
        estimator("classification").fit(X, y)
    assert closed
