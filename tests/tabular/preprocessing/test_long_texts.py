"""One very long text among others: the model is saved, small, and predicts what it did."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from in_process import estimator
from seasoned import load
from seasoned.tabular.bundle.replay_check import replay_sample
from seasoned.tabular.preprocessing import category
from seasoned.tabular.preprocessing.category import CategoryColumn, counted
from seasoned.tabular.schema.schema import Schema


@pytest.mark.slow
def test_stored_rows_hold_the_beginning_of_a_long_text(here):
    """A cell of 100 MB made a file that `load` would refuse, and that was not saved for that."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"n": rng.normal(size=60), "text": [f"note {k} of {k % 7}" for k in range(60)]})
    X.loc[0, "text"] = "ab" * 10_000_000
    model = estimator("classification").fit(X, X["n"] > 0)
    assert model.rows_["text"].str.len().max() == 10_000
    model.save(here / "m.seasoned")
    assert (here / "m.seasoned").stat().st_size < 2**20
    assert load(here / "m.seasoned").predict(X).tolist() == model.predict(X).tolist()


def test_short_texts_are_stored_whole():
    X = pd.DataFrame({"text": ["a" * 10_000, "b c", None] * 9, "n": np.arange(27.0) / 2})
    assert replay_sample(X, Schema.infer(X))["text"].dropna().isin(X["text"]).all()


@pytest.mark.parametrize(("words", "known"), [(["a", "b" * 9], ("a",)), (["a" * 9, "b" * 9], ("a" * 9, "b" * 9))])
def test_a_level_that_is_too_long_is_missing_unless_there_is_no_other(monkeypatch, words, known):
    monkeypatch.setattr(category, "LONGEST_LEVEL", 8)
    column = pd.Series(words * 2, dtype="str")
    fitted = CategoryColumn.fit("c", column)
    assert fitted.words == known
    assert fitted.codes(column)[:2, 0].tolist() == pytest.approx([0.0, np.nan if len(known) == 1 else 1.0], nan_ok=True)
    assert set(counted(column)[0]) == {word for word in words if len(word) <= 8}
