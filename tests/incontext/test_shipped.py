"""Networks that ship with the package predict tables and trials that they never saw."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split

from seasoned.incontext import InContextClassifier, InContextRegressor
from seasoned.incontext.shipped import shipped_digest, shipped_network
from seasoned.incontext.trials import TrialsModel, reader_of


@pytest.mark.parametrize(
    ("data", "kind", "score", "least"),
    [
        (load_iris, InContextClassifier, accuracy_score, 0.9),
        (load_diabetes, InContextRegressor, r2_score, 0.25),
    ],
)
def test_the_shipped_network_predicts_real_rows(data, kind, score, least):
    X, Q, y, truth = train_test_split(*data(return_X_y=True), random_state=0)
    assert score(truth, kind().fit(X, y).predict(Q)) > least


def test_the_shipped_network_finds_the_better_side_of_a_function():
    X = np.random.default_rng(0).random((40, 2))
    model = TrialsModel(reader_of(None), X, (X[:, 0] - 0.2) ** 2 + 0.01 * X[:, 1], np.zeros(2, dtype=bool))
    near, far = np.array([[0.2, 0.1]]), np.array([[0.9, 0.9]])
    assert model.predict(near).values.mean() < model.predict(far).values.mean()


@pytest.mark.parametrize("kind", ["tables", "trials"])
def test_a_card_tells_the_training(kind):
    card = shipped_network(kind).card
    assert kind in card["prior"]
    assert {"recipe", "steps", "hours", "machine", "licence", "never saw"} <= card.keys()


def test_networks_have_different_digests():
    assert shipped_digest("tables") != shipped_digest("trials")
