"""What a tenth reading found: offsets, rounds of split times, words of classes, wide parts, resumed text."""

from __future__ import annotations

import copy
import logging
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from in_process import stay_in_process
from messy import messy
from seasoned import AutoClassifier, AutoRegressor, SearchSettings
from seasoned.errors import InvalidInput
from seasoned.report.explain.permutation_test import permutation_importance
from seasoned.tabular.fit import description, fit_table, plan
from seasoned.tabular.fit.refit_table import _trial
from seasoned.tabular.input.target import encode
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.metrics.vectorized import ranks
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.registry import find
from seasoned.tabular.preprocessing import matrix_files
from seasoned.tabular.schema.time_zones import zone_of
from seasoned.tabular.trial import cross_validation
from seasoned.tabular.trial.fold_fitter import Part
from seasoned.tabular.trial.seed_average import makers_of
from seasoned.tabular.trial.trial_row import TrialRow

RNG = np.random.default_rng(0)


def test_a_deep_copy_predicts_as_the_model_itself():
    X = RNG.normal(size=(300, 3))
    y = X[:, 0] + RNG.normal(size=300)
    family = find("lightgbm")
    model = family.build(family.space("regression").default, Job("regression", 0, 0))
    family.fit(model, (X[:200], y[:200]), (X[200:], y[200:]))
    np.testing.assert_array_equal(copy.deepcopy(model).predict(X), model.predict(X))


@pytest.mark.parametrize(("zone", "name"), [("+09:00", "UTC+09:00"), ("-03:30", "UTC-03:30"), ("UTC", "UTC")])
def test_a_fixed_offset_of_arrow_is_a_zone(zone, name):
    moments = pa.array([0, 10**15], pa.timestamp("us", tz=zone))
    assert zone_of(pd.Series(moments, dtype=pd.ArrowDtype(moments.type))) == name


def test_folds_with_far_fewer_rows_do_not_say_how_long_to_train():
    parts = [Part(np.zeros(1), rounds, 1.0, 0.0, True, rows) for rounds, rows in ((10, 100), (40, 450), (60, 500))]
    assert cross_validation._rounds(parts) == 50.0
    assert cross_validation._rounds([parts[0]]) == 10.0
    strange = Part(np.zeros(1), 7, 1.0, 0.0, False, 900)
    assert cross_validation._rounds([*parts, strange]) == 50.0
    assert cross_validation._rounds([strange]) == 7.0


def test_all_areas_under_curves_are_of_ranks():
    assert ranks(resolve("roc_auc_ovo_weighted", "multiclass", 3))
    assert not ranks(resolve("log_loss", "multiclass", 3))


def test_whole_floats_are_the_words_that_whole_numbers_are():
    classes = np.array(["1", "2", "3+"])
    assert encode(pd.Series([1.0, 2.0]), classes).tolist() == [0, 1]
    assert encode(pd.Series([1.0, 2.0], dtype=object), np.array(["1.0", "2.0", "3+"])).tolist() == [0, 1]
    with pytest.raises(InvalidInput, match="a class that was not there in fit"):
        encode(pd.Series([1.0, 1.5]), classes)


def test_a_metric_of_the_other_sort_says_how_to_get_there():
    y = pd.Series([3, 4, 5, 6] * 20)
    X = pd.DataFrame({"a": RNG.normal(size=80)})
    with pytest.raises(
        InvalidInput, match=r"if it holds numbers, take it for such \(AutoRegressor, --task regression\)"
    ):
        AutoClassifier("rmse").fit(X, y)
    with pytest.raises(InvalidInput, match="if it holds numbers, take it for such"):
        AutoClassifier("quantile@0.9").fit(X, y)
    with pytest.raises(InvalidInput, match=r"AutoClassifier, --task classification"):
        AutoRegressor("accuracy").fit(X, y)
    with pytest.raises(InvalidInput, match=r"choose another\.$"):
        AutoRegressor("rmsle").fit(X, X["a"])


def test_of_a_configuration_that_was_tried_twice_the_complete_trial_counts():
    rows = [TrialRow(number, "tree", {"a": 1}, state) for number, state in enumerate(["failed", "complete"])]
    member = SimpleNamespace(name="tree", config={"a": 1})
    assert _trial(SimpleNamespace(trials=rows), member).number == 1
    assert _trial(SimpleNamespace(trials=rows[:1]), member).number == 0
    assert _trial(SimpleNamespace(trials=[]), member) is None


