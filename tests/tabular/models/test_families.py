"""Model families: every family on every task, its space, and its file."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from messy import messy
from optional import needs
from seasoned.errors import InvalidInput
from seasoned.tabular.input.target import read_target
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.models._common.base import Job, predict
from seasoned.tabular.models._common.row_sample import some_rows
from seasoned.tabular.models.linear.linear import Linear
from seasoned.tabular.models.registry import EXTRAS, MODELS, choose, find, joint_space, register
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.trial.arrays import Arrays, write_arrays
from seasoned.tabular.trial.cross_validation import CrossValidation
from seasoned.tabular.trial.fold_fitter import Fitter, Pipeline
from seasoned.tabular.validation.folds import make_folds

TASKS = ("binary", "multiclass", "regression")
NAMES = (*(name for name in MODELS if name not in EXTRAS), "baseline")  # the extras: test_family_fits.py


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """As in a worker: small tables only lose by threads, and many on a busy machine lose a lot."""
    with pytest.MonkeyPatch.context() as patch, threadpool_limits(1):
        patch.setenv("SEASONED_CPUS", "1")
        yield


@pytest.fixture(scope="module")
def objectives(tmp_path_factory):
    """A cross-validation on a messy table, for each task."""
    return {task: make_objective(task, tmp_path_factory.mktemp(task)) for task in TASKS}


def make_objective(task, folder):
    X, y = messy(task, rows=150)
    target = read_target(y, "regression" if task == "regression" else "classification")
    schema = Schema.infer(X)
    canonical = schema.apply(X)
    plan = ColumnPlan.fit(canonical, schema, seed=0)
    (folder / "trials").mkdir()
    matrices = {diet: plan.encode(canonical, diet) for diet in ("codes", "dense")}
    write_arrays(folder, target.values, make_folds(3, target, 0), matrices)
    classes = len(target.classes)
    return CrossValidation(
        Arrays(folder), Job(task, classes, 0, categorical=plan.categorical), resolve(None, task, classes)
    )


def default(name, task):
    return {"model": {name: find(name).space(task).default}}


@pytest.mark.parametrize("name", ["linear", "lightgbm", "mlp"])
def test_the_model_of_a_fold_is_the_one_that_validated(objectives, name):
    objective, config = objectives["multiclass"], default(name, "multiclass")
    objective(config)
    known, X = objective.records.out_of_fold(config), objective.data.matrix(find(name).diet)
    for fold, (_, valid) in enumerate(objective.data.folds):
        found = predict(objective.refit(config, fold=fold), X[valid], objective.job.n_classes)
        np.testing.assert_allclose(found, known[valid], rtol=1e-6)


def test_repeats_differ_by_their_seeds_only(objectives):
    objective, config = objectives["multiclass"], default("lightgbm", "multiclass")
    objective(config)
    texts = [objective.refit(config, repeat).booster.model_to_string() for repeat in (0, 1, 1)]
    assert texts[0] != texts[1] == texts[2]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", NAMES)
def test_every_family_on_every_task(objectives, name, task):
    objective, config = objectives[task], default(name, task)
    loss = objective(config)
    assert np.isfinite(loss)
    assert loss == objective(config), "the same configuration has the same loss"
    if name != "baseline":
        assert loss < objective(default("baseline", task))
    estimator = objective.refit(config)
    X = np.load(objective.data.folder / f"{find(name).diet}.npy")
    predicted = predict(estimator, X, objective.job.n_classes)
    assert np.isfinite(predicted).all()
    if objective.job.n_classes:
        np.testing.assert_allclose(predicted.sum(axis=1), 1.0, atol=1e-6)
    loaded = find(name).load(find(name).dump(estimator))
    np.testing.assert_array_equal(predict(loaded, X, objective.job.n_classes), predicted)


@pytest.mark.parametrize("task", TASKS)
def test_the_corners_of_each_space_can_be_fitted(objectives, task):
    space = joint_space([find(name) for name in NAMES[:-1]], task)
    rng = np.random.default_rng(0)
    for _ in range(4):
        assert np.isfinite(objectives[task](space.decode(rng.integers(0, 2, len(space)).astype(float))))


def test_boosters_take_the_rounds_of_the_folds_to_the_last_fit(objectives):
    objective = objectives["regression"]
    config = default("lightgbm", "regression")
    objective(config)
    rounds = objective.records.of(config).rounds
    assert 0 < rounds < 1000
    assert objective.refit(config).booster.current_iteration() == rounds
    config = default("histogram", "regression")
    objective(config)
    assert objective.refit(config).n_trees == objective.records.of(config).rounds


def test_threads_do_not_change_the_trees(objectives):
    objective = objectives["binary"]
    X, y = np.load(objective.data.folder / "codes.npy"), np.load(objective.data.folder / "y.npy")
    for name in ("lightgbm", "histogram", "forest"):
        model, found = find(name), []
        for threads in (1, 2):
            estimator = model.build(model.space("binary").default, replace(objective.job, threads=threads))
            model.fit(estimator, (X[:100], y[:100]), (X[100:], y[100:]))
            found.append(predict(estimator, X, 2))
        np.testing.assert_array_equal(*found)


def test_the_objective_travels_without_its_arrays(objectives):
    objective = objectives["binary"]
    objective(default("linear", "binary"))
    data = pickle.dumps(objective)
    assert len(data) < 1500
    assert pickle.loads(data)(default("linear", "binary")) == objective(default("linear", "binary"))


def test_a_class_missing_from_a_fold_has_probability_zero():
    X, y = np.random.default_rng(0).normal(size=(40, 2)), np.repeat([0, 2], 20)
    for name in NAMES:
        model = find(name)
        estimator = model.build(model.space("multiclass").default, Job("multiclass", 3, 0))
        model.fit(estimator, (X, y), (X, y))
        assert (predict(estimator, X, 3)[:, 1] < 0.01).all()


def test_histogram_boosting_learns_small_numbers_as_large_ones():
    """scikit-learn's tolerance is in units of the loss: of numbers of thousandths it ended the training at once."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1_500, 3))
    y = X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=1_500)
    model, job, rounds = find("histogram"), Job("regression", 0, 0), []
    for unit in (1.0, 1e-4):
        estimator = model.build(model.space("regression").default, job)
        rounds.append(model.fit(estimator, (X[:1_000], unit * y[:1_000]), (X[1_000:], unit * y[1_000:])))
    assert min(rounds) > 0.8 * max(rounds)


