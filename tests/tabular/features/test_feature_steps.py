"""Feature steps: they recover what was planted, invent nothing, and survive a file."""

from __future__ import annotations

import copy
import json
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from in_process import estimator, stay_in_process
from messy import messy
from optional import needs
from seasoned import SearchSettings, load
from seasoned.errors import InvalidInput
from seasoned.space import Float, Space
from seasoned.tabular.features.base import Given, Rows, levels_of
from seasoned.tabular.features.cyclic_dates import CycleColumns
from seasoned.tabular.features.pipeline import (
    SELECTIONS,
    STEPS,
    FeaturePipeline,
    choose_steps,
    fit_features,
    starts_with_features,
    steps_for,
    target_columns,
    with_features,
)
from seasoned.tabular.features.relevance import beyond_chance, relevance
from seasoned.tabular.models.registry import find, joint_space
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.trial.featured_model import Featured

N = 1200


def table(y, n_classes=0, categorical=(), seed=0, **columns):
    codes = np.column_stack(list(columns.values())).astype(float)
    return Rows(Given(codes), frozenset(categorical), target_columns(np.asarray(y), n_classes), None, seed)


def given(codes):
    return Given(np.asarray(codes, dtype=float))


def noise(seed=0, rows=N):
    rng = np.random.default_rng(seed)
    return {"a": rng.normal(size=rows), "b": rng.normal(size=rows), "c": rng.exponential(size=rows) + 0.1}


def made_of(name, rows, most=20):
    return STEPS[name].fit(rows, most)


def correlation(columns, y):
    return max(abs(np.corrcoef(np.nan_to_num(column), y)[0, 1]) for column in columns.T)


def test_relevance_sees_any_shape_and_nothing_in_noise():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 60))
    told = relevance(x, (x[:, [0]] > 0) ^ (np.abs(x[:, [0]]) > 1))
    assert told[0] > 0.8
    assert np.abs(told[1:]).max() < beyond_chance(2000, 59)
    assert np.abs(told[1:].mean()) < 0.002, "unbiased"
    assert relevance(np.ones((2000, 1)), x[:, [0]])[0] < beyond_chance(2000, 1), "a constant column tells nothing"
    assert relevance(x[:15], x[:15, [0]]).tolist() == [0.0] * 60, "too few rows"
    assert relevance(x, np.ones((2000, 1))).tolist() == [0.0] * 60, "a constant target"


@pytest.mark.parametrize(
    ("operation", "formula"),
    [
        ("sum", lambda a, b, c: a + c),
        ("difference", lambda a, b, c: a - c),
        ("product", lambda a, b, c: a * b),
        ("ratio", lambda a, b, c: a / c),
        ("inverse", lambda a, b, c: c / a),
    ],
)
def test_arithmetic_finds_the_planted_pair(operation, formula):
    columns = noise()
    y = formula(**columns)
    fitted, found = made_of("arithmetic", table(y, **columns))
    assert fitted.pairs[0][2] == operation
    np.testing.assert_allclose(found[:, 0], y)


def test_arithmetic_among_many_columns():
    rng = np.random.default_rng(1)
    columns = {f"x{k}": rng.uniform(0.5, 2.0, N) for k in range(60)}
    fitted, found = made_of("arithmetic", table(columns["x3"] / columns["x4"], **columns), most=5)
    assert 1 <= fitted.count <= 5
    assert fitted.pairs[0] == (3, 4, "ratio"), "columns that tell something alone are looked at first"
    assert found.shape == (N, fitted.count)


def test_xor_of_quantities_is_in_a_product():
    columns = noise()
    y = (columns["a"] > 0) ^ (columns["b"] > 0)
    fitted, found = made_of("arithmetic", table(y.astype(int), 2, **columns))
    assert fitted.pairs[0] == (0, 1, "product")
    assert np.mean((found[:, 0] > 0) == ~y) == 1.0


def test_xor_of_levels_is_in_the_means_of_pairs():
    rng = np.random.default_rng(0)
    a, b, c = rng.integers(0, 2, (3, N))
    y = a ^ b
    fitted, found = made_of("encoding", table(y, 2, categorical=[0, 1, 2], a=a, b=b, c=c))
    assert [one.columns for one in fitted.encodings] == [(0, 1)]
    assert correlation(found, y) > 0.99
    again = fitted.transform(given([[0.0, 1.0, 0.0], [1.0, 1.0, np.nan], [np.nan, 0.0, 0.0], [7.0, 0.0, 0.0]]))[:, 0]
    assert again[0] > 0.9
    assert again[1] < 0.1
    np.testing.assert_allclose(again[2:], y.mean(), atol=0.01)


