"""Bugs that a third reading of the whole found: each test here failed before it was mended."""

from __future__ import annotations

import importlib
import json
import logging
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, RobustScaler, StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

from in_process import estimator
from messy import messy
from optional import needs
from seasoned import Categorical, Choice, CustomModel, Float, Int, Space, load
from seasoned.errors import InvalidInput
from seasoned.report.model.collect import report_data
from seasoned.tabular.bundle.archive import _hashable
from seasoned.tabular.ensemble.refit_members import first_of_each
from seasoned.tabular.input.frames import kind_of
from seasoned.tabular.input.target import read_target
from seasoned.tabular.metrics.code_hash import code_digest
from seasoned.tabular.metrics.metric import Measure
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.models import neighbors
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.boosting.histogram import _rounds_in
from seasoned.tabular.models.neural import numpy_training
from seasoned.tabular.models.neural.numpy_network import Loss, Shape
from seasoned.tabular.models.registry import find
from seasoned.tabular.schema.column import Column
from seasoned.tabular.schema.schema import read
from seasoned.tabular.trial.run_folder import RunFolder
from seasoned.tabular.trial.trial_row import TrialRow

# ---- a run's state, and other rows


def test_refit_asks_for_the_groups_that_fit_had(here):
    X, y = messy("regression")
    groups = np.arange(len(X)) // 12
    model = estimator("regression", ["splines"]).fit(X, y, groups=groups)
    assert "groups=groups" in report_data(model).code
    model.save(here / "m.seasoned")
    for one in (model, load(here / "m.seasoned")):
        with pytest.raises(InvalidInput, match="groups is None"):
            one.refit(X, y)
    before = model.predict(X)
    np.testing.assert_allclose(model.refit(X, y, groups=groups).predict(X), before)
    assert model.fitted_.grouped


def test_a_relative_error_weighs_rows_in_refit_as_in_fit(here):
    X, y = messy("regression")
    y = np.exp(np.asarray(y, dtype=float))
    model = estimator("regression", ["tree"], metric="mape").fit(X, y)
    before = model.predict(X)
    np.testing.assert_allclose(model.refit(X, y).predict(X), before, rtol=1e-9)


def test_a_parameter_of_tuples_is_one_to_the_end(here):
    X, y = messy("binary")
    numbers = X.select_dtypes("number").fillna(0.0)
    pipe = make_pipeline(RobustScaler(), LogisticRegression())
    space = Space(
        robustscaler__quantile_range=Categorical([(10.0, 90.0), (25.0, 75.0)]),
        logisticregression__C=Float(0.01, 10, log=True),
    )
    model = estimator("classification", [CustomModel("pipe", pipe, space)], trials=4).fit(numbers, y)
    assert all(isinstance(m.config["robustscaler__quantile_range"], tuple) for m in model.fitted_.members)
    board = model.leaderboard()
    assert board["weight"].sum() == pytest.approx(1.0)
    assert _hashable(json.loads(json.dumps(model.fitted_.members[0].config))) == model.fitted_.members[0].config


def test_what_is_tried_twice_is_one_member(here):
    X, y = messy("regression")
    own = CustomModel("few", DecisionTreeRegressor(), Space(max_depth=Int(2, 4)))
    model = estimator("regression", [own], trials=9).fit(X, y)
    configs = [tuple(m.config.items()) for m in model.fitted_.members]
    assert len(configs) == len(set(configs)) <= 3
    assert model.leaderboard()["weight"].sum() == pytest.approx(1.0)
    rows = [TrialRow(number, "m", {"a": number % 2}) for number in range(5)]
    assert [row.number for row in first_of_each(rows)] == [0, 1]


def test_own_models_are_told_apart_by_what_they_are():
    def piped(bins):
        parts = KBinsDiscretizer(n_bins=bins), StandardScaler(), LogisticRegression()
        return CustomModel("p", make_pipeline(*parts), Space(logisticregression__C=Float(0.1, 1)))

    assert repr(piped(5)) == repr(piped(5))
    assert code_digest(piped(5)) == code_digest(piped(5)) != code_digest(piped(50))


