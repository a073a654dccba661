"""Tasks of few-shot estimators: names of tasks, and rows of several tasks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from few_shot_data import brief
from seasoned import FewShotRegressor
from seasoned.errors import InvalidInput
from seasoned.tabular.few_shot.tasks import read_tasks, refuse_several, task_words

FRAME = pd.DataFrame({"x": [1.0, 2.0, 3.0], "shop": [3, 3, 4], "day": ["mon", "tue", None]})


@pytest.mark.parametrize("labels", [[3, 3, 4], [3.0, 3.0, 4.0], ["3", "3", "4"], np.array([3, 3, 4]), FRAME["shop"]])
def test_labels_are_words(labels):
    assert task_words(labels).tolist() == ["3", "3", "4"]


def test_missing_labels_are_empty_words():
    assert task_words(["a", None, "c"]).tolist() == ["a", "", "c"]
    assert task_words([1.0, np.nan]).tolist() == ["1", ""]


def test_ways_to_name_tasks():
    by_column = read_tasks(FRAME, "shop")
    assert by_column.words.tolist() == ["3", "3", "4"]
    assert by_column.frame.columns.tolist() == ["x", "day"]
    assert by_column.columns == ("shop",)
    both = read_tasks(FRAME, ["shop", "day"])
    assert both.words.tolist() == ["3 | mon", "3 | tue", ""]
    assert both.frame.columns.tolist() == ["x"]
    labels = read_tasks(FRAME, ["a", "b", "a"])
    assert labels.words.tolist() == ["a", "b", "a"]
    assert labels.frame.columns.tolist() == ["x", "shop", "day"]
    assert labels.columns == ()


def test_pandas_groups():
    groups = read_tasks(FRAME.groupby("shop"), None)
    assert groups.words.tolist() == ["3", "3", "4"]
    assert groups.frame.columns.tolist() == ["x", "day"]
    assert groups.columns == ("shop",)
    beside = read_tasks(FRAME[["x"]], FRAME.groupby("day"))
    assert beside.words.tolist() == ["mon", "tue", ""]
    assert beside.frame.columns.tolist() == ["x"]
    by_function = read_tasks(FRAME, FRAME.groupby(lambda row: "even" if row % 2 == 0 else "odd"))
    assert by_function.words.tolist() == ["even", "odd", "even"]


def test_of_groups_only_the_columns_that_are_chosen_are_features():
    chosen = read_tasks(FRAME.groupby("shop")[["x"]], None)
    assert chosen.frame.columns.tolist() == ["x"]
    assert chosen.words.tolist() == ["3", "3", "4"]
    with pytest.raises(InvalidInput):
        read_tasks(FRAME.groupby("shop")["x"], None)


def test_names_that_are_not_there():
    with pytest.raises(InvalidInput, match="no column 'store'"):
        read_tasks(FRAME, "store")
    with pytest.raises(InvalidInput, match="no column 'store'"):
        read_tasks(FRAME, ["shop", "store"])
    with pytest.raises(InvalidInput, match="task is None"):
        read_tasks(FRAME, None)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (["shop"], r"of 2 tasks \(3, 4\); adapt to one at a time, or leave the column 'shop' out"),
        (["shop", "week"], r"of 2 tasks \(3, 4\); .* leave the column 'shop' out"),
        (["shop", "day"], r"of 2 tasks \(3 \| mon, 3 \| tue\); .* leave the columns 'shop', 'day' out"),
    ],
)
def test_rows_of_several_tasks_are_not_one(columns, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        refuse_several(FRAME, columns)


def test_rows_of_one_task_or_of_none_that_is_named_are_one():
    refuse_several(FRAME, ())
    refuse_several(FRAME, ("store",))
    refuse_several(FRAME.iloc[[0, 2]].assign(shop=[3, None]), ("shop",))  # 3.0 and 3 are the same, and None is any
    with pytest.raises(InvalidInput, match=r"of 9 tasks \(0, 1, 2, 3, 4, \.\.\.\)"):
        refuse_several(pd.DataFrame({"shop": range(9)}), ("shop",))


def test_columns_whose_names_are_numbers():
    frame = pd.DataFrame({0: [1.0, 2.0, 3.0], 2: [3, 3, 4], 5: ["a", "b", "a"]})
    for task in (2, np.int64(2)):
        found = read_tasks(frame, task)
        assert found.words.tolist() == ["3", "3", "4"]
        assert found.frame.columns.tolist() == ["0", "5"]
        assert found.columns == ("2",)
    assert read_tasks(frame.groupby(2), None).columns == ("2",)
    both = read_tasks(frame, [2, 5])
    assert both.words.tolist() == ["3 | a", "3 | b", "4 | a"]
    assert both.frame.columns.tolist() == ["0"]
    assert read_tasks(frame, [7, 7, 8]).words.tolist() == ["7", "7", "8"]  # a label a row
    with pytest.raises(InvalidInput, match="no column '7'"):
        read_tasks(frame, 7)


def test_rows_without_a_task_are_told(caplog):
    frame = pd.DataFrame({"x": np.arange(40.0), "shop": np.repeat(["NA", "a", "b", "c", "d", "e", "f", "g"], 5)})
    with pytest.raises(InvalidInput, match="none of the 40 rows says which task it belongs to; empty cells and words"):
        FewShotRegressor().fit(frame.assign(shop="NA"), frame["x"], task="shop")
    FewShotRegressor(brief(), random_state=0).fit(frame, frame["x"], task="shop")
    assert "5 of 40 rows have no task and are left out; empty cells and words such as NA" in caplog.text


@pytest.mark.parametrize("observed", [True, False])
def test_task_names_of_categorical_groups_are_their_categories(observed):
    store = pd.Categorical(["b", "c", "b", "d"], categories=["a", "b", "c", "d"])
    frame = pd.DataFrame({"store": store, "x": range(4)})
    by_name = read_tasks(frame.groupby("store", observed=observed), None)
    by_values = read_tasks(frame.groupby(frame["store"].rename("other"), observed=observed), None)
    assert by_name.words.tolist() == by_values.words.tolist() == ["b", "c", "b", "d"]


def test_task_names_are_spelt_alike_in_groups_and_columns():
    frame = pd.DataFrame({"flag": [True, False, None], "store": ["b", None, "c"], "x": range(3)})
    groups = read_tasks(frame.groupby(["flag", "store"], dropna=False), None)
    assert groups.words.tolist() == read_tasks(frame, list(groups.columns)).words.tolist()


def test_long_task_numbers_keep_their_digits():
    assert task_words([1234567890123456781, 1234567890123456782]).tolist() == [
        "1234567890123456781",
        "1234567890123456782",
    ]
    assert task_words([3]).tolist() == task_words([3.0]).tolist() == task_words(["3"]).tolist()
