"""Figures of a study: the numbers behind them, and that each draws whatever the study is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seasoned import Categorical, Choice, Constrained, Float, Int, Random, Space, Study
from seasoned.errors import InvalidInput
from seasoned.fidelity import ASHA, Median
from seasoned.report.study import figures
from seasoned.report.study.render import KINDS
from seasoned.space.parameters import MISSING
from seasoned.trials import Config, Trial, TrialState

CUBE = Space(a=Float(0, 1), b=Float(0, 1), c=Float(0, 1))
MIXED = Space(
    lr=Float(1e-4, 1e-1, log=True),
    kind=Categorical(["relu", "tanh", None]),
    model=Choice(net=Space(depth=Int(1, 8), width=Float(0, 1)), tree=Space()),
)


def study_of(f, space=CUBE, trials=60, direction="minimize"):
    study = Study(space, direction=direction, sampler=Random(), seed=0, name="s <b>")
    study.optimize(f, trials=trials)
    return study


def mixed(config):
    depth = config["model"]["net"]["depth"] if "net" in config["model"] else 0
    return math.log10(config["lr"]) ** 2 + depth + (config["kind"] == "tanh")


@pytest.fixture(scope="module")
def mixed_study():
    return study_of(mixed, MIXED, 30)


def test_the_curve_is_the_best_feasible_value_so_far():
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


def test_axes_hold_what_each_trial_had(mixed_study):
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


def test_a_conditional_parameter_counts_as_far_as_it_is_in_use(mixed_study):
    found = figures.importances(study_of(mixed, MIXED, 200).trials, MIXED)
    shares = dict(zip(found.names, found.total, strict=True))
    assert shares["lr"] > shares["model"] > shares["model.net.width"]
    assert shares["model.net.depth"] > shares["model.net.width"]


def test_importances_of_a_constant_are_none():
    assert figures.importances(study_of(lambda _: 1.0, trials=10).trials, CUBE).total == (0.0, 0.0, 0.0)
    with pytest.raises(InvalidInput, match="at least 4"):
        figures.importances(study_of(lambda _: 1.0, trials=3).trials, CUBE)


def test_a_surface_follows_the_function():
    study = study_of(lambda config: config["a"] + 3 * config["b"], trials=200)
    surface = figures.contour(study.trials, CUBE, ("a", "b"))
    expected = np.array(surface.x)[None, :] + 3 * np.array(surface.y)[:, None]
    assert np.corrcoef(expected.ravel(), surface.mean.ravel())[0, 1] > 0.95


def test_a_surface_over_a_conditional_parameter_is_that_of_its_branch():
    study = study_of(lambda config: 10.0 * ("tree" in config["model"]), MIXED, 60)
    surface = figures.contour(study.trials, MIXED, ("model.net.depth", "model.net.width"))
    assert (surface.x, len(surface.y)) == (tuple(range(1, 9)), 40)
    assert surface.mean.max() < 3.0


def test_a_surface_over_a_parameter_with_a_step_has_each_of_its_values_once():
    space = Space(a=Float(0, 1, step=0.25), n=Int(0, 30, step=10))
    study = study_of(lambda config: config["a"] + config["n"], space, 30)
    surface = figures.contour(study.trials, space, ("a", "n"))
    assert (surface.x, surface.y) == ((0.0, 0.25, 0.5, 0.75, 1.0), (0, 10, 20, 30))
    assert surface.mean.shape == (4, 5)
    assert all(study.plot(kind).to_json() for kind in ("slice", "parallel", "contour", "importance"))


def test_a_surface_is_blank_where_one_of_the_two_is_not_in_use():
    study = study_of(lambda config: 7.5 if "tree" in config["model"] else 2.5, MIXED, 80)
    surface = figures.contour(study.trials, MIXED, ("model", "model.net.depth"))
    shown = dict(zip(surface.x, surface.mean.T, strict=True))
    assert np.isnan(shown["tree"]).all()
    assert abs(shown["net"].mean() - 2.5) < 0.5
    turned = figures.contour(study.trials, MIXED, ("model.net.depth", "model"))
    np.testing.assert_allclose(turned.mean, surface.mean.T)
    assert study.plot("contour", parameters=("model", "model.net.depth")).to_json()


def test_no_surface_is_drawn_over_two_that_exclude_each_other():
    space = Space(model=Choice(one=Space(x=Float(0, 1)), two=Space(y=Float(0, 1))), z=Float(0, 1))
    study = study_of(lambda config: 10 * next(iter(config["model"].values())).get("x", 0) + config["z"], space, 40)
    with pytest.raises(InvalidInput, match=r"model\.one\.x and model\.two\.y are never in use together"):
        study.plot("contour", parameters=("model.one.x", "model.two.y"))
    assert study.plot("contour").data, "two that can be are chosen"


def test_none_is_a_category_like_others():
    space = Space(depth=Categorical([None, 5]), x=Float(0, 1))
    study = study_of(lambda config: config["x"] + (config["depth"] is None), space, 30)
    (depth,) = figures.axes(study.trials, space, ["depth"])
    assert set(depth.values) == {None, 5}
    drawn = study.plot("slice").data[0]
    assert set(drawn.x) == {"None", "5"}
    (axis,) = [one for one in study.plot("parallel").data[0].dimensions if one.label == "depth"]
    assert list(axis.ticktext) == ["None", "5"]


@pytest.mark.parametrize(("directions", "shape"), [(("minimize", "maximize"), "hv"), (("maximize", "minimize"), "vh")])
def test_stairs_of_a_front_claim_nothing_that_was_not_reached(directions, shape):
    study = Study(CUBE, sampler=Random(), seed=0, direction=directions)
    study.optimize(lambda config: (config["a"], config["b"]), trials=20, progress=False)
    (front,) = [one for one in study.plot("front").data if "lines" in one.mode]
    assert front.line.shape == shape


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"front", "curves"}))
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_every_figure_draws_a_mixed_study(kind, direction):
    study = study_of(mixed, MIXED, 12, direction)
    figure = study.plot(kind)
    assert figure.data
    assert "Infinity" not in figure.to_json()


def test_figures_of_no_trials_are_empty_or_say_why():
    study = Study(CUBE, sampler=Random(), seed=0)
    for kind in ("history", "slice", "parallel"):
        assert study.plot(kind).to_json()
    for kind in ("importance", "contour"):
        with pytest.raises(InvalidInput, match="at least 4"):
            study.plot(kind)


def test_wrong_figures_are_refused(mixed_study):
    for arguments, reason in [
        ({"kind": "pie"}, "'pie' is unknown"),
        ({"objective": 1}, "count from 0"),
        ({"kind": "front"}, "several objectives"),
        ({"kind": "curves"}, "no trial has reported"),
        ({"kind": "contour", "parameters": ["lr"]}, "two parameters"),
        ({"kind": "slice", "parameters": ["nothing"]}, "no parameter 'nothing'"),
    ]:
        with pytest.raises(InvalidInput, match=reason):
            mixed_study.plot(**arguments)


def test_chosen_parameters(mixed_study):
    assert [trace.name for trace in mixed_study.plot("slice", parameters=["kind", "lr"]).data] == ["kind", "lr"]
    assert mixed_study.plot("contour", parameters=("lr", "kind")).data[0].type == "heatmap"


def test_the_front_is_marked():
    def both(config):
        return Constrained((config["a"], -config["a"] + config["b"]), constraints=[config["c"] - 0.8])

    study = study_of(both, trials=40, direction=("minimize", "minimize"))
    figure = study.plot("front")
    assert [trace.name for trace in figure.data] == ["infeasible", "dominated", "Pareto front"]
    front = sorted(trial.values for trial in study.front)
    assert list(zip(figure.data[2].x, figure.data[2].y, strict=True)) == front


def test_learning_curves_hold_what_each_trial_reported():
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


def curved_study(rule, direction="minimize", stop_after=None):
    left = [math.inf if stop_after is None else stop_after]

    def train(config, trial):
        sign = 1 if direction == "minimize" else -1
        for step in range(trial.step + 1, trial.budget + 1):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            trial.report(step, math.nan if config["b"] > 0.95 else sign * (config["a"] + 1 / step))
        return sign * (config["a"] + 1 / step)

    study = Study(CUBE, fidelity=rule, direction=direction, sampler=Random(), seed=0)
    try:
        study.optimize(train, trials=30)
    except KeyboardInterrupt:
        assert stop_after is not None
    return study


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_curves_tell_the_states_of_trials_apart(direction):
    figure = curved_study(ASHA(max=27), direction).plot("curves")
    pruned, complete, best = figure.data
    assert (pruned.name, complete.name, best.name) == ("pruned", "complete", "best")
    assert len({trace.line.color for trace in figure.data}) == 3
    assert figure.layout.xaxis.type == "log"
    assert tuple(figure.layout.xaxis.tickvals) == (1, 3, 9, 27)
    assert "Infinity" not in figure.to_json()
    linear = curved_study(Median(max=9, startup=2), direction).plot("curves")
    assert linear.layout.xaxis.type is None


def test_curves_show_who_waits():
    study = curved_study(ASHA(max=27, promote=True), stop_after=60)
    paused = {trial.number for trial in study.trials if trial.number in study.paused}
    traces = {trace.name: trace for trace in study.plot("curves").data}
    assert paused
    assert set(traces["paused"].text) == {f"trial {number}" for number in paused}


def test_the_page_shows_curves_where_there_are_any(tmp_path):
    text = curved_study(ASHA(max=9)).report(tmp_path / "s.html").read_text(encoding="utf-8")
    assert text.count("Plotly.newPlot(") == 6
    assert "How far each trial got" in text


@pytest.mark.parametrize("direction", ["minimize", ("minimize", "maximize")])
def test_the_page_holds_all_and_fetches_nothing(tmp_path, direction):
    several = isinstance(direction, tuple)
    study = study_of(lambda config: (mixed(config), config["lr"]) if several else mixed(config), MIXED, 12, direction)
    text = study.report(tmp_path / "s.html").read_text(encoding="utf-8")
    assert text.count("Plotly.newPlot(") == 5
    assert "<b>" not in text.split("<script")[0]
    assert 'src="http' not in text
    assert ("Pareto front" in text) == several
    with pytest.raises(InvalidInput, match="cannot be written"):
        study.report(tmp_path / "nowhere" / "s.html")


def test_the_page_of_no_trials(tmp_path):
    assert "0 trials" in Study(CUBE, sampler=Random(), seed=0).report(tmp_path / "s.html").read_text(encoding="utf-8")


def test_a_wide_space_is_drawn_by_what_matters_and_by_what_is_named():
    """It had been the first twelve parameters, even of more that were named; and an unknown name drew nothing."""
    wide = Space({f"x{index:02}": Float(0, 1) for index in range(16)})
    study = study_of(lambda config: 5 * config["x15"] + 3 * config["x14"], wide, 80)
    labels = [one.label for one in study.plot("parallel").data[0].dimensions]
    assert len(labels) == 1 + 12
    assert labels[-2:] == ["x14", "x15"], "in the order of the space"
    named = [f"x{index:02}" for index in range(1, 15)]
    assert [one.label for one in study.plot("parallel", parameters=named).data[0].dimensions][1:] == named
    few = study_of(lambda config: config["x15"], wide, 2)
    assert len(few.plot("parallel").data[0].dimensions) == 1 + 12
    with pytest.raises(InvalidInput, match="no parameter 'nope'"):
        study.plot("importance", parameters=["nope"])


def test_what_breaks_a_constraint_is_not_among_the_best_and_does_not_set_the_axis(tmp_path):
    def objective(config):
        return Constrained(-1e6 if config["x"] > 0.7 else config["x"], constraints=[config["x"] - 0.7])

    study = Study(Space(x=Float(0, 1)), sampler=Random(), seed=0)
    study.optimize(objective, trials=20)
    assert any(trial.violation for trial in study.trials)
    low, high = study.plot("history").layout.yaxis.range
    assert -1 < low < high < 2
    page = study.report(tmp_path / "s.html").read_text()
    assert "break a constraint, and are not among the best below" in page
    assert "-1e+06" not in page[page.index("Best trials") :]