def test_made_columns_count_where_a_long_table_is_cut(monkeypatch):
    stay_in_process(monkeypatch)
    X = pd.DataFrame(RNG.normal(size=(400, 4)), columns=list("abcd"))
    y = X["a"] * X["b"]
    widths = []
    real = matrix_files.in_parts

    def noted(frame, width, *most):
        widths.append(width)
        return real(frame, width, *most)

    monkeypatch.setattr("seasoned.tabular.ensemble.fitted_model.in_parts", noted)
    monkeypatch.setattr(
        "seasoned.tabular.ensemble.fitted_model._FITS", 0
    )  # of the numbers of a row, or few columns would not count
    search = SearchSettings(models=["linear"], folds=2, features="all")
    model = AutoRegressor(trials=2, workers=1, search=search, random_state=0, experience=None).fit(X, y)
    made = max(maker.count for one in model.fitted_.members for maker in makers_of(one.estimator))
    widths.clear()
    model.predict(X)
    assert made > 0
    assert widths == [model.fitted_.plan.dense.width + 2 * made]


def test_a_run_goes_on_with_the_labels_that_its_metric_read(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)

    def distance(truth, predicted):
        return float(np.mean(np.abs(np.asarray(truth, float) - np.asarray(predicted, float))))

    keys = []
    real = description.fingerprint
    monkeypatch.setattr(description, "fingerprint", lambda *given: keys.append(real(*given)) or keys[-1])
    X, y = messy("binary", rows=120)
    codes = np.unique(np.asarray(y).astype(str), return_inverse=True)[1]
    for labels in ([1, 2], [1, 20]):
        search = SearchSettings(models=["linear"], folds=2)
        for metric in (distance, "accuracy"):
            model = AutoClassifier(metric, trials=1, workers=1, search=search, random_state=0, experience=None)
            model.fit(X, np.array(labels)[codes])
    assert keys[0] != keys[2]
    assert keys[1] == keys[3], "the names of classes are nothing to others"


def test_a_resumed_run_whose_text_cannot_be_learned_again_does_not_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=200)
    words = np.array([f"word{number}" for number in range(60)])
    X = X.assign(note=[" ".join(RNG.choice(words, 12)) for _ in range(len(X))])
    model = AutoClassifier(
        trials=1, workers=1, search=SearchSettings(models=["linear"], folds=2), random_state=0, experience=None
    )
    with monkeypatch.context() as patched:
        patched.setattr(fit_table, "finalize", failing(RuntimeError("stopped")))
        with pytest.raises(RuntimeError, match="stopped"):
            model.fit(X, y)
    with monkeypatch.context() as patched:
        patched.setattr(plan, "_plan_from_file", failing(MemoryError("too large")))
        with pytest.raises(InvalidInput, match="which this run's trials had, could not be learned again"):
            model.fit(X, y, resume=True)
    model.fit(X, y, resume=True)
    assert model.fitted_.plan.transform(X[:3], "dense").shape[1] > 30


def test_groups_of_several_columns_are_refused_in_their_own_words():
    X, y = pd.DataFrame({"a": np.arange(40.0)}), np.arange(40) % 2
    for groups in (pd.DataFrame({"g": y, "h": y}), np.zeros((40, 3))):
        with pytest.raises(InvalidInput, match=r"groups has \d columns; join them, and pass one value per row"):
            AutoClassifier(trials=1, experience=None).fit(X, y, groups=groups)


def test_shuffles_of_the_same_cells_are_warned_of_once(caplog):
    class Model:
        def predict(self, X):
            logging.getLogger("seasoned.tabular").warning("cells cannot be read")
            return X["a"].to_numpy()

    X = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0)})
    found = permutation_importance(Model(), X, X["a"].to_numpy(), lambda y, p: float(np.mean((y - p) ** 2)), 3)
    assert found.repeats == 3
    assert caplog.text.count("cells cannot be read") == 1
    Model().predict(X)
    assert caplog.text.count("cells cannot be read") == 2


def failing(error):
    def fail(*_, **__):
        raise error

    return fail