IN_A_SCRIPT = """
import sys
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, fbeta_score, make_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from seasoned import CustomModel, Float, Int, Space
from seasoned.tabular.metrics.code_hash import code_digest

BETA = 2

class Mine(RegressorMixin, BaseEstimator):
    def __init__(self, depth=3):
        self.depth = depth
    def fit(self, X, y):
        return self.helped(X)
    def helped(self, X):
        return self

class Metric:
    words = frozenset({"a", "b", "c"})
    def __init__(self):
        self.call = self.helped
    def __call__(self, y, p):
        return self.helped(y, p)
    def helped(self, y, p):
        return float(np.mean(abs(y - p) ** BETA)) if "a" in {"a", "b"} else 0.0

root = make_pipeline(FunctionTransformer(np.sqrt), LogisticRegression())
own = CustomModel("m", Mine(), Space(depth=Int(1, 3)))
piped = CustomModel("p", root, Space(logisticregression__C=Float(0.1, 1)))
for one in (f1_score, make_scorer(fbeta_score, beta=2), own, piped, Metric(), Metric().helped):
    print(code_digest(one))
"""


def digests_of(script, tmp_path, seed):
    (tmp_path / "s.py").write_text(script)
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    return subprocess.check_output([sys.executable, tmp_path / "s.py"], env=environment, text=True).split()


def test_digests_are_the_same_in_each_process_and_others_for_other_code(tmp_path):
    first, second = digests_of(IN_A_SCRIPT, tmp_path, 1), digests_of("# so\n" + IN_A_SCRIPT, tmp_path, 2)
    assert first == second
    assert len(set(first)) == 6
    beta = digests_of(IN_A_SCRIPT.replace("BETA = 2", "BETA = 4"), tmp_path, 1)
    assert first == beta, "what the source only names does not count"
    other = digests_of(IN_A_SCRIPT.replace("        return self\n\nclass", "        return X\n\nclass"), tmp_path, 1)
    assert [a == b for a, b in zip(first, other, strict=True)] == [True, True, False, True, True, True]


SOURCES = {
    "the same": "def f(y, p):\n    return abs(y - p)\n",
    "with a comment": "# so\n\ndef f(y, p):\n    return abs(y - p)\n",
    "another function": "def f(y, p):\n    return abs(p - y) ** 2\n",
}


def made(power):
    return lambda y, p: abs(y - p) ** power


