from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seasoned.errors import InvalidInput
from seasoned.tabular.few_shot_tasks import read_tasks, refuse_several, task_words

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
