"""What eight readers with fresh eyes found in tables on 30 November 2026, each as it was found."""

from __future__ import annotations

import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from advised import FEATURES, SCENE, SPACE, guide, loss, play, sampler

from in_process import estimator, stay_in_process
from messy import messy
from seasoned import AutoClassifier, Metric
from seasoned.errors import InvalidInput, PruneReason, StorageError
from seasoned.knowledge.advice.similar_tasks import SimilarTasks
from seasoned.samplers.checks import same
from seasoned.tabular.budget import worker_count, worker_pool
from seasoned.tabular.budget.budget import Budget
from seasoned.tabular.budget.worker_count import with_room_for
from seasoned.tabular.ensemble import member_predictions
from seasoned.tabular.ensemble.reseeded_fits import _folds_of
from seasoned.tabular.experience.advice import TaskAdvice
from seasoned.tabular.experience.record import _gained
from seasoned.tabular.features.pipeline import LEVELS
from seasoned.tabular.fit.parameters import budget_of
from seasoned.tabular.input.sample_roles import read_groups
from seasoned.tabular.metrics.registry import measure_key, resolve
from seasoned.tabular.models.registry import choose, joint_space
from seasoned.tabular.postprocessing import conformal
from seasoned.tabular.postprocessing.conformal import learn_conformal
from seasoned.tabular.postprocessing.out_of_fold import OutOfFold
from seasoned.tabular.preprocessing.character_ngrams import Ngrams
from seasoned.tabular.schema.identifiers import identifier
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.schema.text_parsing import number_style, read_numbers
from seasoned.tabular.search.family_bandit import FamilyBandit
from seasoned.tabular.search.fold_racing import Race
from seasoned.tabular.search.user_configurations import own_starts
from seasoned.tabular.trial.configuration import textual
from seasoned.tabular.trial.trial_row import TrialRow
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState

# ------------------------------------------------------------------------------------------- intervals, pools