def test_a_function_is_its_source_and_not_its_place(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    digests = {}
    for name, source in SOURCES.items():
        module = f"of_a_user_{name.replace(' ', '_')}"
        (tmp_path / f"{module}.py").write_text(source)
        digests[name] = code_digest(importlib.import_module(module).f)
    assert digests["the same"] == digests["with a comment"] != digests["another function"]
    assert code_digest(made(2)) == code_digest(made(2)) != code_digest(made(3))


def test_a_function_without_source_is_its_name_and_its_instructions():
    one, same, other = (eval(f"lambda y, p: y - {number} * p", {"__name__": "typed"}) for number in (1, 1, 2))
    assert code_digest(one) == code_digest(same) != code_digest(other)
    assert code_digest(one) != code_digest(abs)


def test_refit_keeps_what_a_file_could_not_hold(here):
    X, y = messy("binary")
    model = estimator("classification", ["linear"], validation=KFold(3, shuffle=True, random_state=0)).fit(X, y)
    model.save(here / "m.seasoned")
    again = load(here / "m.seasoned").refit(X, y)
    assert again.unsaved_ == ("validation",)


def test_numpys_numbers_are_plain_parameters(here):
    X, y = messy("binary")
    model = estimator("classification", ["linear"]).fit(X, y)
    model.set_params(trials=np.int64(1), time_limit=np.float32(60), random_state=np.int64(1))
    model.save(here / "m.seasoned")
    again = load(here / "m.seasoned")
    assert (again.unsaved_, again.trials, again.time_limit, again.random_state) == ((), 1, 60.0, 1)


def test_a_resume_finds_the_run_that_lies_beside_the_first(here):
    first = RunFolder.open("k", {}, resume=False)
    second = RunFolder.open("k", {}, resume=False)
    assert second.path.name == "k-2"
    (second.path / "study.db").touch()
    first.delete()
    second.release()
    again = RunFolder.open("k", {}, resume=True)
    assert (again.path.name, again.resumed) == ("k-2", True)
    assert RunFolder.open("k", {}, resume=False).path.name == "k"


# ---- tables and metrics


def test_truth_values_among_words_are_words_whatever_else_is_there():
    column = Column("x", "category")
    for cells in ([True, "unknown"], [True, None], [True, False]):
        assert read(column, pd.Series(cells, dtype=object))[0] == "True"


def test_pairs_of_classes_weigh_the_same_whether_or_not_another_class_is_there():
    """Scores jumped where a fold lacks a class: a pair counted by its first class alone."""
    rng = np.random.default_rng(0)
    y, p = rng.choice(3, 300, p=[0.7, 0.2, 0.1]), rng.dirichlet(np.ones(3), 300)
    truth = -resolve("roc_auc_ovo_weighted", "multiclass", 3).loss(y, p)
    more = np.column_stack([p, np.zeros(300)])
    assert -resolve("roc_auc_ovo_weighted", "multiclass", 4).loss(y, more) == pytest.approx(truth)


@pytest.mark.parametrize("name", ["roc_auc", "roc_auc_ovr_weighted", "roc_auc_ovo", "average_precision"])
def test_a_metric_of_ranks_is_taken_over_the_classes_that_rows_have(name):
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 3, 60), rng.dirichlet(np.ones(4), 60)
    found = -resolve(name, "multiclass", 4).loss(y, p)
    if name == "roc_auc_ovo":
        pairs = [(a, b) for a in range(3) for b in range(3) if a != b]
        each = [roc_auc_score(y[np.isin(y, [a, b])] == a, p[np.isin(y, [a, b]), a]) for a, b in pairs]
        assert found == pytest.approx(np.mean(each))
        return
    one = average_precision_score if name == "average_precision" else roc_auc_score
    weights = np.bincount(y) if "weighted" in name else None
    assert found == pytest.approx(np.average([one(y == k, p[:, k]) for k in range(3)], weights=weights))


def test_a_deviance_of_counts_with_zeros():
    y = np.array([0.0, 2.0, 1.0, 5.0])
    measure = resolve("neg_mean_poisson_deviance", "regression", 0, y=y)
    assert isinstance(measure, Measure)
    assert measure.loss(y, y) < 1e-6 < measure.loss(y, np.array([0.5, 2.0, 1.0, 5.0]))
    assert math.isfinite(measure.loss(y, np.array([-1.0, 2.0, 1.0, 5.0])))


def test_a_frame_is_predicted_by_the_model_of_an_array(here, caplog):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    model = estimator("regression", models=["linear"], trials=1).fit(X, X[:, 0])
    named = pd.DataFrame(X, columns=["a", "b", "c"])
    with caplog.at_level(logging.WARNING, "seasoned.tabular"):
        np.testing.assert_array_equal(model.predict(named), model.predict(X))
    assert "columns are matched by position" in caplog.text
    model.save(here / "model.seasoned")
    np.testing.assert_array_equal(load(here / "model.seasoned").predict(named), model.predict(X))
    like_ours = estimator("regression", models=["linear"], trials=1).fit(
        pd.DataFrame(X, columns=["x0", "x1", "x2"]), X[:, 0]
    )
    with pytest.raises(InvalidInput, match="lacks the column"):
        like_ours.predict(named)
    with pytest.raises(InvalidInput, match="lacks the column"):
        model.predict(named[["a", "b"]])
    with pytest.raises(InvalidInput, match="lacks the column"):
        model.predict(named.rename(columns={"a": "x1"}))