def test_what_a_fold_lacks_does_not_stop_the_boosters():
    rng = np.random.default_rng(0)
    X, y = np.column_stack([rng.normal(size=40), np.full(40, np.nan)]), np.repeat([0, 1], 20)
    for name in ("lightgbm", "histogram", "forest"):
        model = find(name)
        estimator = model.build(model.space("multiclass").default, Job("multiclass", 3, 0))
        model.fit(estimator, (X, y), (X[:3], np.array([2, 2, 2])))
        assert np.isfinite(predict(estimator, np.array([[0.0, 5.0]]), 3)).all()


@pytest.mark.parametrize("name", ["mlp", "realmlp"])
def test_a_network_that_has_no_row_to_watch_runs_its_whole_schedule(name):
    """All that is held out is of a class that it cannot know: it had stopped after the first of four cycles."""
    needs(name)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.repeat([0, 1], 30)
    model = find(name)
    config = {**model.space("multiclass").default, "epochs": 20}
    estimators = [model.build(config, Job("multiclass", 3, 0)) for _ in range(2)]
    epochs = model.fit(estimators[0], (X, y), (X[:3], np.array([2, 2, 2])))
    model.fit(estimators[1], (X, y), None)
    assert epochs == 20
    np.testing.assert_array_equal(predict(estimators[0], X, 3), predict(estimators[1], X, 3))


@pytest.mark.parametrize("name", ["lightgbm", "histogram", "forest"])
def test_tree_families_stop_when_a_trials_time_is_up(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 20))
    y = X[:, 0] * X[:, 1] + rng.normal(size=4000)
    model, job = find(name), Job("regression", 0, 0)
    config = {"lightgbm": {"learning_rate": 0.005}, "histogram": {"learning_rate": 0.01}}.get(name, {})
    config = model.space("regression").default | config
    estimator = model.build(config, job)
    rounds = model.fit(estimator, (X[:3000], y[:3000]), (X[3000:], y[3000:]), 0.2)
    assert 0 < rounds < {"lightgbm": 1000, "histogram": 500, "forest": 100}[name]
    assert np.isfinite(estimator.predict(X)).all()
    refitted = model.build(model.with_rounds(config, rounds), job)
    assert model.fit(refitted, (X[:500], y[:500]), None) is None


def test_a_booster_stopped_by_the_clock_keeps_its_best_round(monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 10)), rng.normal(size=400)  # nothing to learn: each round is worse than the one before
    model = find("lightgbm")
    config = {**model.space("regression").default, "learning_rate": 0.02}
    free, stopped = (model.build(config, Job("regression", 0, 0)) for _ in range(2))
    train, valid = (X[:300], y[:300]), (X[300:], y[300:])
    best = model.fit(free, train, valid)
    ticks = iter(range(10_000))
    monkeypatch.setattr("seasoned.tabular.models.boosting.lightgbm.time.monotonic", lambda: next(ticks))
    rounds = model.fit(stopped, train, valid, best + 20)
    assert next(ticks) == best + 22, "the clock ended it, not its patience of 100 rounds"
    assert rounds == best
    np.testing.assert_array_equal(stopped.predict(X), free.predict(X))


def test_rows_predicted_as_no_number_are_not_left_out_of_the_loss(objectives, monkeypatch):
    found = objectives["regression"]
    on_fold = Fitter.on_fold

    def odd(*given, **more):
        part = on_fold(*given, **more)
        part.predicted[0] = np.nan
        return part

    monkeypatch.setattr(Fitter, "on_fold", odd)
    with pytest.raises(ValueError, match=r"it predicted no finite number for \d of \d+ rows"):
        found({"model": {"tree": find("tree").space("regression").default}})


