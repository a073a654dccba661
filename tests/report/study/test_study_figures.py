"""Numbers behind study figures: best curve, axes, importances, surfaces and learning curves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from random_studies import CUBE, MIXED, mixed, study_of
from seasoned import Choice, Float, Int, Random, Space, Study
from seasoned.errors import InvalidInput
from seasoned.report.study import figures
from seasoned.space.parameters import MISSING
from seasoned.trials import Config, Trial, TrialState


def test_history_curve_is_the_best_feasible_value_so_far():
    study = Study(CUBE, sampler=Random(), seed=0)
    for value, constraint in [(3.0, 1.0), (2.0, -1.0), (1.0, 1.0), (5.0, 0.0), (0.5, -1.0)]:
        study.tell(study.ask(), value, constraints=[constraint])
    study.tell(study.ask(), error="broke")
    found = figures.curve(study.trials, "minimize")
    assert found.numbers == (0, 1, 2, 3, 4)
    assert found.feasible == (False, True, False, True, True)
    assert np.isnan(found.best[0])
    assert found.best[1:] == (2.0, 2.0, 2.0, 0.5)
    assert figures.curve(study.trials, "maximize").best[1:] == (2.0, 2.0, 5.0, 5.0)


def test_axes_contain_the_values_of_each_trial(mixed_study):
    lr, kind, model, depth, _ = figures.axes(mixed_study.trials, MIXED)
    assert (lr.name, lr.log, lr.choices) == ("lr", True, ())
    assert kind.choices == ("relu", "tanh", None)
    assert model.choices == ("net", "tree")
    assert [value is MISSING for value in depth.values] == [value == "tree" for value in model.values]
    with pytest.raises(InvalidInput, match="no parameter 'x'"):
        figures.axes(mixed_study.trials, MIXED, ["x"])


def test_importances_of_an_additive_function_are_its_shares():
    """Var(4 a) : Var(2 b) : Var(c) is 16 : 4 : 1, with no interactions."""
    study = study_of(lambda config: 4 * config["a"] + 2 * config["b"] + config["c"], trials=300)
    found = figures.importances(study.trials, CUBE)
    assert found.names == ("a", "b", "c")
    assert found.alone == pytest.approx([16 / 21, 4 / 21, 1 / 21], abs=0.08)
    assert found.total == pytest.approx(found.alone, abs=0.08)


def test_importances_of_a_product_are_interactions():
    """With a and b centred, a main effect explains nothing and the pair everything."""
    study = study_of(lambda config: (config["a"] - 0.5) * (config["b"] - 0.5), trials=400)
    found = figures.importances(study.trials, CUBE)
    assert set(found.names[:2]) == {"a", "b"}
    assert max(found.alone) < 0.25
    assert min(found.total[:2]) > 0.6
    assert found.total[2] < 0.2


def test_importance_of_a_conditional_parameter_follows_its_use(mixed_study):
    found = figures.importances(study_of(mixed, MIXED, 200).trials, MIXED)
    shares = dict(zip(found.names, found.total, strict=True))
    assert shares["lr"] > shares["model"] > shares["model.net.width"]
    assert shares["model.net.depth"] > shares["model.net.width"]


def test_importances_of_a_constant_are_zero():
    assert figures.importances(study_of(lambda _: 1.0, trials=10).trials, CUBE).total == (0.0, 0.0, 0.0)
    with pytest.raises(InvalidInput, match="at least 4"):
        figures.importances(study_of(lambda _: 1.0, trials=3).trials, CUBE)


def test_surface_follows_the_function():
    study = study_of(lambda config: config["a"] + 3 * config["b"], trials=200)
    surface = figures.contour(study.trials, CUBE, ("a", "b"))
    expected = np.array(surface.x)[None, :] + 3 * np.array(surface.y)[:, None]
    assert np.corrcoef(expected.ravel(), surface.mean.ravel())[0, 1] > 0.95


def test_surface_over_a_conditional_parameter_is_that_of_its_branch():
    study = study_of(lambda config: 10.0 * ("tree" in config["model"]), MIXED, 60)
    surface = figures.contour(study.trials, MIXED, ("model.net.depth", "model.net.width"))
    assert (surface.x, len(surface.y)) == (tuple(range(1, 9)), 40)
    assert surface.mean.max() < 3.0


def test_surface_over_a_stepped_parameter_has_each_value_once():
    space = Space(a=Float(0, 1, step=0.25), n=Int(0, 30, step=10))
    study = study_of(lambda config: config["a"] + config["n"], space, 30)
    surface = figures.contour(study.trials, space, ("a", "n"))
    assert (surface.x, surface.y) == ((0.0, 0.25, 0.5, 0.75, 1.0), (0, 10, 20, 30))
    assert surface.mean.shape == (4, 5)
    assert all(study.plot(kind).to_json() for kind in ("slice", "parallel", "contour", "importance"))


def test_surface_is_blank_where_a_parameter_is_not_in_use():
    study = study_of(lambda config: 7.5 if "tree" in config["model"] else 2.5, MIXED, 80)
    surface = figures.contour(study.trials, MIXED, ("model", "model.net.depth"))
    shown = dict(zip(surface.x, surface.mean.T, strict=True))
    assert np.isnan(shown["tree"]).all()
    assert abs(shown["net"].mean() - 2.5) < 0.5
    turned = figures.contour(study.trials, MIXED, ("model.net.depth", "model"))
    np.testing.assert_allclose(turned.mean, surface.mean.T)
    assert study.plot("contour", parameters=("model", "model.net.depth")).to_json()


def test_surface_of_mutually_exclusive_parameters_is_refused():
    space = Space(model=Choice(one=Space(x=Float(0, 1)), two=Space(y=Float(0, 1))), z=Float(0, 1))
    study = study_of(lambda config: 10 * next(iter(config["model"].values())).get("x", 0) + config["z"], space, 40)
    with pytest.raises(InvalidInput, match=r"model\.one\.x and model\.two\.y are never in use together"):
        study.plot("contour", parameters=("model.one.x", "model.two.y"))
    assert study.plot("contour").data, "two that can be are chosen"


def test_learning_curves_contain_the_reports_of_each_trial():
    def trial(number, state, *reports, values=None, constraints=()):
        return Trial(number, Config(), state, values, reports=reports, constraints=constraints)

    trials = [
        trial(0, TrialState.COMPLETE, (3, 0.3), (1, 0.5), values=(0.2,)),
        trial(1, TrialState.COMPLETE, (1, 0.4), (9, 0.1), values=(0.1,), constraints=(1.0,)),
        trial(2, TrialState.COMPLETE, values=(0.6,)),
        trial(3, TrialState.PRUNED, (1, 0.9)),
        trial(4, TrialState.FAILED, (1, math.nan)),
        trial(5, TrialState.RUNNING, (1, 0.7)),
        trial(6, TrialState.RUNNING, (1, 0.7)),
        trial(7, TrialState.RUNNING),
    ]
    found = figures.learning_curves(trials, "minimize", paused=[3, 6], last=9)
    assert [one[:3] for one in found] == [
        (0, "complete", True),
        (1, "complete", False),
        (2, "complete", False),
        (3, "pruned", False),
        (4, "failed", False),
        (5, "running", False),
        (6, "paused", False),
    ]
    assert [one[3:] for one in found[:3]] == [((1, 3, 9), (0.5, 0.3, 0.2)), ((1, 9), (0.4, 0.1)), ((9,), (0.6,))]
    assert [one.best for one in figures.learning_curves(trials, "maximize", last=9)[:3]] == [False, False, True]
    assert figures.learning_curves(trials, "minimize")[0].steps == (1, 3)