def sites(classes):
    """20 groups of 2,000 rows, each with a bias of its own."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(20), 2_000)
    truth = rng.normal(size=20)[group] + 0.01 * rng.normal(size=len(group))
    predicted = np.zeros(len(group))
    if classes:
        truth = (truth > 0).astype(np.int64)
        predicted = np.column_stack([1 - 0.02 * group, 0.02 * group])
    rows = np.arange(len(group))
    return OutOfFold(rows, truth, predicted, None, rows % 5, groups=group)


@pytest.mark.parametrize(("kind", "groups"), [("numbers", 20), ("numbers with a scale", 10), ("classes", 20)])
def test_scores_of_intervals_are_of_all_large_groups(kind, groups, monkeypatch):
    told, codes, scale = sites(kind == "classes"), None, kind == "numbers with a scale"
    if scale:  # a column says where errors are large; half of the groups teach that, the others are scored
        rng = np.random.default_rng(1)
        codes = rng.uniform(size=(len(told.truth), 1))
        told = replace(told, truth=told.truth + 10 * (codes[:, 0] > 0.5) * rng.normal(size=len(codes)))
    some, drawn = conformal._some, []
    monkeypatch.setattr(conformal, "_some", lambda *given: drawn.append(some(*given)) or drawn[-1])
    found = learn_conformal(told, codes, 0)
    assert len(found.scores) == conformal._MOST
    assert (found.scale is not None) == scale
    assert len(np.unique(told.groups[drawn[-1]])) == groups
    if kind == "classes":
        assert len(np.unique(found.scores)) >= 18
    elif not scale:
        assert (np.diff(found.scores) > 0.03).sum() >= 5, "biases of several groups"


def test_rows_that_are_added_for_rare_classes_count_as_among_all(monkeypatch):
    monkeypatch.setattr(member_predictions, "_MOST", 100)
    rng = np.random.default_rng(0)
    y = np.concatenate([np.zeros(900, np.int64), np.arange(100, dtype=np.int64) % 20 + 1])
    p = rng.dirichlet(np.ones(21), 1_000)
    records = SimpleNamespace(out_of_fold=lambda _: p)
    data = SimpleNamespace(
        target=y, weights=None, together=None, known_rows=lambda: np.arange(1_000), fold_of_rows=lambda: y % 3
    )
    objective = SimpleNamespace(
        job=SimpleNamespace(seed=0), metric=SimpleNamespace(n_classes=21), data=data, records=records
    )
    monkeypatch.setattr(member_predictions, "_FEWEST", 100)
    found = member_predictions.pool(objective, [SimpleNamespace(name="a", config={}, weight=1.0)])
    rare = found.truth > 0
    assert rare.mean() > 0.3, "five rows of each class are there"
    assert found.mass[rare].sum() / found.mass.sum() == pytest.approx(0.1)
    assert found.drawn


# ------------------------------------------------------------------------------------------- predict_limit


def ended(number, family, state, values=None, reason=None):
    config = Config({"model": {family: {"x": 0.5}}})
    return [Suggested(number, config), Finished(number, state, values, 1.0, prune_reason=reason)]


def test_a_family_whose_default_is_too_slow_is_drawn_again():
    found = FamilyBandit()
    state = found.init(StudySpec(SPACE, seed=0))
    events = ended(0, "one", TrialState.COMPLETE, (0.1,))
    events += ended(1, "two", TrialState.PRUNED, reason=PruneReason.PREDICTION_TIME)
    events += ended(2, "three", TrialState.PRUNED, reason=PruneReason.FOLDS)
    state = found.tell(state, events)
    assert set(found._weights(state, {})) == {"one", "two"}
    fresh = found.init(StudySpec(SPACE, seed=0))
    assert same(found.tell(found.tell(fresh, events[:3]), events[3:]), state)


def test_with_experience_slow_families_are_foreseen_to_be_of_less_use():
    found = replace(sampler(), paced=True)
    state = found.init(StudySpec(SPACE, seed=3, warm_start=found.warm_start))
    state = found.tell(state, ended(0, "one", TrialState.PRUNED, reason=PruneReason.PREDICTION_TIME))
    assert state.ended == {"one": (0, 1)}


def test_who_may_not_predict_is_nobodys_rival():
    records = SimpleNamespace(of=lambda config: SimpleNamespace(losses=(0.1, 0.2), predict_ms=config["ms"]))
    race = Race(SimpleNamespace(records=records, predict_limit=1.0), True, 5)
    trial = SimpleNamespace(value=0.1, config={"ms": 2.0, "model": {}}, number=9, state=TrialState.COMPLETE)
    assert not race._saw(trial)
    assert race._saw(SimpleNamespace(**{**vars(trial), "config": {"ms": 0.5, "model": {}}}))


# ------------------------------------------------------------------------------------------- run folders, time


def test_models_of_five_folds_predict_however_many_validate():
    def folds(count):
        parted = [(np.delete(np.arange(count), place), np.array([place])) for place in range(count)]
        data = SimpleNamespace(target=np.zeros(count), folds=parted, known_rows=lambda: np.arange(count))
        return _folds_of(SimpleNamespace(data=data, folds=count))

    assert folds(3) == [0, 1, 2]
    assert folds(50) == [0, 10, 20, 30, 40]


def test_a_generator_of_pairs_is_used_up_after_a_fit(cache, monkeypatch):
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=60)
    model = estimator("binary", validation=iter([(np.arange(40), np.arange(40, 60))]))
    model.fit(X, y)
    with pytest.raises(InvalidInput, match=r"holds no pairs; .* pass list\(kf.split\(X, y\)\)"):
        model.fit(X, y)


# ------------------------------------------------------------------------------------------- memory, full disks


def test_a_refit_takes_as_many_workers_as_its_models_fit_into_memory(monkeypatch, caplog):
    monkeypatch.setattr(worker_count, "free_memory", lambda: 10 * 10**9)
    monkeypatch.setattr("seasoned.tabular.budget.budget.resident", lambda _: 0)
    usual = Budget(1e9, 300.0, None, 4, None)
    limited = replace(usual, memory=8 * 10**9)
    assert with_room_for(limited, [10**9] * 4).workers == 4
    assert with_room_for(limited, [2 * 10**9] * 4).workers == 2, "each would be killed at its share"
    with caplog.at_level(logging.INFO):
        assert with_room_for(usual, [4 * 10**9, 10**9, 4 * 10**9, 4 * 10**9]).workers == 2
        assert with_room_for(usual, [6 * 10**9] * 4).workers == 1
    assert "1 fit(s) at a time rather than 4" in caplog.text
    assert with_room_for(replace(usual, told=True), [6 * 10**9] * 4).workers == 4


def test_refit_asks_for_what_its_members_take(cache, monkeypatch):
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=80)
    model = estimator("binary", ("linear", "tree")).fit(X, y)
    asked = []
    monkeypatch.setattr(
        "seasoned.tabular.fit.refit_table.with_room_for", lambda budget, needs: asked.append(needs) or budget
    )
    model.refit(X, y)
    assert len(asked[0]) == len(model.fitted_.members)
    assert all(need > 0 for need in asked[0])


def test_a_disk_that_stays_full_leaves_the_models_of_folds(cache, monkeypatch, caplog):
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=80)

    class Full(worker_pool.LocalExecutor):
        def submit(self, *_, **__):
            raise StorageError("the disk is full")

    monkeypatch.setattr(worker_pool, "LocalExecutor", Full)
    model = estimator("binary", ("linear", "tree")).fit(X, y)
    assert "not all fits are started: the disk is full" in caplog.text
    assert model.predict_proba(X).shape == (80, 2)


def test_a_memory_limit_lowers_the_workers_that_nobody_asked_for(monkeypatch):
    monkeypatch.setattr("seasoned.tabular.fit.parameters.cpu_count", lambda: 64)
    monkeypatch.setattr("seasoned.tabular.budget.budget.resident", lambda _: 300 * 10**6)
    model = AutoClassifier(memory_limit="4GB")
    assert 1 < budget_of(model, 0.0).workers < 64
    with pytest.raises(InvalidInput, match="use fewer workers"):
        budget_of(model.set_params(workers=64), 0.0)


# ------------------------------------------------------------------------------------------- splitters, starts


def test_groups_of_several_types_are_split_by_their_codes():
    names = pd.Series([1, "a", 1, 2, "a", 2] * 5, dtype=object)
    codes, told = read_groups(names, 30)
    np.testing.assert_array_equal(codes, told)
    assert read_groups(pd.Series(["b", "a", "b"]), 3)[1].tolist() == ["b", "a", "b"]


def test_a_start_with_one_step_has_that_step():
    space = joint_space(choose(["lightgbm"]), "regression", ["arithmetic", "groups"])
    (start,) = own_starts([{"lightgbm": {"features": {"made": {"arithmetic": True}}}}], space, [])
    made = start["model"]["lightgbm"]["features"]["made"]
    assert made["arithmetic"] is True
    assert not any(value for name, value in made.items() if name not in {"arithmetic", "columns"})
    assert made["columns"] > 0


# ------------------------------------------------------------------------------------------- columns


def test_n_grams_of_one_text_among_very_many_are_left_out():
    rng = np.random.default_rng(0)
    words = ["red", "white", "green", "black"]
    texts = pd.Series([f"{rng.choice(words)} wine {rng.integers(10**9)}" for _ in range(600)], dtype="str")
    found = Ngrams.fit(texts, seed=0)
    assert " red" in found.ngrams
    few = Ngrams.fit(texts[:400], seed=0)
    assert len(found.ngrams) < 0.8 * len(few.ngrams)
    assert found._loadings.flags.c_contiguous
    long = pd.Series(["tea " * 10_000] * 2, dtype="str")
    np.testing.assert_allclose(found.transform(long), found.transform(long.str.slice(0, 5_000)))


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["(1,234.50)", "12", "7.25"], [-1234.5, 12.0, 7.25]),
        (["\u22125", "4", "\u22120.5"], [-5.0, 4.0, -0.5]),
        (["1'234.50", "12", "($7.25)"], [1234.5, 12.0, -7.25]),
    ],
)
def test_numbers_as_ledgers_and_typographers_write_them(cells, numbers):
    text = pd.Series(cells, dtype="str")
    style = number_style(text)
    assert read_numbers(text, style).tolist() == numbers
    assert number_style(pd.Series(["(-5)", "4"], dtype="str")) is None


@pytest.mark.parametrize("form", ["{}.53kg", "{}km", "1:{:02d}.456"])
def test_quantities_with_a_unit_identify_no_row(form):
    values = pd.Series([form.format(number) for number in range(30)], dtype="str")
    assert identifier("weight", "text", values) is None
    assert identifier("code", "text", "C-" + values) is not None


@pytest.mark.parametrize("form", ["{:04d}A", "4839{}K{}X"])
def test_codes_of_digits_and_letters_are_codes(form):
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZABCD"
    values = pd.Series([form.format(number, letters[number]) for number in range(26)], dtype="str")
    assert identifier("booking", "text", values) is not None


def test_a_column_of_which_nothing_is_known_any_more_is_told_of(fitted, caplog):
    model, X, _ = fitted["binary"]
    column = next(one.name for one in model.fitted_.plan.schema.used if one.kind == "category")
    renamed = X.assign(**{column: X[column].astype(str).str.upper() + "?"})
    model.predict(renamed)
    assert f"cells of {column!r} is a level of the fit (such as" in caplog.text
    caplog.clear()
    model.predict(X.assign(**{column: ["new", *X[column][1:]]}))
    model.predict(renamed.head(10))
    assert "is a level of the fit" not in caplog.text


def test_rows_in_another_order_are_told_of_where_they_are_judged(fitted, caplog):
    model, X, y = fitted["regression"]
    X, y = X.reset_index(drop=True), pd.Series(np.asarray(y))
    for judge in (model.score, model.leaderboard):
        caplog.clear()
        judge(X.sample(frac=1, random_state=0), y)
        assert "X and y have the same index in another order" in caplog.text


# ------------------------------------------------------------------------------------------- experience


def with_start():
    """The guide, and what it knows of a start that stands for the default of its family and is a row of its own."""
    first = guide()
    recalled = first.recalled
    assert recalled.configs[-1] != first.configs[0]
    start = {"model": {"two": {"x": 0.7}}}
    default = next(row for row, config in enumerate(first.configs) if config == {"model": {"two": {"x": 0.5}}})
    scores = np.hstack([recalled.scores, np.full((len(recalled.scores), 1), np.nan)])
    scores[0, -1] = scores[0, default]
    wide = SimilarTasks(
        (*recalled.configs, start),
        scores,
        np.ones_like(scores),
        np.zeros(scores.shape, bool),
        recalled.weights,
        np.full((len(scores), FEATURES), 3.0),
        recalled.names,
        {"id": "1"},
    )
    return TaskAdvice(wide, SCENE, SPACE, 60.0), start


def test_a_start_that_past_tasks_know_is_not_tried_again_and_again():
    known, start = with_start()
    found = sampler(known)
    found = replace(found, defaults=(found.defaults[0], start, found.defaults[2]))
    log, _ = play(found, 20, cost=lambda config: loss(config, centre=0.5))
    asked = [textual(event.config) for event in log if isinstance(event, Suggested)]
    assert len(asked) == len(set(asked))


def test_what_a_search_begins_with_is_no_advice():
    known, start = with_start()
    ((family, settings),) = start["model"].items()
    trials = [TrialRow(0, family, settings, loss=-0.8)]
    assert _gained(trials, known, -0.5, frozenset())["advised"]
    assert not _gained(trials, known, -0.5, frozenset([textual(start)]))["advised"]


def error_of(y, predicted):
    return float(np.mean(y != predicted))


def test_metrics_of_ones_own_are_told_apart_by_what_is_minimised():
    labels = np.array(["no", "yes"])
    one = resolve(Metric(error_of, greater_is_better=False), "binary", 2, labels)
    other = resolve(Metric(error_of, greater_is_better=True), "binary", 2, labels)
    assert measure_key(one) != measure_key(other)
    about = [
        resolve(Metric(error_of, needs="proba", positive=label, greater_is_better=True), "binary", 2, labels)
        for label in labels
    ]
    assert len({measure_key(one) for one in about}) == 2
    assert measure_key(resolve("average_precision", "multiclass", 3)) == "average_precision_macro"
    assert measure_key(resolve("average_precision", "binary", 2)) == "average_precision"


def test_a_start_with_the_levels_of_many_is_known_by_its_familys_default():
    known = guide()
    made = {"features": {"made": {LEVELS: True, "columns": 5}}}
    assert known.row_of_start({"model": {"two": {"x": 0.5, **made}}}) == known.row_of_start(
        {"model": {"two": {"x": 0.5}}}
    )
    others = {"features": {"made": {LEVELS: True, "arithmetic": True, "columns": 5}}}
    assert known.row_of_start({"model": {"two": {"x": 0.5, **others}}}) is None


def test_schema_is_read_once():
    """A frame of one column of quantities stays text, and is used."""
    frame = pd.DataFrame({"weight": [f"{number}.5kg" for number in range(40)]})
    assert [column.name for column in Schema.infer(frame).used] == ["weight"]