def test_group_statistics_find_the_planted_mean():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 80, N)
    level = rng.permutation(80) / 10.0
    x = level[group] + rng.normal(size=N)
    mean = np.array([x[group == g].mean() for g in range(80)])[group]
    for y, statistic in ((mean, "mean"), (x - mean, "deviation")):
        fitted, found = made_of("groups", table(y, categorical=[0], g=group, x=x, z=rng.normal(size=N)))
        assert fitted.statistics[0].statistic == statistic
        assert correlation(found[:, :1], y) > 0.97
    spread = rng.uniform(0.1, 3, 80)
    x = spread[group] * rng.normal(size=N)
    fitted, found = made_of("groups", table(spread[group], g=group, x=x))
    assert fitted.statistics[0].statistic == "spread", "whole numbers may name groups as well"
    assert np.isfinite(fitted.transform(given([[999.0, 1.0], [np.nan, 1.0]]))).all(), "unknown groups"


def test_frequency_counts_levels():
    codes = np.r_[np.zeros(8), np.ones(4), np.full(3, 2.0), [np.nan]]
    fitted, found = made_of("frequency", table(np.arange(16), categorical=[0], a=codes))
    np.testing.assert_allclose(np.exp(found[[0, 8, 12], 0]) - 1, [8, 4, 3])
    assert np.isnan(found[15, 0])
    assert fitted.transform(given([[9.0]]))[0, 0] == 0.0


@pytest.mark.parametrize("name", ["arithmetic", "groups", "encoding", "bins"])
@pytest.mark.parametrize("n_classes", [0, 2, 4])
def test_nothing_is_made_of_noise(name, n_classes):
    """Each seed makes something with a probability of about 1%; of 15, three or more hardly ever."""
    count = 0
    for seed in range(15):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, n_classes, 600) if n_classes else rng.normal(size=600)
        columns = {**noise(seed + 100, 600), "g": rng.integers(0, 9, 600), "h": rng.integers(0, 30, 600)}
        count += made_of(name, table(y, n_classes, categorical=[3, 4], seed=seed, **columns))[0].count > 0
    assert count <= 2