@pytest.mark.parametrize(("metric", "refused"), [(None, True), ("log_loss", False)])
def test_rows_of_one_class_cannot_validate_a_metric_of_ranks(here, metric, refused):
    X, y = pd.DataFrame({"a": np.arange(40) % 7 + 0.5}), np.r_[np.arange(30) % 2, np.zeros(10, int)]
    model = estimator("classification", models=["tree"], metric=metric, validation=[(range(30), range(30, 40))])
    if refused:
        with pytest.raises(InvalidInput, match="all 10 validation rows are of class 0, for which roc_auc is undefined"):
            model.fit(X, y)
    else:
        assert len(model.fit(X, y).predict(X)) == 40


def test_arrays_are_explained_as_they_are_predicted(here):
    X, y = messy("regression")
    X = X.select_dtypes("number").iloc[:, :2].fillna(0.0)
    model = estimator("regression", ["linear"]).fit(X, y)
    array = X.to_numpy()[:40]
    assert set(model.explain(array, y[:40], repeats=2)["column"]) == set(X.columns)
    assert list(model.explain(array[:2], method="shap", background=array).columns) == list(X.columns)
    assert model.report(here / "r.html", array, y[:40]).exists()


def test_small_words_on_inputs():
    assert kind_of(Path("DATA.CSV")) == ".csv"
    assert kind_of(Path("DATA.CSV.GZ")) == ".csv"
    assert read_target([b"a", b"b", b"a", b"b"], "classification").classes.tolist() == ["a", "b"]


def test_pairs_of_three_are_told(here):
    X, y = messy("binary")
    with pytest.raises(InvalidInput, match="pairs of row indices"):
        estimator("classification", ["linear"], validation=[(np.arange(9), np.arange(9, 18), [1])]).fit(X, y)


# ---- families


@pytest.mark.parametrize(("name", "peer"), [("forest", RandomForestRegressor), ("extra_trees", ExtraTreesRegressor)])
def test_a_few_huge_targets_do_not_spoil_the_others(name, peer):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 4))
    y = np.exp(X[:, 0])
    y[:3] = 3e8
    family = find(name)
    config = family.space("regression").default
    model = family.build(config, Job("regression", 0, 0))
    family.fit(model, (X, y), None)
    same = {key: value for key, value in config.items() if key in peer().get_params()}
    theirs = peer(100, **same, random_state=0).fit(X, y)
    usual = y < 1e6
    ours, library = (np.median(np.abs(m.predict(X[usual]) - y[usual])) for m in (model, theirs))
    assert ours < 1.5 * library + 0.01


def test_a_forest_that_no_file_holds_is_refused_when_it_is_saved(monkeypatch):
    family = find("forest")
    model = family.build(family.space("regression").default, Job("regression", 0, 0))
    X = np.random.default_rng(0).normal(size=(50, 2))
    family.fit(model, (X, X[:, 0]), None)
    monkeypatch.setattr(tree_ensemble, "_MOST_NODES", 50)
    with pytest.raises(InvalidInput, match="a file holds 50"):
        family.dump(model)


def test_histograms_probe_is_one_round_where_a_round_is_many_trees():
    fitted_with = []

    class Learner(DecisionTreeRegressor):
        def __init__(self, max_iter=500, early_stopping=True):
            self.max_iter, self.early_stopping = max_iter, early_stopping

        def fit(self, X, y):
            fitted_with.append(self.max_iter)
            return self

    assert _rounds_in(0.0, Learner(), np.zeros((2, 1)), np.zeros(2), 100) == 1
    assert _rounds_in(0.0, Learner(), np.zeros((2, 1)), np.zeros(2), 1) == 10
    assert fitted_with == [1, 10]


