"""Drawn study figures: every kind, for mixed spaces, fronts and learning curves."""

from __future__ import annotations

import pytest

from random_studies import CUBE, MIXED, curved_study, mixed, study_of
from seasoned import Categorical, Choice, Constrained, Float, Random, Space, Study
from seasoned.errors import InvalidInput
from seasoned.fidelity import ASHA, Median
from seasoned.report.study import figures
from seasoned.report.study.render import KINDS, plot_study


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
def test_front_stairs_claim_nothing_that_was_not_reached(directions, shape):
    study = Study(CUBE, sampler=Random(), seed=0, direction=directions)
    study.optimize(lambda config: (config["a"], config["b"]), trials=20, progress=False)
    (front,) = [one for one in study.plot("front").data if "lines" in one.mode]
    assert front.line.shape == shape


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"front", "curves", "hypervolume"}))
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_every_kind_of_figure_draws_a_mixed_study(kind, direction):
    study = study_of(mixed, MIXED, 12, direction)
    figure = study.plot(kind)
    assert figure.data
    assert "Infinity" not in figure.to_json()


def test_figures_of_no_trials_are_empty_or_say_why():
    study = Study(CUBE, sampler=Random(), seed=0)
    for kind in ("history", "slice", "parallel", "edf"):
        assert study.plot(kind).to_json()
    for kind in ("importance", "contour", "rank"):
        with pytest.raises(InvalidInput, match="at least 4"):
            study.plot(kind)


def test_figures_with_wrong_arguments_are_refused(mixed_study):
    for arguments, reason in [
        ({"kind": "pie"}, "'pie' is unknown"),
        ({"objective": 1}, "count from 0"),
        ({"kind": "front"}, "several objectives"),
        ({"kind": "curves"}, "no trial has reported"),
        ({"kind": "contour", "parameters": ["lr"]}, "two parameters"),
        ({"kind": "rank", "parameters": ["lr", "lr"]}, "two parameters"),
        ({"kind": "hypervolume"}, "several objectives"),
        ({"kind": "slice", "parameters": ["nothing"]}, "no parameter 'nothing'"),
    ]:
        with pytest.raises(InvalidInput, match=reason):
            mixed_study.plot(**arguments)


def test_figures_show_the_chosen_parameters(mixed_study):
    assert [trace.name for trace in mixed_study.plot("slice", parameters=["kind", "lr"]).data] == ["kind", "lr"]
    assert mixed_study.plot("contour", parameters=("lr", "kind")).data[0].type == "heatmap"


def test_pareto_front_is_marked():
    def both(config):
        return Constrained((config["a"], -config["a"] + config["b"]), constraints=[config["c"] - 0.8])

    study = study_of(both, trials=40, direction=("minimize", "minimize"))
    figure = study.plot("front")
    assert [trace.name for trace in figure.data] == ["infeasible", "dominated", "Pareto front"]
    front = sorted(trial.values for trial in study.front)
    assert list(zip(figure.data[2].x, figure.data[2].y, strict=True)) == front


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_learning_curves_tell_the_states_of_trials_apart(direction):
    figure = curved_study(ASHA(max=27), direction).plot("curves")
    pruned, complete, best = figure.data
    assert (pruned.name, complete.name, best.name) == ("pruned", "complete", "best")
    assert len({trace.line.color for trace in figure.data}) == 3
    assert figure.layout.xaxis.type == "log"
    assert tuple(figure.layout.xaxis.tickvals) == (1, 3, 9, 27)
    assert "Infinity" not in figure.to_json()
    linear = curved_study(Median(max=9, startup=2), direction).plot("curves")
    assert linear.layout.xaxis.type is None


def test_learning_curves_show_paused_trials():
    study = curved_study(ASHA(max=27, promote=True), stop_after=60)
    paused = {trial.number for trial in study.trials if trial.number in study.paused}
    traces = {trace.name: trace for trace in study.plot("curves").data}
    assert paused
    assert set(traces["paused"].text) == {f"trial {number}" for number in paused}