def test_the_order_of_rows_tells_nothing():
    columns = {"a": np.repeat([0.0, 1.0], N // 2), "b": np.tile([0.0, 1.0], N // 2), "g": np.tile(range(4), N // 4)}
    for name in STEPS:
        fitted, _ = made_of(name, table(np.arange(N), categorical=[2], **columns))
        assert fitted.count == 0, name


def test_bins_are_for_what_bends():
    columns = noise()
    y = np.abs(columns["a"]) + columns["b"]
    fitted, found = made_of("bins", table(y, **columns))
    assert [column for column, _ in fitted.thresholds] == [0]
    assert set(np.unique(found)) == {0.0, 1.0}
    line = np.column_stack([np.ones(N), columns["a"], columns["b"]])
    with_steps = np.column_stack([line, found])
    left = [y - x @ np.linalg.lstsq(x, y, rcond=None)[0] for x in (line, with_steps)]
    assert left[1].var() < 0.4 * left[0].var()
    assert made_of("bins", table(columns["a"] * 3 + 1, **columns))[0].count == 0, "a straight line needs none"
    assert np.isnan(fitted.transform(given([[np.nan, 0.0, 0.0]]))).all()


def test_cycles_close():
    month = np.arange(1.0, 13.0)
    rows = Rows(
        given(np.column_stack([month, month * 0])), frozenset(), np.zeros((12, 1)), None, 0, ((0, 12.0), (1, 7.0))
    )
    fitted, found = STEPS["cycles"].fit(rows, 20)
    assert fitted.periods == ((0, 12.0),), "a part that never changes is left out"
    steps = np.linalg.norm(found - np.roll(found, 1, axis=0), axis=1)
    np.testing.assert_allclose(steps, steps[0])


def test_the_plan_knows_which_parts_of_dates_are_cyclic():
    X, _ = messy()
    schema = Schema.infer(X)
    plan = ColumnPlan.fit(schema.apply(X), schema, seed=0)
    codes = plan.transform(X, "codes")
    assert len(plan.cyclic) == 10
    when = X["when"].dt
    expected = [when.month, when.day_of_week, when.day_of_year, when.hour, when.minute]
    for (column, _), part in zip(plan.cyclic[5:], expected, strict=True):
        np.testing.assert_array_equal(codes[:, column], part)


def test_a_training_rows_own_target_never_reaches_it():
    """A level a row met three times: with its own target the column would tell noise; out of fold it tells nothing."""
    rng = np.random.default_rng(0)
    y, level = rng.normal(size=300), np.repeat(np.arange(100), 3)
    rows = table(y, categorical=[0], a=level)
    fold = np.random.default_rng(rows.seed).permutation(300) % 5
    levels = {0: levels_of(rows.codes[:, 0])}
    made = STEPS["encoding"].out_of_fold(rows, rows.aims, (0,), levels, fold)
    others, y = fold != fold[7], rows.aims[:, 0]
    alike = others & (level == level[7])
    assert made[7, 0] == pytest.approx((y[alike].sum() + 10 * y[others].mean()) / (alike.sum() + 10))
    changed = rows.aims.copy()
    changed[7] += 5.0
    again = STEPS["encoding"].out_of_fold(
        Rows(rows.given, rows.categorical, changed, None, 0), changed, (0,), levels, fold
    )
    assert made[7] == again[7]
    assert (made[fold != fold[7]] != again[fold != fold[7]]).any()


def all_steps(columns=20):
    return {"made": {**dict.fromkeys(STEPS, True), "columns": columns}}


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    columns = noise() | {"g": rng.integers(0, 40, N), "h": rng.integers(0, 3, N)}
    columns["a"][::7] = np.nan
    columns["c"] += 2 * rng.normal(size=40)[columns["g"]]
    mean = np.array([columns["c"][columns["g"] == g].mean() for g in range(40)])[columns["g"]]
    y = 3 * np.tanh(columns["a"] * columns["b"]) + mean + 2 * ((columns["g"] + columns["h"]) % 2) + columns["b"] ** 2
    y[::7] = mean[::7]
    rows = table(y, categorical=[3, 4], **columns)
    made, matrix = fit_features(all_steps(), rows, rows.codes, "codes")
    return rows, made, matrix


def test_features_stand_beside_the_columns(fitted):
    rows, made, matrix = fitted
    assert [name for name, _ in made.steps] == ["arithmetic", "groups", "frequency", "encoding", "bins"]
    np.testing.assert_array_equal(matrix[:, :5], rows.codes)
    assert matrix.shape[1] == 5 + made.count
    assert not np.isinf(matrix).any()
    dense = made.extend(rows.given, np.zeros((N, 2)), "dense")
    assert np.isfinite(dense).all()
    assert (np.abs(dense) <= 3).all()
    assert made.extend(given(rows.codes[:0]), rows.codes[:0], "codes").shape == (0, 5 + made.count)
    assert made.extend(given(rows.codes[:1]), rows.codes[:1], "codes").shape == (1, 5 + made.count)
    strange = np.array([[np.nan] * 5, [1e37] * 5, [-1.0, 0.0, 0.0, 99.0, np.nan]])
    assert not np.isinf(made.extend(given(strange), strange, "codes")).any()
    assert np.isfinite(made.extend(given(strange), strange[:, :0], "dense")).all()


def test_features_survive_a_file(fitted):
    rows, made, _ = fitted
    again = FeaturePipeline.from_json(json.loads(json.dumps(made.to_json(), allow_nan=False)), 5)
    for diet in ("codes", "dense"):
        expected = made.extend(rows.given, rows.codes, diet)
        np.testing.assert_array_equal(again.extend(rows.given, rows.codes, diet), expected)


def changed(state, path, value):
    state = copy.deepcopy(state)
    inner = state
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return state


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("width",), 6),
        (("steps",), []),
        (("steps", 0, 0), "oracle"),
        (("steps", 0, 1, "pairs", 0), [0, 5, "sum"]),
        (("steps", 0, 1, "pairs", 0), [-1, 0, "sum"]),
        (("steps", 0, 1, "pairs", 0), [0, 1, "power"]),
        (("steps", 1, 1, "statistics", 0, "group"), 9),
        (("steps", 1, 1, "statistics", 0, "quantity"), True),
        (("steps", 1, 1, "statistics", 0, "statistic"), "median"),
        (("steps", 1, 1, "statistics", 0, "summary"), [1.0]),
        (("steps", 1, 1, "statistics", 0, "values", 0), 1e9),
        (("steps", 1, 1, "statistics", 0, "values", 0), float("nan")),
        (("steps", 2, 1, "tables", 0, 0), 5),
        (("steps", 2, 1, "tables", 0, 2), [1.0]),
        (("steps", 2, 1, "tables", 0, 2, 0), -5.0),
        (("steps", 3, 1, "encodings", 0, "columns"), [0, 1, 2]),
        (("steps", 3, 1, "encodings", 0, "columns"), [0, 7]),
        (("steps", 3, 1, "encodings", 0, "means"), ["x"]),
        (("steps", 3, 1, "encodings", 0, "keys"), []),
        (("steps", 4, 1, "thresholds", 0, 0), 5),
        (("steps", 4, 1, "thresholds", 0, 1), [1.0, 0.0]),
        (("steps", 0), ["cycles", {"periods": [[0, -1.0]]}]),
        (("steps", 0), ["cycles", {"periods": [[5, 7.0]]}]),
        (("dense", "centre"), [0.0]),
        (("dense", "scale", 0), float("inf")),
        (("dense", "levels", 0), 3),
    ],
)
def test_a_forged_file_is_refused(fitted, path, value):
    with pytest.raises((ValueError, KeyError, TypeError)):
        FeaturePipeline.from_json(changed(fitted[1].to_json(), path, value), 5)


