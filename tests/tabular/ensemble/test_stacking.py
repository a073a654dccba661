"""A second layer: what it is made of, when it joins, and that it goes wherever the model goes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import PredefinedSplit

from in_process import stay_in_process
from seasoned import AutoClassifier, AutoRegressor, SearchSettings, load
from seasoned.errors import InvalidInput
from seasoned.tabular.budget.worker_pool import WorkerPool
from seasoned.tabular.bundle.consistency_check import check_fitted
from seasoned.tabular.ensemble import stacking
from seasoned.tabular.ensemble.fitted_model import Member, places_below, with_base_models
from seasoned.tabular.ensemble.stacking import add_layer, seconds_of_layer
from seasoned.tabular.trial.results import TrialRecord
from seasoned.tabular.trial.stacked_features import (
    STACKED_ON,
    columns_of,
    split_below,
    stacked,
    width_of,
)
from seasoned.tabular.trial.trial_row import TrialRow

LINE, TREE = {"model": {"linear": {"penalty": 1.0}}}, {"model": {"tree": {"depth": 3}}}


# ------------------------------------------------------------------ configurations and columns


def test_a_configuration_knows_what_it_stands_on():
    config = stacked(TREE, [LINE])
    assert split_below(config["model"]["tree"]) == ({"depth": 3}, (LINE,))
    assert split_below(TREE["model"]["tree"]) == ({"depth": 3}, ())
    assert STACKED_ON not in TREE["model"]["tree"], "the one given is as it was"


@pytest.mark.parametrize(("classes", "width"), [(0, 1), (2, 1), (3, 3)])
def test_the_columns_are_as_many_as_is_said(classes, width):
    said = [np.ones((4, classes)) / classes if classes else np.ones(4) for _ in range(3)]
    found = columns_of(said)
    assert found.shape == (4, 3 * width) == (4, width_of(said, classes))


def members(*configs):
    found = []
    for config in configs:
        ((name, settings),) = config["model"].items()
        found.append(Member(name, settings, None))
    return found


def test_a_member_stands_where_those_below_it_are():
    upper = stacked({"model": {"tree": {}}}, [TREE, LINE])
    all_ = members(upper, LINE, TREE)
    assert places_below(all_[0], all_) == [2, 1]
    assert places_below(all_[1], all_) == []
    assert places_below(all_[0], all_[:2]) is None
    assert list(with_base_models(dict(enumerate(all_)))) == [0, 1, 2]
    assert list(with_base_models({0: all_[0], 2: all_[2]})) == [2]


def test_no_model_stands_on_one_of_the_second_layer():
    upper = stacked({"model": {"tree": {}}}, [LINE])
    above = stacked({"model": {"tree": {}}}, [upper])
    all_ = members(LINE, upper, above)
    assert places_below(all_[2], all_) is None


# ------------------------------------------------------------------ whole fits


def numbers(rows, seed):
    """A line in twenty columns and bends in two others: neither a line nor trees alone learn both."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 22))
    line = X[:, :20] @ np.linspace(0.3, 0.9, 20)
    bends = 4.0 * np.abs(X[:, 20]) + 3.0 * np.abs(X[:, 21])
    return pd.DataFrame(X, columns=[f"c{i}" for i in range(22)]), line + bends + 0.3 * rng.normal(size=rows)


def classes(rows, seed):
    X, y = numbers(rows, seed)
    return X, np.array(["low", "middle", "high"])[np.digitize(y, np.quantile(y, [0.3, 0.6]))]


def fitted(kind, data, layers=2, **more):
    search = SearchSettings(models=["linear", "extra_trees"], folds=3, layers=layers, **more)
    X, y = data(700, 0)
    return kind(time_limit=None, trials=2, search=search, random_state=0, experience=None).fit(X, y)


@pytest.fixture(scope="module")
def regressor():
    with pytest.MonkeyPatch.context() as patch:
        stay_in_process(patch)
        return fitted(AutoRegressor, numbers)


@pytest.fixture(scope="module")
def classifier():
    with pytest.MonkeyPatch.context() as patch:
        stay_in_process(patch)
        return fitted(AutoClassifier, classes)


def uppers(model):
    return [member for member in model.fitted_.members if member.base_configurations]


def test_a_second_layer_joins_where_it_helps(regressor, monkeypatch):
    stay_in_process(monkeypatch)
    (upper,) = uppers(regressor)
    assert upper.name == "extra_trees"
    assert upper.weight == pytest.approx(0.5)
    assert sum(member.weight for member in regressor.fitted_.members) == pytest.approx(1.0)
    X, y = numbers(2_000, 1)
    plain = fitted(AutoRegressor, numbers, layers=1)
    assert not uppers(plain)
    errors = [np.sqrt(np.mean((model.predict(X) - y) ** 2)) for model in (plain, regressor)]
    assert errors[1] < 0.995 * errors[0]


