"""Columns whose values are many and come again: airports, agents, products."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from optional import needs
from seasoned import AutoRegressor, SearchSettings, load
from seasoned.cli import app
from seasoned.cli.tables.column_formats import format_of
from seasoned.report import report_data
from seasoned.tabular.features.inputs import feature_width, load_feature_inputs, save_texts
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.registry import MODELS, find
from seasoned.tabular.preprocessing.category import ManyLevelsColumn
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.schema.schema import Schema

LEVELS = [f"{a}{b}{c}" for a in "abcdefgh" for b in "ijklm" for c in "nopqr"]  # 200


def table(rows_each=8, seed=0):
    """A number for each of 200 levels, and one row more for each of 30 words that come once."""
    rng = np.random.default_rng(seed)
    places = rng.permutation(np.repeat(np.arange(200), rows_each))
    worth = rng.normal(size=200)
    frame = pd.DataFrame({"airport": np.array(LEVELS)[places], "size": rng.normal(size=len(places))})
    y = worth[places] + 0.1 * rng.normal(size=len(places))
    rare = pd.DataFrame({"airport": [f"rare{place}" for place in range(30)], "size": 0.0})
    return pd.concat([frame, rare], ignore_index=True), np.concatenate([y, np.zeros(30)])


def test_values_that_come_again_are_levels_and_others_are_text():
    X, _ = table()
    X["title"] = [f"{word} {place}" for place, word in enumerate(X["airport"])]
    assert {column.name: column.kind for column in Schema.infer(X).columns} == {
        "airport": "category", "size": "numeric", "title": "text",
    }  # fmt: skip
    twice = pd.DataFrame({"word": LEVELS * 2, "size": range(400)})
    assert Schema.infer(twice).columns[0].kind == "text", "of two rows a level nothing is to be learned"
    assert Schema.infer(pd.concat([twice, twice[:200]])).columns[0].kind == "category"


def test_usual_answers_make_no_category_of_a_comment():
    usual = ["none", "no comment", "-", "see above", "n/a"]
    comments = [f"what I found on page {place} is new" for place in range(300)]
    frame = pd.DataFrame({"comment": [*usual * 140, *comments], "size": range(1000)})
    assert Schema.infer(frame).columns[0].kind == "text"


def test_very_many_levels_stay_text_where_most_rows_would_have_none():
    frame = pd.DataFrame({"word": [f"p{place}" for place in range(4_000)] * 3, "size": range(12_000)})
    assert Schema.infer(frame).columns[0].kind == "text", "2,000 levels have half of the rows"
    assert Schema.infer(frame[frame["word"].str[1:].astype(int) < 2_500]).columns[0].kind == "category"


def test_codes_are_frequencies_and_places():
    words = pd.Series(["b"] * 3 + ["a"] * 5 + ["once", None], dtype="str")
    column = ManyLevelsColumn.fit("word", words)
    assert column.column_levels == (0, 2)
    expected = [[np.log(3), 1.0], [np.log(5), 0.0], [0.0, np.nan], [np.nan, np.nan], [0.0, np.nan]]
    np.testing.assert_allclose(column.codes(pd.Series(["b", "a", "once", None, "new"], dtype="str")), expected)


def test_levels_are_in_the_order_in_which_people_sort():
    words = ["r9", "r10", "r9b", "b", "r100", "10", "9", "r9a10", "r9a9", "r"]
    column = ManyLevelsColumn.fit("word", pd.Series(words * 2, dtype="str"))
    ordered = ["9", "10", "b", "r", "r9", "r9a9", "r9a10", "r9b", "r10", "r100"]
    assert column.codes(pd.Series(ordered, dtype="str"))[:, 1].tolist() == list(range(10))


def test_a_plan_tells_its_many_levels_and_gives_lines_the_first_hundred():
    X, _ = table()
    schema = Schema.infer(X)
    plan = ColumnPlan.fit(schema.apply(X), schema, seed=0)
    assert (plan.categorical, plan.many) == ((1,), (1,))
    dense = plan.transform(X, "dense")
    assert dense.shape == (len(X), 2 + 100) == (len(X), plan.dense.width)
    assert dense[:, 2:].sum() == 800, "each of the levels has eight rows"
    often = X[X["airport"].isin(LEVELS[:60])]
    shown = ColumnPlan.fit(schema.apply(pd.concat([X, often])), schema, seed=0).transform(X, "dense")[:, 2:]
    assert (shown.sum(axis=1) == 1)[X["airport"].isin(LEVELS[:60])].all(), "those with more rows are among them"
    again = ColumnPlan.from_json(json.loads(json.dumps(plan.to_json())), {})
    np.testing.assert_array_equal(again.transform(X, "codes"), plan.transform(X, "codes"))


def test_a_column_of_which_few_levels_come_again_has_a_column_for_each():
    words = [f"w{place}" for place in range(60)] * 10 + [f"once{place}" for place in range(60)]
    frame = pd.DataFrame({"word": words, "size": np.arange(660.0)})
    schema = Schema.infer(frame)
    plan = ColumnPlan.fit(schema.apply(frame), schema, seed=0)
    assert (plan.categorical, plan.many) == ((1,), ())
    assert plan.transform(frame, "dense").shape[1] == plan.dense.width == 1 + 60, "size counts the rows"


@pytest.mark.parametrize(("columns", "shown"), [(1, 100), (5, 80), (30, 20)])
def test_many_such_columns_share_what_is_shown_of_them(columns, shown):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{place}": rng.choice(LEVELS, 2000) for place in range(columns)})
    schema = Schema.infer(frame)
    plan = ColumnPlan.fit(schema.apply(frame), schema, seed=0)
    assert len(plan.many) == columns
    assert plan.dense.width == columns * (1 + shown)


@pytest.mark.parametrize(("rows", "least"), [(300, 2), (4_000, 20), (90_000, 100)])
def test_how_many_rows_lightgbm_wants_of_a_level(rows, least):
    boosting = find("lightgbm")
    X, y = np.random.default_rng(0).integers(150, size=(rows, 1)).astype(float), np.zeros(rows)
    for many, expected in (((), None), ((0,), str(least))):
        config = {**boosting.space("regression").default, "rounds": 1}
        booster = boosting.build(config, Job("regression", 0, 0, categorical=(0,), many=many))
        boosting.fit(booster, (X, y), None)
        told = dict(re.findall(r"\[(\w+): ([^\]]*)\]", booster.booster.model_to_string()))
        assert told["min_data_per_group"] == (expected or "100")


@pytest.mark.parametrize("count", [-5, 0, 1.5, "x", None, [1], True])
def test_forged_counts_are_refused(count):
    X, _ = table()
    schema = Schema.infer(X)
    stored = ColumnPlan.fit(schema.apply(X), schema, seed=0).to_json()
    stored["encoders"][0]["counts"][LEVELS[0]] = count
    with pytest.raises(ValueError, match="counts of values are invalid"):
        ColumnPlan.from_json(stored, {})


def test_lightgbm_sets_few_of_them_apart_and_xgboost_takes_ranks():
    job = Job("binary", 2, 0, categorical=(1, 2), many=(2,))
    boosting = find("lightgbm")
    config = boosting.space("binary").default
    assert boosting.build(config, job).parameters["max_cat_threshold"] == 4
    assert "max_cat_threshold" not in boosting.build(config, Job("binary", 2, 0, categorical=(1, 2))).parameters
    other = MODELS["xgboost"]
    assert other.build(other.space("binary").default, job).categorical == (1,)


@pytest.mark.parametrize(
    "family",
    ["linear", pytest.param("lightgbm", marks=pytest.mark.slow), "histogram", "extra_trees", "xgboost", "catboost"],
)
def test_each_family_learns_them_and_is_read_again(here, family):
    needs(family)
    X, y = table(rows_each=24)
    search = SearchSettings(models=[family], folds=3)
    model = AutoRegressor(trials=1, experience=None, workers=1, random_state=0, search=search).fit(X, y)
    assert model.fitted_.validated.loss < (0.6 if family == "catboost" else 0.9) * y.std()
    model.save(here / "m.seasoned")
    again = load(here / "m.seasoned")
    strange = pd.DataFrame({"airport": ["never", None, LEVELS[7]], "size": 0.5})
    for rows in (X, strange):
        np.testing.assert_array_equal(again.predict(rows), model.predict(rows))
    (row,) = (column for column in report_data(again).columns if column.name == "airport")
    assert "the 200 most common ones that came again" in row.became


def test_numbers_that_are_names_stay_names_in_later_files(here):
    """Postal codes begin with zeros, and a file knows nothing of that."""
    X, y = table()
    codes = {word: f"{place:05d}" if place < 190 else f"X{place}" for place, word in enumerate(LEVELS)}
    X["airport"] = X["airport"].map(codes).fillna("00190")
    search = SearchSettings(models=["linear"], folds=3)
    model = AutoRegressor(trials=1, experience=None, workers=1, random_state=0, search=search).fit(X, y)
    assert "airport" in format_of(model).words
    model.save(here / "m.seasoned")
    later = X[X["airport"].str.isdecimal()].head(20)
    later.to_csv(here / "later.csv", index=False)
    files = [str(here / name) for name in ("m.seasoned", "later.csv", "p.csv")]
    result = CliRunner().invoke(app, ["predict", *files[:2], "--out", files[2]])
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(pd.read_csv(here / "p.csv").iloc[:, -1], model.predict(later), rtol=1e-6)


def test_levels_that_an_older_run_kept_of_text_are_gone(tmp_path):
    X, _ = table()
    schema = Schema.infer(X)
    canonical = schema.apply(X)
    plan = ColumnPlan.fit(canonical, schema, seed=0)
    np.save(tmp_path / "levels.npy", np.zeros((len(X), 1)))
    save_texts(tmp_path, plan, canonical)
    codes = plan.encode(canonical, "codes")
    assert load_feature_inputs(tmp_path, codes, texts=False).codes.shape[1] == feature_width(plan)


def test_a_level_is_the_same_to_catboost_whatever_rows_are_beside_it():
    """Its code is written as a word once for all cells where codes are near each other, else for each cell."""
    needs("catboost")
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.permutation(np.arange(-1.0, 599.0)), rng.integers(0, 3, 600), rng.normal(size=600)])
    X[X == -1] = np.nan
    y = (np.nan_to_num(X[:, 0], nan=0.0) % 3 == 0) + X[:, 1] + 0.1 * rng.normal(size=600)
    model = find("catboost")
    estimator = model.build(
        model.with_rounds(model.space("regression").default, 50), Job("regression", 0, 0, categorical=(0, 1))
    )
    model.fit(estimator, (X, y), None)
    together = estimator.predict(X)
    np.testing.assert_array_equal(np.concatenate([estimator.predict(row[None]) for row in X]), together)
    assert np.corrcoef(together, y)[0, 1] > 0.5


@pytest.mark.parametrize(("repeats", "rarest"), [(8, 8), (1, 1)])
def test_a_new_value_counts_as_often_as_the_rarest(repeats, rarest):
    words = [f"w{place}" for place in range(200)] * repeats
    column = ManyLevelsColumn.fit("word", pd.Series([*words, *words[:50]], dtype="str"))
    found = column.codes(pd.Series(["new", "w199", "w0", None], dtype="str"))[:, 0]
    np.testing.assert_allclose(found, [np.log(rarest), np.log(repeats), np.log(repeats + 1), np.nan])


def test_a_forged_count_of_the_rarest_value_is_refused():
    frame = pd.DataFrame({"airport": LEVELS * 3})
    plan = ColumnPlan.fit(frame.astype("str"), Schema.infer(frame), seed=0)
    state = json.loads(json.dumps(plan.to_json()))
    assert ColumnPlan.from_json(state, {}).encoders == plan.encoders
    for forged in (0, 1.5, None, True):
        state["encoders"][0]["rarest"] = forged
        with pytest.raises(ValueError, match="rarest"):
            ColumnPlan.from_json(state, {})