def test_spaces_with_features():
    plain = Space(penalty=Float(0.1, 1.0, default=0.5))
    assert with_features(plain, ()) is plain
    space = with_features(plain, ["arithmetic", "groups"])
    assert space.default == {"penalty": 0.5, "features": {"none": {}}}
    own = Space(features=Float(0.1, 1.0))
    assert with_features(own, ["groups"]) is own
    assert choose_steps(None) == ()
    assert choose_steps(["groups", "arithmetic"]) == ("arithmetic", "groups")
    assert steps_for(None, 11_999) == steps_for([], 12_000) == ()
    assert steps_for(None, 12_000) == ("text_statistics", "text_words")
    assert steps_for("all", 10) == (*STEPS, *SELECTIONS)
    assert steps_for(["groups"], 12_000) == ("groups",)
    with pytest.raises(InvalidInput, match="no feature step 'oracle'"):
        choose_steps(["oracle"])
    with pytest.raises(InvalidInput, match="pass a list"):
        choose_steps("groups")


class Splitter:
    """A family that splits categories natively, by its own word."""

    name, diet, splits_levels = "splitter", "codes", True

    def space(self, task):
        return Space(depth=Float(1.0, 9.0, default=3.0))


def test_who_can_use_the_levels_of_columns_with_very_many_begins_with_them():
    space = joint_space([find("linear"), Splitter()], "binary", levels=True)
    families = space.parameters["model"].options
    assert "features" not in families["linear"].parameters
    starts = [{"model": {name: {}}} for name in ("linear", "splitter")]
    linear, splitter = starts_with_features(starts, space)
    assert linear == {"model": {"linear": {}}}
    assert splitter == {"model": {"splitter": {"features": {"made": {"levels": True, "columns": 20}}}}}
    with_others = joint_space([Splitter()], "binary", ["arithmetic"], levels=True)
    plain, made = starts_with_features(starts[1:], with_others)
    assert plain["model"]["splitter"]["features"] == {"none": {}}
    assert made["model"]["splitter"]["features"]["made"] == {"arithmetic": True, "levels": True, "columns": 20}


def test_levels_of_text_reach_catboost_without_being_asked_for(here):
    """A level says everything, and its letters nothing: 150 levels, each six times, among words that come once."""
    needs("catboost")
    rng = np.random.default_rng(0)
    words = np.array([f"{a}{b}" for a in "abcdefghijklmno" for b in "pqrstuvwxy"])
    levels = np.repeat(np.arange(150), 6)
    y = rng.normal(size=150)[levels] + 0.1 * rng.normal(size=900)
    table = pd.DataFrame({"word": [*words[levels], *(f"z{place}" for place in range(600))]})
    model = estimator("regression", ["catboost"]).fit(table, np.concatenate([y, np.zeros(600)]))
    assert model.fitted_.members[0].config["features"] == {"made": {"levels": True, "columns": 20}}
    assert model.fitted_.validated.loss < 0.6


def test_no_features_are_the_matrix_itself(fitted):
    rows = fitted[0]
    for config in (None, {"none": {}}, {"made": {"arithmetic": False, "columns": 20}}):
        made, matrix = fit_features(config, rows, rows.codes, "codes")
        assert made is None
        assert matrix is rows.codes


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)


def both(task, X, y, model, **options):
    """Scores without and with features, by validation, and the fitted estimator."""
    search = SearchSettings(models=[model], folds=3, features=list(STEPS), **options)
    fitted = estimator(task, trials=2, search=search).fit(X, y)
    board = fitted.leaderboard().set_index("number")
    configs = fitted.leaderboard().attrs["configs"]
    assert [next(iter(configs[number]["features"])) for number in sorted(configs)] == ["none", "made"]
    score = board.iloc[:, 2].sort_index()
    return score[0], score[1], fitted