def test_intervals_know_that_validated_rows_were_too_easy_for_it(regressor):
    """The second layer's columns know the targets of validated rows, so what it says of these is too kind."""
    X, y = numbers(2_000, 1)
    lower, upper = regressor.predict_interval(X, coverage=0.9).T
    assert ((lower <= y) & (y <= upper)).mean() > 0.89


@pytest.mark.slow
def test_probabilities_gain_as_well(classifier):
    assert uppers(classifier)
    X, _ = classes(50, 1)
    p = classifier.predict_proba(X)
    assert p.shape == (50, 3)
    assert p.sum(axis=1) == pytest.approx(1.0)


def test_one_row_is_predicted_as_among_others(regressor):
    X, _ = numbers(40, 2)
    together = regressor.predict(X)
    assert [regressor.predict(X.iloc[[place]])[0] for place in (0, 17)] == pytest.approx(together[[0, 17]])


def learned_from_others(board):
    """Rows of a leaderboard whose models learn from others."""
    return [STACKED_ON in board.attrs["configs"][number] for number in board["number"]]


def test_the_leaderboard_shows_it(regressor):
    board = regressor.leaderboard()
    rows = board[learned_from_others(board)]
    assert len(rows) == 1
    assert rows["weight"].iloc[0] == pytest.approx(0.5)
    assert board["number"].is_unique


def test_it_predicts_alone_with_those_below_it(regressor):
    X, y = numbers(500, 3)
    ((_, row),) = regressor.leaderboard()[learned_from_others].iterrows()
    alone = regressor.predict(X, model=int(row["number"]))
    assert np.sqrt(np.mean((alone - y) ** 2)) < 2.0
    places = [place for place, member in enumerate(regressor.fitted_.members) if member.base_configurations]
    assert alone == pytest.approx(regressor.fitted_.predict_each(X)[places[0]])


@pytest.mark.parametrize("which", ["regressor", "classifier"])
def test_it_is_saved_and_loaded_bit_for_bit(which, request, tmp_path):
    model = request.getfixturevalue(which)
    model.save(tmp_path / "m.seasoned")
    again = load(tmp_path / "m.seasoned")
    X, _ = numbers(60, 4)
    np.testing.assert_array_equal(model.fitted_.predict(X), again.fitted_.predict(X))


def test_a_bundle_without_a_model_below_is_refused(regressor):
    found = regressor.fitted_
    kept = tuple(member for member in found.members if member.base_configurations or member.name != "linear")
    total = sum(member.weight for member in kept)
    with pytest.raises(ValueError, match="stacked on is missing"):
        check_fitted(replaced(found, kept, total))


def replaced(found, kept, total):
    return replace(found, members=tuple(replace(member, weight=member.weight / total) for member in kept))


def test_a_bundle_with_another_number_of_models_below_is_refused(regressor, tmp_path):
    regressor.save(tmp_path / "m.seasoned")
    found = load(tmp_path / "m.seasoned").fitted_
    short = tuple(
        replace(member, config={**member.config, STACKED_ON: member.config[STACKED_ON][:1]})
        if member.base_configurations
        else member
        for member in found.members
    )
    with pytest.raises(ValueError, match="another table"):
        check_fitted(replace(found, members=short))


def test_a_refit_learns_the_second_layer_anew(regressor, monkeypatch, tmp_path):
    stay_in_process(monkeypatch)
    regressor.save(tmp_path / "m.seasoned")
    again = load(tmp_path / "m.seasoned")
    X, y = numbers(900, 5)
    again.refit(X, y)
    assert len(uppers(again)) == 1
    assert [member.name for member in again.fitted_.members] == [m.name for m in regressor.fitted_.members]
    test, truth = numbers(2_000, 6)
    errors = [np.sqrt(np.mean((model.predict(test) - truth) ** 2)) for model in (regressor, again)]
    assert errors[1] < 1.05 * errors[0]


class Blocks:
    """A splitter of rows in a row, which remembers how many it was asked about."""

    def __init__(self, blocks=3):
        self.blocks, self.asked = blocks, []

    def split(self, X, y=None, groups=None):
        self.asked.append(len(X))
        parts = np.array_split(np.arange(len(X)), self.blocks)
        return [(np.setdiff1d(np.arange(len(X)), part), part) for part in parts]


