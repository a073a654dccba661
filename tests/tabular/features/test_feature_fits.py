"""Whole fits with feature steps: what was planted is found, and the file of the model predicts the same."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from in_process import estimator, stay_in_process
from optional import needs
from seasoned import SearchSettings, load
from seasoned.tabular.bundle.consistency_check import check_fitted
from seasoned.tabular.features.inputs import feature_width
from seasoned.tabular.features.pipeline import SELECTIONS, STEPS, FeaturePipeline
from seasoned.tabular.fit import plan
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.registry import find
from seasoned.tabular.trial.arrays import Arrays, write_arrays
from seasoned.tabular.trial.cross_validation import CrossValidation

ROWS = 500


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    monkeypatch.setattr(
        "seasoned.tabular.trial.fold_fitter.cpu_count", lambda: 1
    )  # threads only wait on tables this small
    stay_in_process(monkeypatch)


def both(task, X, y, model, features):
    """The losses without and with features, by validation, and the fitted estimator."""
    search = SearchSettings(models=[model], folds=3, features=features, ensemble=1)
    fitted = estimator(task, trials=2, search=search).fit(X, y)
    trials = {next(iter(trial.config["features"])): trial for trial in fitted.fitted_.trials}
    return trials["none"].loss, trials["made"].loss, fitted


def survives(fitted, X, path):
    fitted.save(path)
    again = load(path)
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(again.predict(X.iloc[[3]]), fitted.predict(X.iloc[[3]]))
    assert len(again.predict(X.iloc[:0])) == 0
    assert len(again.predict(X.assign(**dict.fromkeys(X, None)))) == len(X), "empty cells are predicted, too"
    return again.fitted_.members[0].estimator


def sentences(rng, pick=lambda row: slice(None)):
    words = np.array([f"{a}{b}" for a in ("al", "be", "cu", "do", "em") for b in ("ra", "so", "ti", "mu", "no", "le")])
    return [" ".join(rng.choice(words[pick(row)], rng.integers(2, 30))) for row in range(ROWS)]


def test_how_many_words_a_text_has(tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"text": sentences(rng), "x": rng.normal(size=ROWS)})
    X.loc[::50, "text"] = None
    y = X["text"].str.count(" ").fillna(0) + X["x"]
    plain, made, fitted = both("regression", X, y, "tree", ["text_statistics"])
    assert made < 0.5 * plain
    found = survives(fitted, X, tmp_path / "m.seasoned")
    assert [name for name, _ in found.made.steps] == ["text_statistics"]


def test_features_that_were_not_worth_making_before_can_be_on_more_rows():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"text": sentences(rng), "x": rng.normal(size=ROWS)})
    _, _, fitted = both("regression", X, X["text"].str.count(" "), "tree", ["text_statistics"])
    expected, (member,) = fitted.predict(X), fitted.fitted_.members
    nothing = replace(member, estimator=member.estimator.estimator)  # what stays where no column is found
    fitted.restore(replace(fitted.fitted_, members=(nothing,)))
    fitted.refit(X, X["text"].str.count(" "))
    assert [name for name, _ in fitted.fitted_.members[0].estimator.made.steps] == ["text_statistics"]
    np.testing.assert_allclose(fitted.predict(X), expected)


def test_how_loud_a_text_is(tmp_path):
    rng = np.random.default_rng(1)
    loud = rng.random(ROWS) < 0.5
    texts = [text.upper() if shout else text for text, shout in zip(sentences(rng), loud, strict=True)]
    X = pd.DataFrame({"text": texts, "x": rng.normal(size=ROWS)})
    plain, made, fitted = both("classification", X, np.where(loud, "yes", "no"), "linear", ["text_statistics"])
    assert -plain < 0.65, "roc_auc: n-grams are of small letters"
    assert -made > 0.99
    survives(fitted, X, tmp_path / "m.seasoned")


@pytest.fixture
def without_scores(monkeypatch):
    """The plan has no scores of texts, which would tell all that a step tells."""
    monkeypatch.setattr(plan, "scores_of_run", lambda *_: None)


@pytest.mark.usefixtures("without_scores")
def test_which_words_stand_together(tmp_path):
    """Both kinds of texts have the same words, and so nearly the same n-grams of characters; their order differs."""
    rng = np.random.default_rng(2)
    pairs = [("big", "dog"), ("old", "cat"), ("red", "fox"), ("sad", "cow")]
    kind = rng.integers(0, 2, ROWS)

    def text(swapped):
        chosen = rng.choice(4, 3, replace=False)
        return " ".join(f"{pairs[k][0]} {pairs[(k + swapped) % 4][1]} {rng.integers(1e6)}" for k in chosen)

    X = pd.DataFrame({"text": [text(k) for k in kind], "x": rng.normal(size=ROWS)})
    plain, made, fitted = both("classification", X, kind, "linear", ["text_words"])
    assert -made > 0.99
    assert -made > -plain
    survives(fitted, X, tmp_path / "m.seasoned")


@pytest.mark.usefixtures("without_scores")
def test_levels_of_a_text_column_have_means(tmp_path):
    """150 cities with names that tell nothing, met often enough to be learned, among as many names that come once."""
    rng = np.random.default_rng(0)
    city = rng.integers(0, 150, 1500)
    names = np.array(["".join(rng.choice(list("abcdefghijklmnop"), 8)) for _ in range(1150)])
    X = pd.DataFrame({"city": [*names[city], *names[150:]], "x": rng.normal(size=2500)})
    y = np.concatenate([2 * rng.normal(size=150)[city] + 0.5 * rng.normal(size=1500), np.zeros(1000)])
    plain, made, fitted = both("regression", X, y, "linear", ["encoding"])
    assert made < 0.6 * plain
    survives(fitted, X, tmp_path / "m.seasoned")


@pytest.mark.parametrize("model", ["linear", "neighbours"])
def test_noise_is_left_out(tmp_path, model):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(ROWS, 12)), columns=[f"noise {place}" for place in range(12)])
    X = X.assign(a=rng.normal(size=ROWS), b=rng.normal(size=ROWS))
    plain, made, fitted = both("regression", X, np.sin(X["a"]) + X["b"] ** 2, model, ["redundant", "uninformative"])
    assert made < (0.75 if model == "neighbours" else 1.0) * plain
    found = survives(fitted, X, tmp_path / "m.seasoned")
    assert found.made.count == 0
    assert {12, 13} <= set(found.made.selection.tolist())
    assert len(found.made.selection) < 8


def test_a_category_stays_one_where_columns_before_it_are_left_out(tmp_path):
    """LightGBM is told the places of level codes; 40 levels in no order are hard to split as numbers."""
    rng = np.random.default_rng(0)
    level = rng.integers(0, 40, ROWS)
    codes = np.column_stack([rng.normal(size=(ROWS, 5)), level])
    y = 3 * rng.normal(size=40)[level]
    folds = [(np.arange(100, ROWS), np.arange(100)), (np.arange(ROWS - 100), np.arange(ROWS - 100, ROWS))]
    write_arrays(tmp_path, y, folds, {"codes": codes})
    (tmp_path / "trials").mkdir()
    objective = CrossValidation(
        Arrays(tmp_path), Job("regression", 0, 0, categorical=(5,)), resolve("rmse", "regression", 0)
    )
    small = {**find("lightgbm").space("regression").default, "num_leaves": 4, "learning_rate": 0.2, "cat_smooth": 1.0}
    for features in ({"none": {}}, {"made": {"uninformative": True, "columns": 3}}):
        config = {"model": {"lightgbm": {**small, "features": features}}}
        assert objective(config) < 0.5 * y.std()
    refitted = objective.refit(config)
    assert refitted.made.selection[-1] == 5
    assert len(refitted.made.selection) < 6
    assert refitted.estimator.categorical == (len(refitted.made.selection) - 1,)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "catboost"])
def test_boosters_split_levels_of_text_columns(tmp_path, name):
    """120 levels in no order: as categories two leaves tell them apart, and XGBoost has to do with their ranks."""
    needs(name)
    rng = np.random.default_rng(0)
    level = np.where(rng.random(2000) < 0.02, np.nan, rng.integers(0, 120, 2000))
    good = rng.random(120) < 0.5
    y = np.where(np.isnan(level), 0.5, good[np.nan_to_num(level).astype(int)]) + 0.1 * rng.normal(size=2000)
    folds = [(np.arange(500, 2000), np.arange(500))]
    codes = rng.normal(size=(2000, 2))
    write_arrays(tmp_path, y, folds, {"codes": codes})
    np.save(tmp_path / "levels.npy", level[:, None])
    (tmp_path / "trials").mkdir()
    objective = CrossValidation(Arrays(tmp_path), Job("regression", 0, 0), resolve("rmse", "regression", 0))
    space = find(name).space("regression").default
    small = {"num_leaves": 8, "max_depth": 3, "depth": 3, "learning_rate": 0.2, "eta": 0.2}
    settings = {**space, **{key: value for key, value in small.items() if key in space}}
    losses = []
    for features in ({"none": {}}, {"made": {"levels": True, "columns": 20}}):
        config = {"model": {name: {**settings, "features": features}}}
        losses.append(objective(config))
    assert losses[1] < 0.8 * losses[0]
    refitted = objective.refit(config)
    assert tuple(refitted.estimator.categorical) == (() if name == "xgboost" else (2,))  # they are ranks to it
    model, eaten = find(name), np.column_stack([codes, level])
    eaten[:3, 2] = (119, 120, 5_000)
    expected = refitted.estimator.predict(eaten)
    np.testing.assert_array_equal(model.load(model.dump(refitted.estimator)).predict(eaten), expected)


def test_steps_for_texts_are_not_tried_without_any(tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=100), "b": rng.normal(size=100)})
    search = SearchSettings(models=["linear"], folds=2, features=["text_words"])
    fitted = estimator("regression", trials=2, search=search).fit(X, X["a"])
    assert all("features" not in trial.config for trial in fitted.fitted_.trials)


def test_a_file_whose_texts_are_those_of_another_table_is_refused(tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"text": sentences(rng), "x": rng.normal(size=ROWS)})
    _, _, fitted = both("regression", X, X["text"].str.len(), "linear", list(STEPS))
    (member,) = fitted.fitted_.members
    made = member.estimator.made
    state = json.loads(json.dumps(made.to_json()))
    width = state["width"]
    scores = 0 if fitted.fitted_.plan.scores is None else 1
    assert width == feature_width(fitted.fitted_.plan) == 1 + 1 + 20 + scores + 1, "x; frequency, components, level"
    assert FeaturePipeline.from_json(state, width, 1).texts == 1
    for texts in (0, 2):
        with pytest.raises(ValueError, match=r"not there|another table"):
            FeaturePipeline.from_json({**state, "texts": texts}, width, 1)
    with pytest.raises(ValueError, match="another table"):
        FeaturePipeline.from_json(state, width, 0)
    beyond = replace(made, selection=np.array([0, 9_999]))
    changed = replace(member, estimator=replace(member.estimator, made=beyond))
    with pytest.raises(ValueError, match="not there"):
        check_fitted(replace(fitted.fitted_, members=(changed,)))


@pytest.mark.slow
@pytest.mark.parametrize("features", [list(STEPS), list(SELECTIONS)], ids=["steps", "selections"])
@pytest.mark.parametrize("model", ["linear", "tree"])
def test_a_permuted_target_stays_a_coin(model, features):
    """Whatever is made or left out, validation says .50; the mean of 20 deviates by .003, so one run in 1,000 fails."""
    rng = np.random.default_rng(0)
    rows = 2000
    city = np.array([f"{chr(97 + place % 26)}{place * 7919 % 1000}" for place in range(200)])[
        rng.integers(0, 200, rows)
    ]
    numbers = pd.DataFrame(rng.normal(size=(rows, 6)), columns=list("abcdef"))
    X = numbers.assign(city=city, text=[f"{a} {b} {c}" for a, b, c in rng.integers(0, 50, (rows, 3))])
    y = X["a"].to_numpy() * X["b"].to_numpy() > 0
    scores = [both("classification", X, rng.permutation(y), model, features)[:2] for _ in range(20)]
    np.testing.assert_allclose(np.mean(scores, axis=0), -0.5, atol=0.01)
