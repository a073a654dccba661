"""What a twelfth reading of the tables found: columns that shift, currencies, quantities, arrays and sets as cells."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from seasoned.errors import InvalidInput
from seasoned.tabular.input.frames import to_frame
from seasoned.tabular.schema.identifiers import identifier
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.schema.text_parsing import number_style, read_numbers


def text(*words):
    return pd.Series(list(words), dtype="str")


# ------------------------------------------------------------------------------------------------ columns


def test_series_of_several_lengths_are_no_table_and_other_indexes_are_told(caplog):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [10.0, np.nan, 30.0, 40.0]})
    with pytest.raises(InvalidInput, match="'a' has 4 values and 'b' 3; pass as many"):
        to_frame({"a": frame["a"], "b": frame["b"].dropna()})
    assert to_frame({"a": frame["a"], "b": frame["b"]})["b"].tolist()[2:] == [30.0, 40.0]
    assert not caplog.records
    assert to_frame({"a": frame["a"], "b": frame["b"].iloc[::-1]})["b"].tolist()[:2] == [40.0, 30.0]
    assert "'a' and 'b' have different indexes" in caplog.text


# ------------------------------------------------------------------------------------------------ currencies


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (("$5", "-$1,234.50", "($7)", "$ 8", "5 $"), (5, -1234.5, -7, 8, 5)),
        (("USD12.50", "13 USD", "$14"), (12.5, 13, 14)),
        (("Rs1250", "Rs. 900", "₹10"), (1250, 900, 10)),
        (("\u221212 €", "1.234,5 €"), (-12, 1234.5)),
        (("5\u2009€", "7\u2009€"), (5, 7)),
    ],
)
def test_one_currency_is_a_sign_around_a_number(words, numbers):
    style = number_style(text(*words))
    assert style is not None
    assert read_numbers(text(*words), style).tolist() == list(numbers)


def test_several_currencies_and_signs_inside_a_number_are_text():
    assert number_style(text("$5", "€7", "₹900")) is None
    assert number_style(text("12€", "3€50", "9€")) is None
    mixed = pd.DataFrame({"p": ["$5", "€7", "₹900"] * 10, "x": np.arange(30) ** 2})
    assert Schema.infer(mixed).columns[0].kind == "category"
    slips = pd.DataFrame({"p": [f"${n}" for n in range(60)] + ["?"], "x": np.arange(61) ** 2})
    assert Schema.infer(slips).columns[0].kind == "numeric"


# ------------------------------------------------------------------------------------------------ quantities


@pytest.mark.parametrize(
    "words",
    [
        [f"{n // 60}h{n % 60}m" for n in range(61, 121)],
        [f"47.{600 + n}/-122.{300 + n}" for n in range(60)],
        [f"{n % 9}ft{n}in" for n in range(60)],
    ],
)
def test_quantities_are_no_identifiers(words):
    assert identifier("measured", "category", text(*words)) is None


def test_codes_still_are():
    for words in ([f"C-{n:05d}" for n in range(60)], [f"{n}A{n + 1}B" for n in range(60)]):
        assert identifier("measured", "category", text(*words)) is not None


# ------------------------------------------------------------------------------------------------ cells


def test_long_arrays_as_cells_are_refused_and_short_ones_told(caplog):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=30), "e": list(rng.normal(size=(30, 1536)))})
    with pytest.raises(InvalidInput, match="arrays of 1,536 values; pass a column for each"):
        Schema.infer(X)
    Schema.infer(X.assign(e=list(rng.normal(size=(30, 3)))))
    assert "arrays of up to 3 values, which are read as text" in caplog.text


def test_sets_as_cells_are_the_same_text_in_each_process():
    code = (
        "from seasoned.tabular.schema.object_columns import to_text; import pandas as pd;"
        "print(to_text(pd.Series([{'red', 'big', 'old'}, frozenset('xyz')])).tolist())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert told == {"""["{'big', 'old', 'red'}", "{'x', 'y', 'z'}"]\n"""}
