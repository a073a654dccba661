"""Command `seasoned adapt`: few-shot models of tasks in a table."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from commands import call
from few_shot_data import quick, stores
from seasoned import FewShotClassifier, FewShotRegressor, load

KNOWN = 10
ROWS = 60


@pytest.fixture(scope="module")
def table():
    frame, y, store = stores(tasks=14, rows=10)
    return frame.assign(sales=y), store


@pytest.fixture(scope="module")
def saved(table, tmp_path_factory):
    frame, store = table
    known = frame[store < KNOWN]
    model = FewShotRegressor(quick(), random_state=0).fit(known.drop(columns="sales"), known["sales"], task="store")
    path = tmp_path_factory.mktemp("model") / "stores.seasoned"
    model.save(path)
    return path


def half_labelled(frame, rows=5):
    """The target of each store's first rows only."""
    return frame.assign(sales=frame["sales"].where(frame.groupby("store").cumcount() < rows))


def test_new_tasks_are_adapted_and_known_tasks_predicted(table, saved):
    frame, store = table
    new = half_labelled(frame[store >= KNOWN])
    known = frame[store == 0].assign(sales=np.nan)
    rows = pd.concat([new, known])
    rows.to_csv("rows.csv", index=False)
    shown = call("adapt", "rows.csv", "--model", saved).output
    assert "30 predictions written to predictions.csv" in shown
    found = pd.read_csv("predictions.csv")
    assert found.columns.tolist() == ["row", "store", "prediction"]
    assert found["row"].is_monotonic_increasing
    truth = pd.concat([frame[store >= KNOWN], frame[store == 0]])["sales"].to_numpy()[found["row"]]
    assert np.sqrt(np.mean((found["prediction"] - truth) ** 2)) < np.std(truth)
    model = load(saved)
    np.testing.assert_allclose(found["prediction"].tail(10), model.predict(known.drop(columns="sales")), rtol=1e-6)
    one = new[new["store"] == "s12"]
    adapted = model.adapt(one.iloc[:5].drop(columns="sales"), one["sales"].iloc[:5])
    expected = adapted.predict(one.iloc[5:].drop(columns="sales"))
    np.testing.assert_allclose(found.loc[found["store"] == "s12", "prediction"], expected, rtol=1e-6)


def test_table_without_a_task_column_is_one_new_task(table, saved):
    frame, store = table
    rows = half_labelled(frame[store == KNOWN]).drop(columns="store").rename(columns={"sales": "amount"})
    words = ["adapt", "-", "--model", saved, "--target", "amount", "--no-tune", "--out", "-"]
    found = pd.read_csv(io.StringIO(call(*words, given=rows.to_csv(index=False)).stdout))
    assert found.columns.tolist() == ["row", "prediction"]
    assert found["row"].tolist() == [5, 6, 7, 8, 9]


def test_predict_command_takes_the_tasks_of_the_fit(table, saved):
    frame, store = table
    frame[store < 3].to_parquet("known.parquet")
    call("predict", saved, "known.parquet")
    assert len(pd.read_csv("predictions.csv")) == 30


@pytest.mark.slow
def test_adapt_command_fits_the_tasks_of_a_file(table):
    frame, store = table
    frame.assign(sales=np.where(frame["sales"] > 0, "good", "bad"))[store < KNOWN].to_csv("train.csv", index=False)
    words = ["adapt", "train.csv", "--task", "store", "--target", "sales", "--shots", "5", "--seed", "0"]
    assert "few-shot classification model of 10 tasks saved to m.s" in call(*words, "--out", "m.s").output
    model = load("m.s")
    assert isinstance(model, FewShotClassifier)
    assert model.shots == 5
    new = half_labelled(frame.assign(sales=np.where(frame["sales"] > 0, "good", "bad"))[store >= KNOWN])
    new.to_csv("new.csv", index=False)
    call("adapt", "new.csv", "--model", "m.s")
    columns = ["row", "store", "prediction", "probability_bad", "probability_good"]
    assert pd.read_csv("predictions.csv").columns.tolist() == columns


def test_bad_input_of_adapt_is_one_line(table, saved):
    frame, store = table
    frame[store < KNOWN].to_csv("train.csv", index=False)
    new = frame[store == KNOWN]
    new.assign(sales=np.nan).to_csv("none.csv", index=False)
    new.assign(sales=np.nan).drop(columns="store").to_csv("nameless.csv", index=False)
    half_labelled(new.assign(store=[None, *new["store"].iloc[1:]])).to_csv("gap.csv", index=False)
    for words, sentence in (
        (["train.csv"], "give --task and --target to learn"),
        (["train.csv", "--task", "store", "--model", saved], "give --task and --target to learn"),
        (["train.csv", "--task", "store"], "give --target"),
        (["train.csv", "--task", "shop", "--target", "sales"], "no column 'shop'"),
        (["train.csv", "--task", "store", "--target", "price"], "no column 'price'"),
        (["train.csv", "--task", "store", "--target", "sales", "--out", "no/m.s"], "no folder 'no'"),
        (["train.csv", "--model", saved], "all 100 rows have a target"),
        (["train.csv", "--model", saved, "--target", "price"], "no column 'price'"),
        (["none.csv", "--model", saved], "the task 's10' is new and none of its rows has a target 'sales'"),
        (["nameless.csv", "--model", saved], "none of the rows has a target 'sales'"),
        (["gap.csv", "--model", saved], "row 0 has no store"),
        (["none.csv", "--model", "train.csv"], "is no bundle"),
    ):
        error = call("adapt", *words, code=2).stderr
        assert sentence in error, error
        assert error.count("\n") == 1
        assert "Traceback" not in error


@pytest.mark.slow
def test_task_column_with_a_name_of_the_predictions_is_refused(table):
    frame, _ = table
    renamed = frame.rename(columns={"store": "row"})
    model = FewShotRegressor(quick(), random_state=0).fit(renamed.drop(columns="sales"), renamed["sales"], task="row")
    model.save("rows.seasoned")
    renamed.assign(sales=renamed["sales"].mask(renamed.index % 2 == 0)).to_csv("new.csv", index=False)
    error = call("adapt", "new.csv", "--model", "rows.seasoned", "--target", "sales", code=2)
    assert "the column 'row' tells the tasks, and predictions have one of that name; rename it" in error.stderr


@pytest.mark.slow
def test_few_shot_labels_that_look_like_numbers_stay_words():
    rng = np.random.default_rng(0)
    shop, x = np.arange(ROWS) // 6, rng.normal(size=ROWS)
    size = np.where(x > 0.5, "3+", np.where(x > -0.5, "2", "1"))
    frame = pd.DataFrame({"shop": shop, "x": x, "size": size})
    model = FewShotClassifier(quick(), random_state=0)
    model.fit(frame.drop(columns="size"), frame["size"], task="shop").save("m.seasoned")
    new = frame[(shop == 1) & (size != "3+")].assign(shop=99)
    new.assign(size=new["size"].where(np.arange(len(new)) < len(new) - 1)).to_csv("new.csv", index=False)
    call("adapt", "new.csv", "--model", "m.seasoned", "--no-tune")
    found = pd.read_csv("predictions.csv", dtype={"prediction": str})
    assert found["row"].tolist() == [len(new) - 1]
    assert set(found["prediction"]) <= {"1", "2", "3+"}
