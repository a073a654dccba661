"""Warm starts of Bayesian optimisation: evaluations from elsewhere, and populations."""

from __future__ import annotations

import numpy as np
import pytest

from bayes_runs import bowl, run
from seasoned import Constrained, Float, Space, Study, WarmStart
from seasoned.samplers import Auto, Bayes
from seasoned.trials import Finished, StudySpec, Suggested, TrialState
from study_parts import ledger_of

SQUARE = Space(x=Float(-1, 1), y=Float(-1, 1))
PLANE = Space(x=Float(0, 1), y=Float(0, 1))


def test_evaluations_from_elsewhere_count_once_confirmed():
    rng = np.random.default_rng(0)
    points = rng.random((30, 2))
    values = [bowl(SQUARE.decode(point)) for point in points]
    warm = WarmStart(points=tuple(map(tuple, points)), values=tuple(values))
    found, state = run(Bayes(warm_start=warm), SQUARE, lambda c: ((bowl(c),), ()), 10)
    assert found[0][1][0] == pytest.approx(min(values))
    assert len(state.seen) == 10 + 27
    liar = WarmStart(points=tuple(map(tuple, points)), values=tuple(-value for value in values))
    _, state = run(Bayes(warm_start=liar), SQUARE, lambda c: ((bowl(c),), ()), 10)
    assert len(state.seen) == 10


def test_a_warm_population_is_tried_early():
    warm = WarmStart(population=((0.1, 0.2), (0.8, 0.9)))
    found, _ = run(Bayes(warm_start=warm), SQUARE, lambda c: ((bowl(c),), ()), 3)
    assert [SQUARE.encode(config).unit.tolist() for config, _, _ in found[:2]] == [
        pytest.approx([0.1, 0.2]),
        pytest.approx([0.8, 0.9]),
    ]


def paraboloid(config):
    return (config["x"] - 0.3) ** 2 + 3 * (config["y"] + 0.2) ** 2


def test_one_huge_value_confirms_no_wrong_evaluations():
    rng = np.random.default_rng(0)
    points = rng.random((31, 2))
    values = [-paraboloid(SQUARE.decode(point)) for point in points[:-1]] + [1e6]
    warm = WarmStart(points=tuple(map(tuple, points)), values=tuple(values))
    sampler = Bayes(warm_start=warm)
    state = sampler.init(StudySpec(SQUARE, ("minimize",), warm_start=warm))
    for number in range(10):
        (given,), state = sampler.ask(state, [number])
        ended = Finished(number, TrialState.COMPLETE, (paraboloid(given.config),))
        state = sampler.tell(state, [Suggested(number, given.config, given.tag), ended])
    assert len(state.seen) == 10


@pytest.mark.parametrize("first", [[], [{"x": 0.9, "y": 0.9}, {"x": 0.8, "y": 0.1}]], ids=["alone", "with others"])
@pytest.mark.parametrize("sampler", [Bayes, Auto])
def test_evaluations_from_elsewhere_count_beside_configurations(sampler, first):
    """Three of them have to be tried again first, however many other trials there are by then."""

    def loss(x, y):
        return (x - 0.3) ** 2 + (y - 0.6) ** 2

    known = [(place % 6 / 6 + 0.05, place // 6 / 5 + 0.05) for place in range(30)]
    values = [loss(*point) for point in known]
    best = sorted(zip(values, known, strict=True))[:3]
    warm = WarmStart(configurations=first, points=known, values=values)
    study = Study(PLANE, sampler=sampler(warm_start=warm), seed=0)
    study.optimize(lambda config: loss(config["x"], config["y"]), trials=len(first) + 5)
    tried = [(trial.config["x"], trial.config["y"]) for trial in study.trials[len(first) :][:3]]
    assert sorted(tried) == sorted(point for _, point in best)
    state = ledger_of(study).state
    assert len(getattr(state, "inner", state).seen) >= len(first) + 5 + 20, "the others have joined"


def test_an_enqueued_trial_removes_no_evaluations_from_elsewhere():
    points = [(0.1 * place, 0.5) for place in range(10)]
    warm = WarmStart(points=points, values=[abs(place - 4.0) for place in range(10)])
    study = Study(PLANE, sampler=Bayes(warm_start=warm), seed=0)
    study.enqueue({"x": 0.95, "y": 0.95})
    study.optimize(lambda config: abs(10 * config["x"] - 4.0), trials=5)
    assert len(ledger_of(study).state.seen) >= 5 + 7


def test_evaluations_from_elsewhere_have_no_known_constraints():
    """Their least value counted as the best that is allowed, though no trial may go below 1.2."""
    rng = np.random.default_rng(0)
    points = [tuple(point) for point in rng.random((30, 2)).tolist()]
    warm = WarmStart(points=points, values=[sum(point) for point in points])
    study = Study(PLANE, sampler=Bayes(warm_start=warm), seed=0)
    study.optimize(lambda c: Constrained(c["x"] + c["y"], constraints=[1.2 - c["x"] - c["y"]]), trials=25)
    seen = ledger_of(study).state.seen
    assert len(seen) == 25
    assert study.best.value < 1.25