def test_wide_space_is_drawn_by_important_or_named_parameters():
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


def test_parameters_with_the_same_last_name_have_a_bar_each():
    inside = Space(optimizer_with_decay_and_momentum_learning_rate=Float(0, 1))
    space = Space(model=Choice(gradient_boosting_trees=inside, neural_network_of_layers=inside))
    study = Study(space, sampler=Random(), seed=0)
    study.optimize(lambda config: next(iter(next(iter(config["model"].values())).values())), trials=12)
    figure = study.plot("importance")
    assert len(set(figure.data[0].y)) == len(figure.data[0].y) == 3
    assert len(set(figure.layout.yaxis.ticktext)) == 2  # two names are the same when shortened


def test_choices_of_equal_text_have_their_own_places_and_labels():
    choices = [1, 1.0, True, "1", None, "None", "<b>bold</b>"]
    study = Study(Space(kind=Categorical(choices), x=Float(0, 1)), sampler=Random(), seed=0)
    study.optimize(lambda config: config["x"], trials=60)
    axis = plot_study(study, "parallel").data[0].dimensions[1]
    assert set(axis["values"]) == set(range(7))
    texts = ["1", "1.0", "True", "'1'", "None", "'None'", "<b>bold</b>"]
    assert list(axis["ticktext"]) == texts, "a parallel plot reads no tags"
    drawn = plot_study(study, "slice").data[0]
    assert set(drawn.x) == {*texts[:-1], "&lt;b&gt;bold&lt;/b&gt;"}, "other axes do"


def test_trials_of_an_earlier_space_are_drawn(tmp_path):
    before = Study(Space(k=Categorical([1, 2]), x=Float(0, 1)), storage=tmp_path / "s.db", name="s", seed=0)
    before.optimize(lambda config: config["x"], trials=5)
    before.close()
    space = Space(k=Categorical([1.0, 2.0, 0.5]), x=Float(0, 1))
    study = Study(space, storage=tmp_path / "s.db", name="s", sampler=Random())
    study.optimize(lambda config: config["x"], trials=12)
    for kind in ("slice", "parallel", "contour"):
        assert plot_study(study, kind).data
    study.close()


def test_ranks_are_shares_of_better_trials():
    study = study_of(lambda config: config["a"], trials=21)
    (points,) = study.plot("rank", parameters=("a", "b")).data
    order = sorted(range(21), key=lambda place: points.x[place])
    assert [points.marker.color[place] for place in order] == pytest.approx([place / 21 for place in range(21)])
    upwards = study_of(lambda config: config["a"], trials=21, direction="maximize").plot("rank", parameters=("a", "b"))
    assert upwards.data[0].marker.color[order[-1]] == 0


def test_hypervolume_grows_to_that_of_all_trials():
    study = Study(CUBE, sampler=Random(), seed=0, direction=("minimize", "maximize"))
    study.optimize(lambda config: (config["a"], config["b"]), trials=250)
    (line,) = study.plot("hypervolume").data
    assert len(line.y) == 100
    assert list(line.y) == sorted(line.y)
    worst = (max(trial.values[0] for trial in study.trials), min(trial.values[1] for trial in study.trials))
    assert line.y[-1] == pytest.approx(study.hypervolume(worst))
    assert line.x[-1] == 249


def test_distribution_counts_feasible_trials():
    study = Study(CUBE, sampler=Random(), seed=0)
    for value, constraint in [(3.0, -1.0), (1.0, 1.0), (2.0, -1.0), (2.0, 0.0), (5.0, -1.0)]:
        study.tell(study.ask(), value, constraints=[constraint])
    (line,) = study.plot("edf").data
    assert (list(line.x), list(line.y)) == ([2, 2, 3, 5], [0.25, 0.5, 0.75, 1])