def test_an_epoch_ends_where_its_time_does(monkeypatch):
    steps = []
    monkeypatch.setattr(numpy_training._Adam, "step", lambda *_: steps.append(1))
    shape, rng = Shape((2, 4, 1)), np.random.default_rng(0)
    data = rng.normal(size=(4000, 2)).astype(np.float32), rng.normal(size=(4000, 1)).astype(np.float32), None
    recipe = numpy_training.Recipe(3, 8, 0.1, 0.0, 0.0, 0.0, Loss("squares"))
    numpy_training.train(shape, np.zeros(shape.size, np.float32), data, None, recipe, rng=rng, seconds=0.0)
    assert len(steps) == 50


def test_neighbours_predict_the_same_in_pieces(monkeypatch):
    rng = np.random.default_rng(0)
    X, family = rng.normal(size=(100, 3)), find("neighbours")
    for classes, y in ((0, X[:, 0]), (3, rng.integers(0, 3, 100))):
        task = "multiclass" if classes else "regression"
        model = family.build(family.space(task).default, Job(task, classes, 0))
        family.fit(model, (X, y), None)
        call = model.predict_proba if classes else model.predict
        with monkeypatch.context() as patched:
            whole = call(X)
            patched.setattr(neighbors, "PIECE", 7)
            np.testing.assert_array_equal(call(X), whole)


def test_the_parts_of_an_own_model_are_seeded():
    own = CustomModel("p", make_pipeline(StandardScaler(), RandomForestRegressor(n_estimators=5)), Space())
    assert own.seeded
    X = np.random.default_rng(0).normal(size=(60, 3))
    found = [own.build({}, Job("regression", 0, 7)).fit(X, X[:, 0]).predict(X) for _ in range(2)]
    np.testing.assert_array_equal(*found)
    fixed = CustomModel("p", make_pipeline(StandardScaler(), RandomForestRegressor(random_state=1)), Space())
    assert not fixed.seeded


def test_parameters_under_every_option_are_looked_at():
    space = Space(kernel=Choice(rbf=Space(gamma=Float(0.1, 1)), poly=Space(degre=Int(2, 3))))
    with pytest.raises(InvalidInput, match="'degre'"):
        CustomModel("svr", SVR(), space)


def test_catboost_learns_from_two_rows():
    needs("catboost")
    family = find("catboost")
    model = family.build(family.space("regression").default, Job("regression", 0, 0))
    model.parameters = {**model.parameters, "subsample": 0.5, "bootstrap_type": "Bernoulli"}
    X = np.array([[0.0], [1.0]])
    family.fit(model, (X, np.array([1.0, 2.0])), None)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("seed", range(8))
def test_catboost_learns_from_four_rows_whatever_each_tree_draws(seed):
    needs("catboost")
    family, rng = find("catboost"), np.random.default_rng(seed)
    model = family.build({**family.space("regression").default, "subsample": 0.6}, Job("regression", 0, seed))
    X = rng.normal(size=(4, 3))
    family.fit(model, (X, rng.normal(size=4)), None)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("value", [0.0, -1.0, -2.0, -3.0, 99.5, 1e30, np.nan])
@pytest.mark.parametrize("weights", [None, [3.0, 1.0, 1.0, 1.0]])
def test_catboost_learns_a_constant_where_all_rows_are_alike(value, weights):
    needs("catboost")
    family = find("catboost")
    X, y = np.full((4, 2), value), np.array([1.0, 2.0, 3.0, 4.0])
    told = {} if weights is None else {"weights": (np.array(weights), None)}
    model = family.build(family.space("regression").default, Job("regression", 0, 0))
    family.fit(model, (X, y), None, **told)
    assert model.predict(X) == pytest.approx(np.average(y, weights=weights), abs=0.05)
    levels = family.build(family.space("binary").default, Job("binary", 2, 0, categorical=(0, 1)))
    family.fit(levels, (np.full((4, 2), 3.0), np.array([0, 0, 0, 1])), None)
    assert levels.predict_proba(np.full((1, 2), 3.0))[0, 1] == pytest.approx(0.25, abs=0.05)
