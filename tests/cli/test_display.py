"""Display of scores on the command line: undefined scores, and errors of prediction."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from seasoned.cli.display import score_of

RNG = np.random.default_rng(0)


@pytest.fixture
def table():
    X = pd.DataFrame(RNG.normal(size=(120, 2)), columns=["a", "b"])
    return X, pd.Series(np.where(X["a"] > 0, "yes", "no"))


def test_an_error_while_predicting_is_no_undefined_score(table, monkeypatch):
    X, y = table

    def fails(*_):
        raise ValueError("Input X contains NaN")

    model = SimpleNamespace(
        feature_names_in_=list(X.columns),
        fitted_=SimpleNamespace(metric=SimpleNamespace(score=float)),
        score=fails,
        predict=fails,
    )
    said = SimpleNamespace(counts=lambda _: True, features=lambda *_: X, weights_of=lambda _: None, target="y")
    with pytest.raises(ValueError, match="contains NaN"):
        score_of(model, said, X.assign(y=y))
    model.predict = lambda _: None
    assert score_of(model, said, X.assign(y=y)) is None
