"""Vectors of text: what they tell, how they are kept, and which files are refused."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from seasoned.tabular.preprocessing.character_ngrams import Ngrams
from seasoned.tabular.safe_files import npz

WINES = ["red wine", "white wine", "sparkling wine", "green tea", "black tea", "white tea", "mocha", "espresso"]


def series(values):
    return pd.Series(values, dtype="str")


def many(count=300):
    rng = np.random.default_rng(0)
    return series([f"{rng.choice(WINES)} {number:03d} naïve 日本" for number in rng.integers(0, 90, count)])


def test_it_is_latent_semantic_analysis_of_character_ngrams():
    texts = many()
    counting = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4))
    expected = TruncatedSVD(20, random_state=0).fit_transform(counting.fit_transform(texts))
    found = Ngrams.fit(texts, seed=0)
    assert found.width == 20
    lengths = np.linalg.norm(expected, axis=1)
    cosines = np.einsum("ij,ij->i", found.transform(texts), expected) / lengths**2
    np.testing.assert_allclose(cosines[lengths > 0.1], 1.0, atol=1e-3)


def test_texts_that_are_spelt_alike_are_near():
    vectors = Ngrams.fit(many(), seed=0).transform(series(["red wine", "white wines", "green teas", "zzz"]))
    gaps = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    assert gaps[0, 1] < gaps[0, 2]
    assert not vectors[3].any(), "nothing is known of it"


@pytest.mark.parametrize(
    ("texts", "width"), [(["ab", "ab"], 2), (["ab", "cd", "ef"], 3), ([" ", ""], None), ([], None)]
)
def test_of_few_texts_there_are_few_components_and_of_none_none(texts, width):
    found = Ngrams.fit(series(texts), seed=0)
    assert (None if found is None else found.width) == width
    if found is not None:
        assert found.transform(series([])).shape == (0, width)
        assert np.isfinite(found.transform(series(["ab", "xyz"]))).all()


def test_a_file_gives_the_same_bits():
    texts = pd.concat([many(), series(["a\x00b\x00c", "\U0001f600\U0001f601 x", "i̇stanbul"])], ignore_index=True)
    first = Ngrams.fit(texts, seed=0)
    data = npz.dump(first.arrays())
    for again in (Ngrams.from_arrays(npz.load(data, Ngrams.KINDS)), pickle.loads(pickle.dumps(first))):
        assert again.ngrams == first.ngrams
        np.testing.assert_array_equal(again.transform(texts), first.transform(texts))


@pytest.mark.parametrize(
    "change",
    [
        {"rarity": lambda a: a[:-1]},
        {"components": lambda a: a[:, :-1]},
        {"ngrams": lambda a: a[:-1]},
        {"ngrams": lambda a: np.repeat(a[:1], len(a), axis=0)},
        {"ngrams": lambda a: np.full_like(a, -1)},
        {"ngrams": lambda a: np.where(a > 0, 0x110000, a)},
        {"ngrams": lambda a: np.where(a > 0, -7, a)},
    ],
)
def test_arrays_that_are_not_of_one_model_are_refused(change):
    arrays = Ngrams.fit(many(), seed=0).arrays()
    for name, damage in change.items():
        with pytest.raises((ValueError, OverflowError)):
            Ngrams.from_arrays({**arrays, name: damage(arrays[name])})


def test_ngrams_of_one_text_among_very_many_are_left_out():
    rng = np.random.default_rng(0)
    words = ["red", "white", "green", "black"]
    texts = pd.Series([f"{rng.choice(words)} wine {rng.integers(10**9)}" for _ in range(600)], dtype="str")
    found = Ngrams.fit(texts, seed=0)
    assert " red" in found.ngrams
    few = Ngrams.fit(texts[:400], seed=0)
    assert len(found.ngrams) < 0.8 * len(few.ngrams)
    assert found._loadings.flags.c_contiguous
    long = pd.Series(["tea " * 10_000] * 2, dtype="str")
    np.testing.assert_allclose(found.transform(long), found.transform(long.str.slice(0, 5_000)))
