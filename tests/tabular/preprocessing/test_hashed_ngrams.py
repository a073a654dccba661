"""Counts of hashed words and character n-grams."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.tabular.preprocessing import hashed_ngrams
from seasoned.tabular.preprocessing.hashed_ngrams import BUCKETS, count_characters, count_words

TEXTS = ["The red wine", None, "  ", "A RED wine!", "葡萄酒很好喝", "x", "\ud800 half a pair"]


@pytest.mark.parametrize("count", [count_words, count_characters])
def test_counts_do_not_depend_on_case_or_on_other_texts(count):
    whole = count(TEXTS)
    assert whole.shape == (len(TEXTS), BUCKETS)
    for place, text in enumerate(TEXTS):
        assert (whole[[place]] != count([text])).nnz == 0
    assert (count(["Red Wine"]) != count(["red wine"])).nnz == 0
    assert whole[[1, 2]].nnz == 0
    assert count([]).shape == (0, BUCKETS)


def test_blocks_of_texts_change_nothing(monkeypatch):
    whole = count_characters(TEXTS * 5)
    monkeypatch.setattr(hashed_ngrams, "_BLOCK", 10)
    assert (count_characters(TEXTS * 5) != whole).nnz == 0


def test_an_ngram_stays_within_a_word():
    apart, joined = count_characters(["ab cd"]), count_characters(["abcd"])
    assert apart.sum() == 12  # " a", "ab", "b ", " c", "cd", "d ", " ab", "ab ", " cd", "cd ", " ab ", " cd "
    assert joined.sum() == 12  # 5 pairs, 4 triples and 3 of four
    shared = apart.minimum(joined).sum()
    assert shared == 6  # " a", "ab", "cd", "d ", " ab", "cd "


@pytest.mark.parametrize("count", [count_words, count_characters])
def test_only_the_beginning_of_a_text_is_read(count):
    assert (count(["red wine and more"], 8) != count(["red wine"], 8)).nnz == 0
    assert count(["红酒" * 10]).sum() > 0


def test_different_ngrams_rarely_share_a_bucket():
    words = [f"{first}{second}{third}" for first in "abcdefghij" for second in "klmnopqrst" for third in "uvwxyz"]
    buckets = np.unique(count_characters(words).indices)
    expected = (
        10 + 6 + 100 + 60 + 100 + 60 + 600 + 600 + 600
    )  # " a", "u ", "ak", "ku", " ak", "ku ", "aku", " aku", "aku "
    assert len(buckets) > 0.99 * expected