def test_a_refit_parts_the_rows_as_validation_does(regressor, monkeypatch, tmp_path):
    stay_in_process(monkeypatch)
    regressor.save(tmp_path / "m.seasoned")
    again = load(tmp_path / "m.seasoned")
    again.validation = Blocks()
    again.refit(*numbers(900, 5))
    assert again.validation.asked == [900]
    assert len(uppers(again)) == 1


def test_a_refit_with_a_splitter_of_the_old_rows_says_so(regressor, monkeypatch, tmp_path, caplog):
    stay_in_process(monkeypatch)
    regressor.save(tmp_path / "m.seasoned")
    for rows, why in ((900, "leaves 200 of 900 rows out"), (500, "")):
        again = load(tmp_path / "m.seasoned")
        again.validation = PredefinedSplit(np.arange(700) % 3)
        caplog.clear()
        again.refit(*numbers(rows, 5))
        (told,) = [record.getMessage() for record in caplog.records if "does not part" in record.getMessage()]
        assert why in told
        assert len(uppers(again)) == 1


# ------------------------------------------------------------------ when it does not join


def noise(rows, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 5))
    return pd.DataFrame(X, columns=list("abcde")), X[:, 0] + rng.normal(size=rows)


def test_it_stays_out_where_it_does_not_help(monkeypatch):
    stay_in_process(monkeypatch)
    model = fitted(AutoRegressor, noise)
    assert not uppers(model)
    assert any(learned_from_others(model.leaderboard())), "it was tried, and may be looked at"


@pytest.mark.slow
def test_what_helps_only_the_rows_it_was_chosen_by_is_refused(monkeypatch):
    stay_in_process(monkeypatch)
    monkeypatch.setattr(stacking, "gains_on_held_out_folds", lambda *_: [0.1, -0.2])
    assert not uppers(fitted(AutoRegressor, numbers))
    monkeypatch.setattr(stacking, "gains_on_held_out_folds", lambda *_: [])
    assert not uppers(fitted(AutoRegressor, numbers))


@pytest.mark.parametrize("more", [{"predict_limit": 50.0}, {"ensemble": 1}])
def test_there_is_none_where_predictions_have_a_limit_or_one_model_is_wanted(monkeypatch, more):
    stay_in_process(monkeypatch)
    model = fitted(AutoRegressor, numbers, **more)
    assert not uppers(model)
    assert not any(learned_from_others(model.leaderboard()))


def objective(rows=600, folds=5, limit=None, seconds=1.0):
    held = np.array_split(np.arange(rows), folds)
    data = SimpleNamespace(
        target=np.zeros(rows),
        folds=[(np.setdiff1d(np.arange(rows), part), part) for part in held],
        known_rows=lambda: np.arange(rows),
        train_share=(folds - 1) / folds,
    )
    records = SimpleNamespace(of=lambda _: TrialRecord(None, seconds))
    return SimpleNamespace(data=data, records=records, folds=folds, predict_limit=limit)


def rows_of(*families):
    return [TrialRow(i, name, {}) for i, name in enumerate(families)]


BUDGET = SimpleNamespace(members=10, workers=2, seconds=300.0)


def kept(found, budget=BUDGET, families=("lightgbm", "extra_trees")):
    rows = rows_of("linear", "lightgbm", "extra_trees")
    return seconds_of_layer(found, [(row, 1 / 3) for row in rows], rows, families, budget)


def test_time_is_kept_for_what_it_will_take():
    fit = 1.25  # seconds on all rows, where one on four fifths of them takes a second
    uppers = 2 * 1.5 * fit  # heavier by their columns
    asking = 6 * uppers + 4 * 3 * fit
    assert kept(objective()) == pytest.approx(3 * 0.3 + 1.3 * (asking + uppers) / 2)


@pytest.mark.parametrize(
    ("found", "budget"),
    [
        (objective(rows=400), BUDGET),
        (objective(folds=2), BUDGET),
        (objective(limit=1.0), BUDGET),
        (objective(seconds=20.0), BUDGET),
        (objective(), SimpleNamespace(members=2, workers=2, seconds=300.0)),
    ],
    ids=["few rows", "two folds", "a limit of predictions", "slow models", "few models"],
)
def test_no_time_is_kept_where_there_will_be_none(found, budget):
    assert kept(found, budget) == 0.0


