"""Sentence embeddings: where they enter the scores of texts, and the vectors of the package."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from in_process import estimator, stay_in_process
from optional import package
from seasoned import load
from seasoned.errors import MissingExtra
from seasoned.tabular.bundle.replay_check import versions
from seasoned.tabular.fit import score_texts
from seasoned.tabular.preprocessing import sentence_embeddings, text_scores
from seasoned.tabular.preprocessing.hashed_ngrams import LONGEST
from seasoned.tabular.preprocessing.sentence_embeddings import DIMENSIONS, embed_texts
from seasoned.tabular.preprocessing.text_scores import TextScores, choose_inputs, count_texts
from seasoned.tabular.safe_files import npz

LENGTHS = (LONGEST, LONGEST)


def synonyms(rows=600, seed=0):
    """Texts of one rare word each: its meaning, not its letters, tells the class. And the meaning of each word."""
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("abcdefghijklmnop"), 8)) for _ in range(rows // 2)]
    meanings = dict(zip(words, rng.normal(size=(len(words), DIMENSIONS)), strict=True))
    texts = [words[place] for place in rng.integers(0, len(words), rows)]
    return texts, np.array([int(meanings[text][0] > 0) for text in texts]), meanings


def embedder(meanings):
    def embed(texts, longest=LONGEST):
        found = np.array([[meanings.get(text, np.zeros(DIMENSIONS)) for text in column] for column in texts])
        return np.concatenate(list(found), axis=1).astype(np.float32)

    return embed


@pytest.fixture
def stubbed(monkeypatch):
    """Texts, classes, and a package whose vectors know the meaning of the words."""
    texts, y, meanings = synonyms()
    embed = embedder(meanings)
    for module in (text_scores, score_texts):
        monkeypatch.setattr(module, "embed_texts", embed)
        monkeypatch.setattr(module, "has_embeddings", lambda: True)
    return texts, y, embed


def test_embeddings_are_chosen_if_they_lower_the_held_out_loss(stubbed):
    texts, y, embed = stubbed
    counts, vectors = count_texts([texts], LENGTHS), embed([texts])
    assert choose_inputs(counts, y, 2, 0, lambda rows: vectors[rows])[1]
    noise = np.random.default_rng(1).normal(size=vectors.shape).astype(np.float32)
    assert not choose_inputs(counts, y, 2, 0, lambda rows: noise[rows])[1]


def test_the_state_with_embeddings_survives_a_file_and_needs_the_package(stubbed, monkeypatch):
    texts, y, embed = stubbed
    counts = count_texts([texts], LENGTHS)
    fitted = TextScores.fit(counts, y, 2, longest=LENGTHS, penalty=1.0, embedded=embed([texts]))
    assert fitted.embeds
    data = npz.dump(fitted.arrays())
    again = TextScores.from_arrays(npz.load(data, TextScores.KINDS), 1)
    np.testing.assert_array_equal(again.scores([texts]), fitted.scores([texts]))
    with pytest.raises(ValueError, match="do not fit together"):
        TextScores.from_arrays(fitted.arrays() | {"weights": fitted.weights[:-1]}, 1)
    monkeypatch.setattr(text_scores, "has_embeddings", lambda: False)
    with pytest.raises(MissingExtra, match="a model of texts needs 'wordllama'"):
        TextScores.from_arrays(npz.load(data, TextScores.KINDS), 1)


def test_a_fit_uses_them(stubbed, monkeypatch, tmp_path):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    texts, y, _ = stubbed
    X = pd.DataFrame({"text": texts, "n": np.arange(len(y)) % 7})
    model = estimator("classification", metric="roc_auc").fit(X[:500], y[:500])
    assert model.fitted_.plan.scores.embeds
    assert model.score(X[500:], y[500:]) > 0.75


@pytest.mark.parametrize(
    ("most", "characters", "embeds"), [(10**9, True, True), (170_000, False, True), (100_000, True, False)]
)
def test_embeddings_take_the_place_of_character_ngrams_or_are_left_out(
    most, characters, embeds, stubbed, monkeypatch, tmp_path
):
    texts, y, _ = stubbed  # 2 classes x 77,000 for the embeddings, 14,000 for characters, 600 for words
    monkeypatch.setattr(score_texts, "_MAX_WORK", most)
    monkeypatch.setattr(score_texts, "load_texts", lambda folder: [texts])
    monkeypatch.setattr(score_texts, "Arrays", lambda folder: SimpleNamespace(target=y))
    found = score_texts._count(tmp_path, 2, 0, embeddings=True)
    assert (found.longest[1] > 0, found.embeds) == (characters, embeds)
    assert (tmp_path / "embedded.npy").is_file() == embeds


def test_without_the_package_the_error_names_it(monkeypatch):
    monkeypatch.setattr(sentence_embeddings, "EMBEDDING_PACKAGE", "a_package_that_nobody_has")
    with pytest.raises(MissingExtra, match="pip install a_package_that_nobody_has"):
        embed_texts([["text"]], LONGEST)


def test_texts_of_related_meaning_are_near():
    package("wordllama")
    cat, kitten, tax = embed_texts([["the cat sleeps", "a kitten is sleeping", "income tax return"]], LONGEST)
    assert cat @ kitten > 0.3 + cat @ tax
    np.testing.assert_allclose(np.linalg.norm([cat, kitten, tax], axis=1), 1.0, rtol=1e-5)


def test_a_missing_text_has_no_direction_and_long_texts_are_cut():
    package("wordllama")
    found = embed_texts([[None, "", "red"], ["wine " * 9, "wine " * 8, "wine"]], longest=4)
    assert found.shape == (3, 2 * DIMENSIONS)
    assert not found[:2, :DIMENSIONS].any()
    np.testing.assert_array_equal(found[0, DIMENSIONS:], found[2, DIMENSIONS:])
    assert embed_texts([[], []], LONGEST).shape == (0, 2 * DIMENSIONS)


def test_a_bundle_names_the_package(monkeypatch, tmp_path):
    package("wordllama")
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    rng = np.random.default_rng(0)
    kinds = (
        ["cat", "dog", "horse", "mouse", "sheep", "goat", "lion", "wolf", "bear", "duck"],
        ["bank", "loan", "tax", "credit", "debt", "rent", "fund"],
    )
    y = rng.integers(0, 2, 120)
    noise = ["".join(rng.choice(list("bcdfghklmnprst"), 6)) for _ in y]
    X = pd.DataFrame({"text": [f"{rng.choice(kinds[one])} {word}" for one, word in zip(y, noise, strict=True)]})
    model = estimator("classification", metric="log_loss").fit(X, y)
    assert model.fitted_.plan.scores.embeds
    model.save(tmp_path / "m.seasoned")
    np.testing.assert_array_equal(load(tmp_path / "m.seasoned").predict_proba(X), model.predict_proba(X))
    assert "wordllama" in versions(model.fitted_)
