"""A fit reads experience and adds to it: never rows, never at the cost of the fit, and nothing where nobody asks."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import get_scorer_names
from sklearn.tree import DecisionTreeClassifier

from in_process import stay_in_process
from seasoned import AutoClassifier, AutoRegressor, CustomModel, Int, SearchSettings, Space, load
from seasoned.errors import InvalidInput
from seasoned.knowledge import Experience, PastStudy, PastTrial
from seasoned.knowledge.experience.locations import Places, add_studies, shipped
from seasoned.knowledge.experience.past_study import UNNAMED, Head
from seasoned.knowledge.meta_features.meta_features import METAFEATURES
from seasoned.tabular.experience import record
from seasoned.tabular.experience.advice import TaskDescription
from seasoned.tabular.experience.record import ExperienceRecorder
from seasoned.tabular.input.target import read_target
from seasoned.tabular.metrics.registry import ZERO_BY_DEFINITION, Metric, measure_key, resolve
from seasoned.tabular.postprocessing.choose_threshold import searched
from seasoned.tabular.trial.trial_row import TrialRow

SEARCH = SearchSettings(folds=2, models=["linear", "tree"])
SECRET = "a level nobody must see"


def table(seed=0, rows=120):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"size": rng.normal(size=rows), "kind": rng.choice([SECRET, "b", "c"], rows)})
    return frame, np.where(frame["size"] + (frame["kind"] == "b") > 0.3, "yes", "no")


def fit(experience, *, make=AutoClassifier, trials=4, seed=0, **options):
    X, y = table(seed)
    y = y if make is AutoClassifier else (y == "yes") + X["size"]
    settings = {"search": SEARCH, "workers": 1, "random_state": 0, **options}
    return make(trials=trials, experience=experience, **settings).fit(X, y), X


@pytest.fixture(autouse=True)
def here(monkeypatch):
    stay_in_process(monkeypatch)


@pytest.fixture
def url(tmp_path, monkeypatch):
    """A store, and nothing that ships beside it."""
    monkeypatch.setattr("seasoned.knowledge.experience.locations.shipped", lambda: Experience.of_studies(()))
    return f"sqlite:///{tmp_path / 'team.db'}"


def tried(model):
    return [(trial.model, trial.config, trial.loss) for trial in model.fitted_.trials]


def test_a_fit_is_kept_and_called_up_and_holds_no_rows(url, tmp_path):
    for seed in range(3):
        model, _ = fit(url, seed=seed)
        assert model.fitted_.experience is None  # three past tasks are the least
    found = Experience.read(url)
    assert len(found) == 3
    assert {head.sort for head in found.heads} == {"binary"}
    assert {head.metric for head in found.heads} == {"roc_auc"}
    assert len({head.family for head in found.heads}) == 1  # the same columns
    assert found.heads[0].baseline == pytest.approx(-0.5)
    assert np.isfinite(found.metafeatures).sum() > 30
    assert found.heads[0].about["trials"] == 4
    model, _ = fit(url, seed=3)
    told = model.fitted_.experience
    assert told["tasks"] == 3
    assert told["id"] == found.id
    assert {one["model"] for one in told["similar"]} <= {"linear", "tree"}
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("team.db"))
    assert SECRET.encode() not in data
    assert b"size" not in data.replace(b"sizes", b"")
    model.save(tmp_path / "m.seasoned")
    assert load(tmp_path / "m.seasoned").fitted_.experience == told


def test_without_experience_nothing_is_read_or_written(url, monkeypatch):
    def refuse(*_):
        raise AssertionError("experience was asked for")

    monkeypatch.setattr("seasoned.tabular.experience.advice.read_places", refuse)
    monkeypatch.setattr("seasoned.tabular.experience.record.describe", refuse)
    monkeypatch.setattr("seasoned.tabular.experience.record.add_studies", refuse)
    model, _ = fit(None)
    assert model.fitted_.experience is None


def test_too_little_experience_changes_nothing(url):
    cold, X = fit(None)
    warm, _ = fit(url)
    assert tried(warm) == tried(cold)
    assert np.array_equal(warm.predict_proba(X), cold.predict_proba(X))


def past(number, penalty):
    rng = np.random.default_rng(number)
    features = {feature.name: float(rng.normal()) for feature in METAFEATURES}
    trials = [
        PastTrial({"model": {"linear": {"penalty": value}}}, -0.9 if value == penalty else -0.6 - 0.001 * value, 0.1)
        for value in (0.5, 2.0, 7.0, 90.0)
    ]
    head = Head(f"t{number}", f"f{number}", sort="binary", metric="roc_auc", baseline=-0.5)
    return PastStudy(head, features, trials)


def test_what_past_tasks_found_best_is_tried_early(url):
    add_studies(url, [past(number, 7.0) for number in range(8)])
    model, _ = fit(url, trials=4)
    assert [trial.model for trial in model.fitted_.trials[:2]] == ["linear", "tree"]  # the defaults that come first
    assert {"penalty": 7.0} in [trial.config for trial in model.fitted_.trials[2:4]]
    fit(url, trials=4, seed=1)
    assert len(Experience.read(url)) == 10


def test_the_same_experience_gives_the_same_fit(url):
    add_studies(url, [past(number, 7.0) for number in range(8)])
    one, X = fit(url, trials=6)
    Experience.read(url)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("DELETE FROM seasoned_past_studies WHERE head LIKE '%rows x%'")
    two, _ = fit(url, trials=6)
    assert tried(one) == tried(two)
    assert np.array_equal(one.predict_proba(X), two.predict_proba(X))


def test_experience_of_classes_is_none_of_numbers(url):
    add_studies(url, [past(number, 7.0) for number in range(8)])
    model, _ = fit(url, make=AutoRegressor)
    assert model.fitted_.experience is None
    assert Experience.read(url).heads[-1].sort == "regression"


def test_a_store_that_cannot_be_written_costs_a_warning(tmp_path, caplog):
    (tmp_path / "own.db").write_bytes(b"no database" * 500)
    with caplog.at_level(logging.WARNING, logger="seasoned"):
        model, X = fit(f"sqlite:///{tmp_path / 'own.db'}")
    assert "is not used" in caplog.text
    assert "not kept as experience" in caplog.text
    assert len(model.predict(X)) == len(X)


def test_a_store_of_nonsense_costs_a_warning(url, caplog):
    studies = [past(number, 7.0) for number in range(8)]
    odd = [replace(study, head=replace(study.head, about={"folds": "many"})) for study in studies]
    add_studies(url, odd)
    with caplog.at_level(logging.WARNING, logger="seasoned"):
        model, X = fit(url)
    assert "8 of 8 studies of an experience are damaged" in caplog.text
    assert model.fitted_.experience is None
    assert len(model.predict(X)) == len(X)


def test_a_table_that_cannot_be_described_is_fitted(url, monkeypatch, caplog):
    def broken(*_):
        raise ZeroDivisionError("no rows at all")

    monkeypatch.setattr("seasoned.tabular.experience.record.describe", broken)
    with caplog.at_level(logging.WARNING, logger="seasoned"):
        model, X = fit(url)
    assert "ZeroDivisionError: no rows at all" in caplog.text
    assert len(model.predict(X)) == len(X)


def test_a_setting_that_is_none_is_still_refused():
    with pytest.raises(InvalidInput, match="experience is"):
        fit("sometimes")


def test_metrics_of_ones_own_are_told_apart_whatever_they_are_called():
    def profit(worth):
        def profit(y, predicted):
            return worth * float(np.mean(y == predicted))

        return profit

    one, same, other = (resolve(profit(worth), "binary", 2) for worth in (1.0, 1.0, 2.0))
    assert one.name == other.name == "profit"
    assert measure_key(one) == measure_key(same) != measure_key(other)
    costs = [resolve(Metric("cost", costs=[[0, 1], [worth, 0]]), "binary", 2) for worth in (5, 5, 6)]
    assert measure_key(costs[0]) == measure_key(costs[1]) != measure_key(costs[2])
    assert measure_key(resolve("f1", "binary", 2)) == "f1"


def test_a_metric_is_the_same_only_where_it_is_the_same():
    labels = np.array(["no", "yes"])
    for about in ("no", "yes"):
        told = measure_key(resolve(Metric("f1", positive=about), "binary", 2, labels))
        assert told == ("f1" if about == "yes" else "f1#other")
        assert measure_key(resolve(Metric("roc_auc", positive=about), "binary", 2, labels)) == "roc_auc"
    assert measure_key(resolve("f1", "multiclass", 3)) == "f1_macro", "a mean over classes"
    assert measure_key(resolve("roc_auc", "multiclass", 3)) == "roc_auc"
    for name in ("balanced_accuracy", "f1"):  # as it is searched for, at each model's best threshold
        assert measure_key(searched(resolve(name, "binary", 2))) == f"{name}#cut"
    assert measure_key(searched(resolve("balanced_accuracy", "multiclass", 3))) == "balanced_accuracy"


def test_metrics_that_are_0_by_definition_have_no_baseline(url):
    fit(url, make=AutoRegressor, metric="r2")
    fit(url, metric="matthews")
    heads = {head.metric: head for head in Experience.read(url).heads}
    assert set(heads) == {"r2", "matthews#cut"}
    assert {head.baseline for head in heads.values()} == {None}


@pytest.mark.parametrize("name", sorted(ZERO_BY_DEFINITION & {*get_scorer_names(), "kappa", "matthews"}))
def test_the_same_prediction_for_all_rows_is_0_there(name):
    rng = np.random.default_rng(0)
    classes = name in {"kappa", "matthews", "matthews_corrcoef", "d2_log_loss_score", "d2_brier_score"}
    y = rng.integers(0, 2, 400) if classes else rng.normal(size=400)
    measure = resolve(name, "binary" if classes else "regression", 2 if classes else 0)
    middle = np.median(y) if name == "d2_absolute_error_score" else y.mean()
    constant = np.tile([1 - y.mean(), y.mean()], (400, 1)) if classes else np.full(400, middle)
    assert measure.loss(y, constant) == pytest.approx(0.0, abs=1e-9)


def test_what_ships_is_read_and_nothing_written(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_EXPERIENCE", str(tmp_path / "own.db"))
    model, _ = fit("shipped", trials=3)
    assert model.fitted_.experience["studies"] == len(shipped())
    assert not (tmp_path / "own.db").exists()


@pytest.mark.parametrize(
    "bounds", [{"_MOST_ROWS": 100}, {"_MOST_CELLS": 300, "_LEAST_ROWS": 100}], ids=["long", "wide"]
)
def test_a_large_table_is_described_by_some_of_its_rows(bounds, monkeypatch):
    X, y = table(rows=400)
    target = read_target(y, "classification")
    whole = record.described(X, target, 0)
    for name, bound in bounds.items():
        monkeypatch.setattr(record, name, bound)
    some = record.described(X, target, 0)
    assert some["log_rows"] == pytest.approx(whole["log_rows"])
    assert some["log_ratio"] == pytest.approx(whole["log_ratio"])
    assert some["zeros"] == whole["zeros"] == 0.0
    assert abs(some["commonest_class"] - whole["commonest_class"]) < 0.15
    again = record.described(X, target, 0)
    assert np.array_equal(list(again.values()), list(some.values()), equal_nan=True)


def test_families_of_the_users_own_are_not_kept(url):
    own = CustomModel("mine", DecisionTreeClassifier(), Space(max_depth=Int(1, 5)), diet="dense")
    search = SearchSettings(folds=2, models=["linear", "tree", own])
    fit(url, search=search, trials=6)
    found = Experience.read(url)
    configs = found.configs(found.configurations).values()
    assert len(found.configurations) >= 3
    assert {next(iter(config["model"])) for config in configs} <= {"linear", "tree"}


def test_a_fit_that_began_without_experience_is_not_resumed_with_it(url, monkeypatch):
    add_studies(url, [past(number, 7.0) for number in range(8)])
    whole, _ = fit(url, trials=3)

    def killed(*_):
        raise RuntimeError("the lights went out")

    with monkeypatch.context() as patch:
        patch.setattr("seasoned.tabular.fit.fit_table.finalize", killed)
        with pytest.raises(RuntimeError, match="lights"):
            fit(None, trials=3)
    X, y = table()
    model = AutoClassifier(trials=3, experience=url, search=SEARCH, workers=1, random_state=0).fit(X, y, resume=True)
    assert tried(model) == tried(whole)
    assert model.fitted_.experience is not None


def test_a_resumed_fit_goes_on_with_the_experience_it_began_with(url, tmp_path, monkeypatch):
    add_studies(url, [past(number, 7.0) for number in range(8)])
    whole, _ = fit(url, trials=6)
    other = f"sqlite:///{tmp_path / 'other.db'}"
    add_studies(other, [past(number, 7.0) for number in range(8)])

    def killed(*_):
        raise RuntimeError("the lights went out")

    with monkeypatch.context() as patch:
        patch.setattr("seasoned.tabular.fit.fit_table.finalize", killed)
        with pytest.raises(RuntimeError, match="lights"):
            fit(other, trials=4)
    add_studies(other, [past(number, 90.0) for number in range(20, 60)])  # what others have learned meanwhile
    X, y = table()
    model = AutoClassifier(trials=6, experience=other, search=SEARCH, workers=1, random_state=0)
    assert tried(model.fit(X, y, resume=True)) == tried(whole)


# ------------------------------------------------------------------ trials that were stopped, and tables without names


def scene(**changes):
    found = TaskDescription(
        {feature.name: 0.5 for feature in METAFEATURES}, -0.5, "binary", "roc_auc", (1000, 3), 5, "f"
    )
    return replace(found, **changes)


def row(number, state, loss, x, model="linear", seconds=1.0):
    return TrialRow(number, model, {"x": x}, state, loss, seconds)


TRIALS = [
    row(0, "complete", -0.8, 0.0),
    row(1, "complete", -0.9, 0.1, "tree"),
    row(2, "complete", -0.7, 0.2),
    row(3, "pruned", None, 0.3, seconds=0.2),
    row(4, "failed", None, 0.4),
    row(5, "pruned", None, 0.5, "tree", seconds=0.3),
    row(6, "cut off", None, 0.6),
]


def kept(url, **options):
    record = ExperienceRecorder(Places(False, url), scene(), **options)
    assert record.keep(TRIALS, None)
    found = Experience.read(url)
    configs = found.configs(found.configurations)
    values = (found.scores, found.stopped, found.failed)
    return {
        next(iter(configs[number]["model"].values()))["x"]: value
        for number, *value in zip(found.configurations.tolist(), *(part.tolist() for part in values), strict=True)
    }


def test_what_the_race_stopped_is_kept_as_at_least_a_tenth_behind_the_best_or_behind_its_own(url):
    found = kept(url)
    assert set(found) == {0.0, 0.1, 0.2, 0.3, 0.4, 0.5}
    assert found[0.3] == [pytest.approx(-0.9 + 0.1 * 0.4), True, False]  # behind all families, far above its own
    assert found[0.5] == [pytest.approx(-0.9), True, False]  # behind the best of its own, by whatever
    assert found[0.1] == [-0.9, False, False]
    assert found[0.4][2]


def test_what_may_have_been_stopped_for_its_pace_says_nothing_of_its_loss(url):
    assert set(kept(url, paced=True)) == {0.0, 0.1, 0.2, 0.4}


@pytest.mark.parametrize(
    ("error", "of_the_configuration"),
    [
        ("ValueError: a leaf is empty", True),
        ("the task was killed using 900 MB, above its limit of 800 MB", True),
        ("OSError: [Errno 28] No space left on device", False),
        ("the worker process was killed by signal SIGTERM", False),
        ("it would take 9 GB, and 2 GB are free on this machine for it; have fewer rows", False),
    ],
)
def test_what_failed_for_the_machines_sake_is_no_failure_of_the_configuration(url, error, of_the_configuration):
    trials = [replace(trial, error=error) if trial.number == 4 else trial for trial in TRIALS]
    assert ExperienceRecorder(Places(False, url), scene()).keep(trials, None)
    assert bool(Experience.read(url).failed.any()) == of_the_configuration


def test_a_memory_knows_why_its_trials_may_be_stopped(url, monkeypatch):
    found = []
    of = ExperienceRecorder.of.__func__
    monkeypatch.setattr(
        ExperienceRecorder, "of", classmethod(lambda cls, *given: found.append(of(cls, *given)) or found[-1])
    )
    fit(url, trials=2)
    fit(url, trials=2, search=replace(SEARCH, predict_limit=1000.0))
    assert [one.paced for one in found] == [False, True]


NAMELESS = [["x0", "x1", "x2"], ["0", "1", "2"], ["V1", "V2"], ["feature_7", "feature_3"], ["7"]]
NAMED = [["age", "size"], ["x0", "x1", "age"], ["x1", "y1"], ["size"]]


@pytest.mark.parametrize("columns", NAMELESS, ids="-".join)
def test_names_that_are_places_make_no_family(columns):
    one, other = ({"log_rows": 2.0, "skew": value} for value in (0.5, 0.7))
    assert record.table_identifier(columns, one).startswith(UNNAMED)
    assert record.table_identifier(columns, one) == record.table_identifier(columns, dict(reversed(one.items())))
    assert record.table_identifier(columns, one) != record.table_identifier(columns, other)


@pytest.mark.parametrize("columns", NAMED, ids="-".join)
def test_names_make_a_family_whatever_the_table_is_like(columns):
    one, other = ({"log_rows": 2.0, "skew": value} for value in (0.5, 0.7))
    assert record.table_identifier(columns, one) == record.table_identifier(columns[::-1], other)
    assert not record.table_identifier(columns, one).startswith(UNNAMED)


def test_the_same_array_is_one_family_and_another_of_its_width_is_not(url):
    for seed in (0, 0, 1):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(100, 4)) ** (1 + 2 * seed)
        fit_array(url, X, X[:, 0] > rng.normal(size=100))
    first, again, other = (head.family for head in Experience.read(url).heads)
    assert first == again != other


def fit_array(url, X, y):
    return AutoClassifier(trials=3, experience=url, search=SEARCH, workers=1, random_state=0).fit(X, y)
