"""Scores of texts: the linear model, its state, and the choice of its penalty."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.tabular.preprocessing import text_scores
from seasoned.tabular.preprocessing.hashed_ngrams import LONGEST
from seasoned.tabular.preprocessing.sparse_logistic import LOWEST_SCORE
from seasoned.tabular.preprocessing.text_scores import (
    TextScores,
    choose_inputs,
    count_texts,
    reading_lengths,
    score_loss,
)
from seasoned.tabular.safe_files import npz

LENGTHS = (LONGEST, LONGEST)


def planted(n_classes, rows=400, seed=0):
    """Two text columns: the first tells the target by its words, the second tells nothing."""
    rng = np.random.default_rng(seed)
    kinds = max(n_classes, 3)
    kind = rng.integers(0, kinds, rows)
    words = [[f"w{k}x{number}" for number in range(30)] for k in range(kinds)]
    texts = [" ".join(rng.choice(words[k], 5)) for k in kind]
    noise: list[str | None] = [f"note {number}" for number in rng.integers(0, 50, rows)]
    noise[4] = None
    return [texts, noise], kind


@pytest.mark.parametrize("n_classes", [2, 4])
def test_scores_predict_rows_that_were_held_out(n_classes):
    texts, y = planted(n_classes)
    if n_classes == 2:
        y = (y > 0).astype(int)
    counts = count_texts(texts, LENGTHS)
    penalty, embeds = choose_inputs(counts[:300], y[:300], n_classes, 0)
    assert not embeds
    fitted = TextScores.fit(counts[:300], y[:300], n_classes, longest=LENGTHS, penalty=penalty)
    found = fitted.scores([column[300:] for column in texts])
    assert found.shape == (100, n_classes if n_classes > 2 else 1)
    np.testing.assert_allclose(found, fitted.of_counts(counts[300:]), rtol=1e-6)
    labels = found.argmax(axis=1) if n_classes > 2 else found[:, 0] > 0
    assert (labels == y[300:]).mean() > 0.95
    if n_classes > 2:
        np.testing.assert_allclose(np.exp(found).sum(axis=1), 1.0, rtol=1e-6)
        assert found.min() >= LOWEST_SCORE
    assert score_loss(found, y[300:], np.arange(n_classes)) < 0.3


def test_the_state_survives_a_file():
    texts, y = planted(3)
    counts = count_texts(texts, LENGTHS)
    fitted = TextScores.fit(counts, y, 3, longest=LENGTHS, penalty=1.0)
    again = TextScores.from_arrays(npz.load(npz.dump(fitted.arrays()), TextScores.KINDS), 2)
    np.testing.assert_array_equal(again.scores(texts), fitted.scores(texts))


@pytest.mark.parametrize(
    "change",
    [
        {"ngrams": lambda a: a[::-1]},
        {"ngrams": lambda a: a + 2**40},
        {"ngrams": lambda a: a[1:]},
        {"rarity": lambda a: a[1:]},
        {"weights": lambda a: a[:, :0]},
        {"intercept": lambda a: np.append(a, 0.0)},
        {"intercept": lambda a: a * np.nan},
        {"longest": lambda a: a[:1]},
        {"longest": lambda a: a + 10**9},
    ],
)
def test_a_forged_state_is_refused(change):
    texts, y = planted(3)
    arrays = TextScores.fit(count_texts(texts, LENGTHS), y, 3, longest=LENGTHS, penalty=1.0).arrays()
    forged = arrays | {name: np.ascontiguousarray(edit(arrays[name])) for name, edit in change.items()}
    with pytest.raises((ValueError, InvalidInput)):
        TextScores.from_arrays(npz.load(npz.dump(forged), TextScores.KINDS), 2)


def test_nothing_is_learned_without_a_shared_ngram_or_a_second_class():
    counts = count_texts([["qq", "ww", "ee"]], LENGTHS)
    assert TextScores.fit(counts, np.array([0, 1, 1]), 2, longest=LENGTHS, penalty=1.0) is None
    same = count_texts([["red wine"] * 3], LENGTHS)
    assert TextScores.fit(same, np.array([1, 1, 1]), 2, longest=LENGTHS, penalty=1.0) is None


def test_of_many_ngrams_the_informative_ones_stay(monkeypatch):
    texts, y = planted(3)
    monkeypatch.setattr(text_scores, "_MAX_NGRAMS", 40)
    counts = count_texts(texts, (LONGEST, 0))
    fitted = TextScores.fit(counts, y, 3, longest=(LONGEST, 0), penalty=0.1)
    assert len(fitted.ngrams) == 80  # of each column
    assert (fitted.scores(texts).argmax(axis=1) == y).mean() > 0.8


def test_weights_count_as_repeated_rows():
    texts, y = planted(2)
    y = (y > 0).astype(int)
    counts = count_texts(texts, LENGTHS)
    twice = np.r_[np.arange(400), np.arange(100)]
    weights = np.where(np.arange(400) < 100, 2.0, 1.0)
    weighted = TextScores.fit(counts, y, 2, longest=LENGTHS, penalty=1.0, weights=weights)
    repeated = TextScores.fit(counts[twice], y[twice], 2, longest=LENGTHS, penalty=1.0)
    found = [one.of_counts(counts)[:, 0] for one in (weighted, repeated)]
    assert np.corrcoef(*found)[0, 1] > 0.99


def test_many_classes_have_fewer_ngrams(monkeypatch):
    texts, y = planted(4)
    monkeypatch.setattr(text_scores, "_MAX_WEIGHTS", 160)
    monkeypatch.setattr(text_scores, "_MIN_NGRAMS", 10)
    fitted = TextScores.fit(count_texts(texts, (LONGEST, 0)), y, 4, longest=(LONGEST, 0), penalty=0.1)
    assert len(fitted.ngrams) == 80  # 40 of each column


def test_long_tables_are_read_in_part():
    assert reading_lengths([["short"] * 10, [None] * 10]) == (LONGEST, LONGEST)
    words, characters = reading_lengths([["x" * 3_000] * 5_000])
    assert 0 < characters < words < LONGEST
    assert reading_lengths([["x" * 200] * 100_000]) == (0, 0)


def test_a_class_that_no_training_row_has_costs_the_lowest_score():
    assert score_loss(np.array([[-0.1, -3.0]]), np.array([2]), np.array([0, 1])) == -LOWEST_SCORE
