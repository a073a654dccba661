"""Numbers in text cells: the style of a column and the values that it yields."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.schema.text_parsing import number_style, read_numbers


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["(1,234.50)", "12", "7.25"], [-1234.5, 12.0, 7.25]),
        (["\u22125", "4", "\u22120.5"], [-5.0, 4.0, -0.5]),
        (["1'234.50", "12", "($7.25)"], [1234.5, 12.0, -7.25]),
    ],
)
def test_numbers_in_ledger_and_typographic_styles_are_read(cells, numbers):
    text = pd.Series(cells, dtype="str")
    style = number_style(text)
    assert read_numbers(text, style).tolist() == numbers
    assert number_style(pd.Series(["(-5)", "4"], dtype="str")) is None


def text(*words):
    return pd.Series(list(words), dtype="str")


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
def test_numbers_with_one_currency_are_read(words, numbers):
    style = number_style(text(*words))
    assert style is not None
    assert read_numbers(text(*words), style).tolist() == list(numbers)


def test_columns_of_several_currencies_or_inner_signs_are_text():
    assert number_style(text("$5", "€7", "₹900")) is None
    assert number_style(text("12€", "3€50", "9€")) is None
    mixed = pd.DataFrame({"p": ["$5", "€7", "₹900"] * 10, "x": np.arange(30) ** 2})
    assert Schema.infer(mixed).columns[0].kind == "category"
    slips = pd.DataFrame({"p": [f"${n}" for n in range(60)] + ["?"], "x": np.arange(61) ** 2})
    assert Schema.infer(slips).columns[0].kind == "numeric"
