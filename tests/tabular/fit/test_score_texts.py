"""Scores of texts in a fit: learned out of fold, used by every family, saved, resumed, and left out if useless."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from in_process import stay_in_process
from seasoned import AutoClassifier, AutoRegressor, SearchSettings, load
from seasoned.execution.base import Ending
from seasoned.tabular.fit import score_texts
from seasoned.tabular.trial.run_folder import RunFolder

QUICK = {"time_limit": None, "trials": 2, "random_state": 0, "experience": None}
LINEAR = SearchSettings(models=["linear"], folds=3)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)


def reviews(rows=300, seed=0):
    """Rare words that tell the class, each row with several of many: too many for components of characters."""
    rng = np.random.default_rng(seed)
    good = rng.random(rows) < 0.5
    syllables = ["ba", "ke", "lo", "mi", "nu", "po", "ra", "se", "ti", "vu"]
    words = ["".join(rng.choice(syllables, 3)) for _ in range(400)]
    texts = [
        " ".join([*rng.choice(words[:200] if fine else words[200:], 4), *rng.choice(words, 8)]) + f" {place}"
        for place, fine in enumerate(good)
    ]
    return pd.DataFrame({"text": texts, "n": rng.normal(size=rows)}), np.where(good, "good", "bad")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEASONED_CACHE", str(tmp_path_factory.mktemp("cache")))
        stay_in_process(patch)
        X, y = reviews(600)
        return AutoClassifier("roc_auc", search=LINEAR, **QUICK).fit(X[:450], y[:450]), X, y


def test_words_tell_the_class(fitted):
    model, X, y = fitted
    assert model.fitted_.plan.scores.count == 1
    assert model.score(X[450:], y[450:]) > 0.85
    assert 0.7 < model.fitted_.validation_score < model.score(X[450:], y[450:])  # with two thirds of the rows


def test_the_file_predicts_the_same(fitted, tmp_path):
    model, X, _ = fitted
    model.save(tmp_path / "m.seasoned")
    np.testing.assert_array_equal(load(tmp_path / "m.seasoned").predict_proba(X), model.predict_proba(X))


def test_a_refit_learns_new_scores(fitted):
    model, X, y = fitted
    again = model.refit(X, np.where(y == "good", "bad", "good"))
    assert again.score(X, y) < 0.5


def test_random_targets_get_no_scores():
    X, y = reviews(seed=1)
    shuffled = np.random.default_rng(3).permutation(y)
    model = AutoClassifier("roc_auc", search=LINEAR, **QUICK).fit(X, shuffled)
    assert model.fitted_.plan.scores is None


@pytest.mark.parametrize("validation", ["holdout", "time"])
def test_each_training_row_is_scored_without_itself(validation, monkeypatch):
    X, y = reviews()
    kept = []
    monkeypatch.setattr(score_texts, "learn_scores", keeping(score_texts.learn_scores, kept))
    folds = [(np.arange(200), np.arange(200, 300))]
    if validation == "time":
        folds = [(np.arange(100), np.arange(100, 200)), *folds]
    AutoClassifier("roc_auc", validation=folds, search=SearchSettings(models=["linear"]), **QUICK).fit(X, y)
    ((scores, values),) = kept
    assert np.isfinite(values).all()
    own = scores.scores([X["text"].tolist()])[:, 0]
    right = np.where(y == "good", 1, -1)
    assert (own * right).mean() > 1.3 * (values[:, 0] * right).mean()  # the model has seen these rows, the values not


def keeping(function, kept):
    def kept_too(*arguments):
        kept.append(function(*arguments))
        return kept[-1]

    return kept_too


def test_classes_that_a_fold_lacks_get_the_lowest_score():
    X, y = reviews()
    y = y.astype(object)
    y[:2] = "rare"
    model = AutoClassifier("log_loss", search=LINEAR, validation=[(np.arange(2, 300), np.arange(2))], **QUICK)
    assert model.fit(X, y).predict_proba(X).shape == (300, 3)


def test_numbers_get_no_scores():
    X, y = reviews()
    model = AutoRegressor("rmse", search=LINEAR, **QUICK).fit(X, (y == "good") * 100.0)
    assert model.fitted_.plan.scores is None


def test_a_resumed_run_keeps_its_scores(monkeypatch):
    X, y = reviews()
    first = AutoClassifier("roc_auc", search=LINEAR, **QUICK).fit(X, y)
    monkeypatch.setattr(score_texts, "_called", None)  # nothing is learned again
    again = AutoClassifier("roc_auc", search=LINEAR, **QUICK).fit(X, y, resume=True)
    np.testing.assert_array_equal(again.predict_proba(X), first.predict_proba(X))


def test_a_failure_leaves_the_texts_without_scores(monkeypatch, caplog):
    X, y = reviews()

    def broken(*_):
        raise RuntimeError("no room")

    monkeypatch.setattr(score_texts, "_count", broken)
    model = AutoClassifier("roc_auc", search=LINEAR, **QUICK).fit(X, y)
    assert model.fitted_.plan.scores is None
    assert "texts get no scores of their words" in caplog.text


def test_words_alone_are_scored_if_character_ngrams_take_too_much(monkeypatch):
    X, y = reviews(600)
    fit = score_texts._fit

    def limited(folder, reading, *rows):
        if reading.longest[1]:
            raise MemoryError("no room")
        return fit(folder, reading, *rows)

    monkeypatch.setattr(score_texts, "_fit", limited)
    model = AutoClassifier("roc_auc", search=LINEAR, **QUICK).fit(X[:450], y[:450])
    assert model.fitted_.plan.scores.longest[1] == 0
    assert model.score(X[450:], y[450:]) > 0.8


@pytest.mark.parametrize(("end", "calls_made"), [(100.0, 6), (25.0, 1)])
def test_calls_end_early_if_the_first_one_shows_that_the_last_would_be_late(end, calls_made, monkeypatch):
    """Six calls of ten seconds on two workers take three rounds."""
    clock, made = [0.0], []
    monkeypatch.setattr(score_texts.time, "monotonic", lambda: clock[0])

    def run_all(function, calls, left, limits):
        for place, (number,) in enumerate(calls):
            if left() <= 0:
                return
            made.append(number)
            clock[0] += 10.0
            yield place, SimpleNamespace(ending=Ending.RETURNED, value=number)

    budget = SimpleNamespace(workers=2, stop=lambda: False, trial_memory=None)
    pool = SimpleNamespace(budget=budget, run_all=run_all)
    calls = [(number,) for number in range(6)]
    with nullcontext() if calls_made == 6 else pytest.raises(score_texts._UnfinishedError, match="time for it"):
        assert score_texts._called(pool, id, calls, end) == list(range(6))
    assert len(made) == calls_made


def test_no_text_means_no_work(monkeypatch):
    monkeypatch.setattr(score_texts, "_count", None)
    opened = []
    monkeypatch.setattr(RunFolder, "write_bytes", lambda *arguments: opened.append(arguments))
    X, y = reviews()
    AutoClassifier("roc_auc", search=LINEAR, **QUICK).fit(X[["n"]], y)
    assert not opened
