"""Identifier columns: codes are identifiers, quantities with a unit are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seasoned import AutoRegressor, SearchSettings
from seasoned.tabular.schema.identifiers import identifier
from seasoned.tabular.schema.schema import Schema

QUICK = {"trials": 1, "random_state": 0, "experience": None, "workers": 1}
LINEAR = SearchSettings(["linear"], ensemble=1)


@pytest.mark.parametrize("form", ["{}.53kg", "{}km", "1:{:02d}.456"])
def test_quantities_with_a_unit_are_no_identifiers(form):
    values = pd.Series([form.format(number) for number in range(30)], dtype="str")
    assert identifier("weight", "text", values) is None
    assert identifier("code", "text", "C-" + values) is not None


@pytest.mark.parametrize("form", ["{:04d}A", "4839{}K{}X"])
def test_codes_of_digits_and_letters_are_identifiers(form):
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZABCD"
    values = pd.Series([form.format(number, letters[number]) for number in range(26)], dtype="str")
    assert identifier("booking", "text", values) is not None


def test_schema_uses_a_column_of_quantities():
    """The only column of a frame contains quantities: the column stays text, and is used."""
    frame = pd.DataFrame({"weight": [f"{number}.5kg" for number in range(40)]})
    assert [column.name for column in Schema.infer(frame).used] == ["weight"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("quarter", [f"{1990 + i // 4}Q{1 + i % 4}" for i in range(40)]),
        ("when", [f"{1990 + i // 4}Q{1 + i % 4}" for i in range(40)]),
        ("when", [f"{1 + i % 12:02d}/{2000 + i // 12}" for i in range(40)]),
        ("when", [f"2024-W{i + 1:02d}" for i in range(40)]),
        ("at", [f"{i // 4:02d}:{15 * (i % 4):02d}" for i in range(40)]),
        ("date_key", list(range(20240101, 20240101 + 40))),
        ("cycle", list(range(40))),
        ("cycleNo", list(range(40))),
        ("Event Dates", list(range(20240101, 20240101 + 40))),
    ],
)
def test_columns_of_times_are_no_identifiers(name, values):
    frame = pd.DataFrame({name: values, "noise": np.random.default_rng(0).normal(size=40)})
    assert name in [column.name for column in Schema.infer(frame).used]


@pytest.mark.parametrize(
    "name", ["message_id", "image_id", "update_id", "ticket_id", "stepId", "birthdate_id", "holidayKey_id"]
)
def test_names_that_only_contain_letters_of_a_time_are_identifiers(name):
    frame = pd.DataFrame({name: 7 * np.arange(40) + 1000, "noise": np.random.default_rng(0).normal(size=40)})
    assert name not in [column.name for column in Schema.infer(frame).used]
    codes = pd.DataFrame({"ticket": [f"T-{i:05d}" for i in range(40)], "noise": np.arange(40) % 7})
    assert "ticket" not in [column.name for column in Schema.infer(codes).used]


def test_a_counter_that_validation_names_is_used(here):
    frame = pd.DataFrame({"counter": np.arange(60), "noise": np.random.default_rng(0).normal(size=60)})
    assert "counter" not in [column.name for column in Schema.infer(frame).used]
    model = AutoRegressor(validation="counter", search=LINEAR, **QUICK).fit(frame, frame["counter"] * 2.0)
    assert "counter" in [column.name for column in model.fitted_.plan.schema.used]
    codes = pd.DataFrame({"code": [f"C-{i:05d}" for i in range(40)], "noise": np.arange(40) % 7})
    assert "code" not in [column.name for column in Schema.infer(codes).used], "codes are still none of use"


def text(*words):
    return pd.Series(list(words), dtype="str")


@pytest.mark.parametrize(
    "words",
    [
        [f"{n // 60}h{n % 60}m" for n in range(61, 121)],
        [f"47.{600 + n}/-122.{300 + n}" for n in range(60)],
        [f"{n % 9}ft{n}in" for n in range(60)],
    ],
)
def test_quantities_of_two_units_or_places_are_no_identifiers(words):
    assert identifier("measured", "category", text(*words)) is None


def test_codes_of_letters_between_numbers_are_identifiers():
    for words in ([f"C-{n:05d}" for n in range(60)], [f"{n}A{n + 1}B" for n in range(60)]):
        assert identifier("measured", "category", text(*words)) is not None


@pytest.mark.parametrize("sort", ["{}/{}", "{}.5x{}.2", "48.{}_2.{}", "10.0.{}:{}"])
def test_pairs_of_numbers_in_one_cell_are_no_identifiers(sort):
    words = pd.Series([sort.format(100 + n, 60 + 2 * n) for n in range(40)])
    told = identifier("size", "text", words)
    assert (told is None) is (sort != "10.0.{}:{}")


@pytest.mark.parametrize("sort", ["{}-{}", "2024/{:05}{}", "000{}_{}", "{}/00{}"])
def test_codes_with_a_dash_or_leading_zeros_are_identifiers(sort):
    words = pd.Series([sort.format(7590 + n, 1234 + 3 * n) for n in range(40)])
    assert identifier("customer", "text", words) is not None