@pytest.mark.parametrize(
    ("rows", "text", "found"),
    [(11_999, True, [None, None]), (12_000, False, [None, None]), (12_000, True, ["none", "made"])],
)
def test_steps_of_texts_are_tried_where_rows_are_many(here, rows, text, found):
    X = pd.DataFrame(noise(rows=rows))
    if text:
        X["words"] = [f"word{row} of text {row * 7919}" for row in range(rows)]
    fitted = estimator("regression", trials=2, search=SearchSettings(["linear"], folds=2, ensemble=1)).fit(X, X["a"])
    configs = fitted.leaderboard().attrs["configs"]
    assert [next(iter(configs[number].get("features", [None]))) for number in sorted(configs)] == found


@pytest.mark.parametrize("model", ["linear", "tree"])
def test_a_whole_fit_recovers_a_planted_ratio(here, tmp_path, model):
    X = pd.DataFrame(noise(rows=600))
    y = X["a"] / X["c"]
    plain, made, fitted = both("regression", X, np.sign(y) * np.log1p(np.abs(y)), model, ensemble=1)
    assert made < 0.7 * plain, "rmse"
    fitted.save(tmp_path / "model.seasoned")
    again = load(tmp_path / "model.seasoned")
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(again.predict(X[["c", "b", "a"]].head(3)), fitted.predict(X.head(3)))
    assert np.isfinite(again.predict(X.assign(c=None))).all()


def test_a_whole_fit_recovers_a_planted_xor(here):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.choice(["u", "v"], 400), "b": rng.choice(["x", "y"], 400), "c": rng.normal(size=400)})
    plain, made, _ = both("classification", X, (X["a"] == "u") ^ (X["b"] == "x"), "linear")
    assert plain < 0.65, "roc_auc"
    assert made > 0.99


def test_a_whole_fit_recovers_a_planted_xor_of_quantities(here):
    X = pd.DataFrame(noise(rows=500))
    plain, made, _ = both("classification", X, (X["a"] > 0) ^ (X["b"] > 0), "linear")
    assert plain < 0.65, "roc_auc"
    assert made > 0.99


def test_a_whole_fit_recovers_planted_group_means(here):
    rng = np.random.default_rng(0)
    group = rng.integers(0, 60, 1200)
    x = rng.normal(size=60)[group] + rng.normal(size=1200)
    mean = np.array([x[group == g].mean() for g in range(60)])[group]
    X = pd.DataFrame({"g": [f"g{g}" for g in group], "x": x, "z": rng.normal(size=1200)})
    plain, made, _ = both("regression", X, mean, "tree")
    assert made < 0.7 * plain


def test_a_forged_bundle_is_refused(here, tmp_path):
    X = pd.DataFrame(noise(rows=400))
    fitted = both("regression", X, np.tanh(X["a"] * X["b"]), "tree", ensemble=1)[2]
    assert any(isinstance(member.estimator, Featured) for member in fitted.fitted_.members)
    fitted.save(tmp_path / "model.seasoned")
    with zipfile.ZipFile(tmp_path / "model.seasoned") as archive:
        assert "features-0.json" in archive.namelist()
    member = fitted.fitted_.members[0]
    narrow = replace(member.estimator.made, steps=(("cycles", CycleColumns(((0, 7.0),))),))
    wrong = replace(fitted.fitted_, members=(replace(member, estimator=Featured(member.estimator.estimator, narrow)),))
    fitted.restore(wrong)
    fitted.save(tmp_path / "model.seasoned")
    with pytest.raises(InvalidInput):
        load(tmp_path / "model.seasoned")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["linear", "tree"])
def test_a_permuted_target_stays_a_coin(here, model):
    """Whatever is made and chosen, validation says .50; the mean of 20 deviates by .003, so one run in 1,000 fails."""
    rng = np.random.default_rng(0)
    columns = noise(rows=2000) | {"g": rng.integers(0, 50, 2000), "h": rng.integers(0, 4, 2000)}
    X = pd.DataFrame(columns).astype({"g": "category", "h": "category"})
    y = (X["a"] / X["c"] > 0.2).to_numpy()
    scores = [both("classification", X, rng.permutation(y), model)[:2] for _ in range(20)]
    np.testing.assert_allclose(np.mean(scores, axis=0), 0.5, atol=0.01)