def test_families_that_take_some_of_the_rows_take_one_of_each_class():
    y = np.zeros(40_000, dtype=np.int64)
    y[[7, 11]] = 1
    for seed in range(12):
        rows = some_rows(y, 20_000, np.random.default_rng(seed), classes=True)
        assert np.unique(y[rows]).tolist() == [0, 1]
        assert len(np.unique(rows)) == len(rows) <= 20_001
        assert (np.diff(rows) > 0).all()
    assert len(some_rows(y, 20_000, np.random.default_rng(0), classes=False)) == 20_000
    assert some_rows(y[:5], 9, np.random.default_rng(0), classes=True).tolist() == [0, 1, 2, 3, 4]


def test_names_are_unique_and_known():
    with pytest.raises(InvalidInput, match="two models are called 'linear'"):
        register([Linear(), Linear()])
    with pytest.raises(InvalidInput, match="there is no model \\['oracle'\\]"):
        choose(["oracle"])
    with pytest.raises(InvalidInput, match="there is no model"):
        choose([])
    assert [model.name for model in choose(["forest", "linear"])] == ["linear", "forest"]
    usual = [model.name for model in choose(None)]
    assert [model.name for model in choose(["-mlp", "-forest"])] == [n for n in usual if n not in {"mlp", "forest"}]
    assert [model.name for model in choose(["default"])] == usual
    assert {model.name for model in choose(["default", "adaptive_linear", "-mlp"])} == {*usual, "adaptive_linear"} - {
        "mlp"
    }
    assert [model.name for model in choose(["forest", "linear", "-forest"])] == ["linear"]
    with pytest.raises(InvalidInput, match="there is no model \\['oracle'\\]"):
        choose(["-oracle"])
    with pytest.raises(InvalidInput, match="leaves no family"):
        choose(["forest", "-forest"])


@pytest.mark.parametrize("family", ["lightgbm", "xgboost"])
@pytest.mark.parametrize("classes", [0, 2, 3])
def test_a_leaf_of_a_classifier_goes_a_limited_way(family, classes):
    """Rows that are known for sure have next to no curvature left, and a Newton step could lead anywhere."""
    needs(family)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 4))
    y = np.where(X[:, 0] > 2.2, 1, 0) if classes else np.where(X[:, 0] > 2.2, 1e4, 0.0)
    y = np.where(X[:, 1] > 2.2, 2, y) if classes == 3 else y
    model, task = find(family), {0: "regression", 2: "binary", 3: "multiclass"}[classes]
    config = {**model.space(task).default, "rounds": 30}
    config |= {"min_data_in_leaf": 1} if family == "lightgbm" else {"min_child_weight": 1e-6}
    estimator = model.build(config, Job(task, classes, 0))
    model.fit(estimator, (X, y), None)
    trees = estimator.booster.trees_to_dataframe()
    rate = config["learning_rate" if family == "lightgbm" else "eta"]
    leaves = (
        trees[trees["Feature"] == "Leaf"]["Gain"] if family == "xgboost" else trees[trees["left_child"].isna()]["value"]
    )
    if family == "lightgbm" and classes:  # the first tree holds the shares of the classes as well
        leaves = leaves[trees.loc[leaves.index, "tree_index"] >= classes]
    assert (leaves.abs().max() <= 5.0 * rate * 1.001) == (classes > 0)


@pytest.mark.parametrize("name", ["lightgbm", "linear"])
def test_rows_of_one_class_are_fitted_as_in_a_fold(objectives, name):
    """Models of a second layer are fitted on a fold's rows: CatBoost took the only class for the other one."""
    objective = objectives["binary"]
    rows = np.flatnonzero(objective.data.target == 1)
    estimator = objective.fitter.on_all(Pipeline.of(default(name, "binary")), None, rows=rows)
    found = predict(estimator, objective.data.matrix(find(name).diet)[:5], 2)
    assert (found[:, 1] > 0.9).all()


def test_lightgbm_does_not_stop_for_validation_rows_of_a_class_that_it_never_saw():
    rng = np.random.default_rng(0)
    X, family = rng.normal(size=(600, 2)), find("lightgbm")
    y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    rare = X[500:], np.where(np.arange(100) % 4, y[500:], 3)
    known = rare[1] < 3
    taken = []
    for valid in (rare, (rare[0][known], rare[1][known])):
        model = family.build(family.space("multiclass").default, Job("multiclass", 4, 0))
        taken.append(family.fit(model, (X[:500], y[:500]), valid))
    assert taken[0] == taken[1] > 10
    alone = family.build(family.space("multiclass").default, Job("multiclass", 4, 0))
    assert family.fit(alone, (X[:500], y[:500]), (X[500:], np.full(100, 3))) >= 1, "there is nothing else to go by"
