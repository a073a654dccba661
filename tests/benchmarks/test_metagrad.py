"""The benchmark of learning by gradient: what it keeps, what it draws, what it refuses to compare."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from metagradient import figure, omniglot, resuming, speed
from metagradient.records import Records
from seasoned.metagrad import MAML, MLP, Sinusoids, Training


def test_a_finished_run_is_not_measured_again(tmp_path):
    calls = []

    def run(records, seed):
        return records.keep({"seed": seed, "method": "maml"}, lambda: calls.append(seed) or {"loss": seed / 3})

    path = tmp_path / "new" / "runs.jsonl"
    first = Records(path)
    assert [run(first, seed) for seed in (0, 1, 0)] == [{"loss": 0.0}, {"loss": 1 / 3}, {"loss": 0.0}]
    assert run(Records(path), 1) == {"loss": 1 / 3}
    assert calls == [0, 1]
    run(Records(path, fresh=True), 1)
    assert calls == [0, 1, 1]


def test_a_training_that_was_cut_off_goes_on(tmp_path, monkeypatch):
    learner = MAML(network=MLP((4,)), training=Training(steps=5, tasks=2, every=4, validation_tasks=2))
    expected = learner.fit(Sinusoids())
    monkeypatch.setattr(resuming, "PIECES", 2)
    real = MAML.fit

    def cut_off(self, *args, stop_at=None, **more):
        if stop_at == 5:
            raise KeyboardInterrupt
        return real(self, *args, stop_at=stop_at, **more)

    monkeypatch.setattr(MAML, "fit", cut_off)
    with pytest.raises(KeyboardInterrupt):
        resuming.train(tmp_path, {"seed": 0}, learner, Sinusoids())
    stops = []
    monkeypatch.setattr(MAML, "fit", lambda self, *a, **k: stops.append(k["stop_at"]) or real(self, *a, **k))
    found, seconds = resuming.train(tmp_path, {"seed": 0}, learner, Sinusoids())
    assert stops == [5]
    assert seconds > 0
    np.testing.assert_array_equal(found.theta["params"]["layers"][0]["w"], expected.theta["params"]["layers"][0]["w"])
    assert not list(tmp_path.iterdir())


def test_the_figure_is_a_small_picture_of_every_method():
    X = np.linspace(-5, 5, 10)
    predicted = {steps: np.zeros(61).tolist() for steps in ("0", "1", "10")}
    example = {"X": X.tolist(), "y": (2 * np.sin(X - 1)).tolist(), "predicted": predicted}
    run = {"curve": [3.0, *[0.5] * 9, None], "examples": [example, example]}
    text = figure.draw({"sinusoid_seeds": {name: [run] for name in figure.METHODS}})
    lines = ET.fromstring(text).findall("{*}polyline")
    assert len(lines) == 2 * 5 + len(figure.METHODS)
    assert len(text) < 20_000
    assert "nan" not in text
    assert "inf" not in text


def weights_of(first, later):
    return {"weights": ([np.asarray(first)], [np.asarray(later)])}


def test_loops_that_do_something_else_are_not_compared():
    flipped = np.ones(1000)
    flipped[3] = -1.0  # a gradient of 0 to rounding
    found = {"seasoned": weights_of(np.ones(1000), np.ones(1000)), "peer": weights_of(flipped, np.full(1000, 1.5))}
    speed.check(found)
    assert found["peer"] == {"difference": {"first_step": 0.0, "step_20": 0.5}}
    with pytest.raises(RuntimeError, match="peer has other weights"):
        speed.check({"seasoned": weights_of(np.ones(9), np.ones(9)), "peer": weights_of(np.zeros(9), np.ones(9))})


def test_every_method_is_measured_once_before_any_is_measured_again():
    runs = omniglot.order(3, None)
    every = len(omniglot.methods(1, 0))
    assert len(runs) == len(set(runs)) == 2 * (3 * 3 + len(omniglot.MORE))
    assert {(shots, name) for shots, name, _ in runs[: 2 * every]} == {(s, n) for s, n, _ in runs}
    assert {name for _, name, seed in runs if seed > 0}.isdisjoint(omniglot.MORE)