@pytest.mark.parametrize(
    ("found", "seconds", "members", "settings", "why"),
    [
        (objective(rows=400), 99.0, 10, True, "400 rows are fewer than the 500 that tell if it helps"),
        (objective(folds=2), 99.0, 10, True, "it needs at least 3 folds, and there are 2"),
        (objective(limit=1.0), 99.0, 10, True, "it would predict too slowly for predict_limit"),
        (objective(), 99.0, 2, True, "it needs an ensemble of more than 2 models"),
        (
            objective(),
            99.0,
            10,
            False,
            "none of lightgbm, histogram, extra_trees, forest, of which it is made, takes part",
        ),
        (objective(), 7.0, 10, True, "it takes about 28 s, and 7 s were left"),
        (
            objective(seconds=20.0),
            99.0,
            10,
            True,
            "it takes about 537 s, more than 15% of the limit of 300 s; a limit of",
        ),
    ],
)
def test_a_second_layer_that_is_not_tried_has_its_reason_told(found, seconds, members, settings, why):
    """`layers=2` was dropped in silence."""
    rows = rows_of("linear", "lightgbm", "extra_trees")
    budget = SimpleNamespace(members=members, workers=2, seconds=300.0, layers=2)
    upper = {"lightgbm": {}, "extra_trees": {}} if settings else {}
    layered = add_layer(found, [(row, 1 / 3) for row in rows], rows, upper, WorkerPool(budget), seconds)
    (note,) = layered.notes
    assert note.startswith("layers: no second layer was tried: ")
    assert why in note
    assert not layered.rows
    assert not add_layer(found, [], rows, upper, WorkerPool(SimpleNamespace(layers=1)), seconds).notes


def test_a_second_layer_that_joins_is_told(regressor, classifier):
    for model in (regressor, classifier):
        assert "layers: a second layer of 1 model(s) gets half of the weight" in model.fit_summary_.notes


def test_no_time_is_kept_without_families_for_it():
    assert kept(objective(), families=()) == 0.0


@pytest.mark.parametrize("layers", [0, 3, True, "two"])
def test_other_numbers_of_layers_are_refused(layers):
    with pytest.raises(InvalidInput, match="layers is"):
        SearchSettings(layers=layers)


@pytest.mark.slow
def test_what_is_held_out_of_everything_is_held_out(monkeypatch):
    """No model that says something of a held-out fold, or of the rows that a second layer learns from, has seen it."""
    stay_in_process(monkeypatch)
    seen = []

    def asked(objective, run, base, configs, sources, end):
        fits = []
        whole, last = type(objective.fitter).on_fold, type(objective.fitter).on_all

        def on_fold(self, pipeline, fold, *rest, **more):
            fits.append(fold)
            return whole(self, pipeline, fold, *rest, **more)

        def on_all(self, *given, rows, **more):
            seen.append(set(rows) & set(held))
            assert len(rows) == len(objective.data.target) - len(held), "it learns from all others"
            return last(self, *given, rows=rows, **more)

        monkeypatch.setattr(type(objective.fitter), "on_fold", on_fold)
        for outer, (_, held) in enumerate(objective.data.folds):
            fits.clear()
            within = objective.nested_predictions(sources[0], outer)
            assert not within[held].any()
            for train, valid in fits:
                seen.append(set(train) & (set(held) | set(valid)))
                seen.append(set(valid) & set(held))
            assert len(fits) == len(objective.data.folds) - 1
            others = [objective.nested_predictions(source, outer) for source in sources]
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(type(objective.fitter), "on_all", on_all)
                assert objective.stacked_predictions(configs[0], outer, others).shape == held.shape
        return [1.0]

    monkeypatch.setattr(stacking, "gains_on_held_out_folds", asked)
    fitted(AutoRegressor, numbers)
    assert seen
    assert not any(seen)


@pytest.mark.slow
def test_a_refit_of_a_loaded_model_says_that_its_splitter_is_gone(monkeypatch, tmp_path, caplog):
    stay_in_process(monkeypatch)
    search = SearchSettings(models=["linear", "extra_trees"], layers=2)
    X, y = numbers(700, 0)
    options = {"time_limit": None, "trials": 2, "search": search, "random_state": 0, "experience": None}
    model = AutoRegressor(validation=Blocks(), **options).fit(X, y)
    assert uppers(model)
    model.save(tmp_path / "m.seasoned")
    again = load(tmp_path / "m.seasoned")
    again.refit(X, y)
    assert "could not hold validation=" in caplog.text
    caplog.clear()
    again.set_params(validation=Blocks()).refit(X, y)
    assert "validation=" not in caplog.text


def test_a_second_layer_that_the_metric_refuses_is_left_out():
    def refuse(predicted):
        raise ValueError("the metric failed")

    records = SimpleNamespace(out_of_fold=lambda config: np.ones(5))
    assert stacking.best_layer(SimpleNamespace(records=records, loss_of=refuse), np.ones(5), [TREE]) is None
