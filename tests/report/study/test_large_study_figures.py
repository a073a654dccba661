"""Figures of studies with very many trials: a sample of trials, with the best among them."""

from __future__ import annotations

import pytest

from seasoned import ASHA, Constrained, Float, Random, Space, Study
from seasoned.report.study.render import MOST, plot_study


@pytest.fixture(scope="module")
def large():
    study = Study(Space(x=Float(-1, 1), y=Float(0, 1)), sampler=Random(), seed=0)
    study.optimize(lambda config: config["x"] ** 2 + config["y"], trials=3 * MOST)
    return study


def test_figures_of_many_trials_include_the_best_and_the_latest(large):
    best, last = large.best, large.trials[-1]
    for kind, marks in (("history", 0), ("slice", 0), ("contour", 1)):
        drawn = plot_study(large, kind).data[marks]
        assert MOST // 2 <= len(drawn.x) <= MOST, kind
    slice_ = plot_study(large, "slice").data[0]
    assert best.config["x"] in list(slice_.x)
    assert last.config["x"] in list(slice_.x)
    assert len(plot_study(large, "parallel").data[0].dimensions[0]["values"]) <= MOST


def test_line_of_the_best_so_far_covers_all_trials(large):
    line = plot_study(large, "history").data[-1]
    values = [trial.value for trial in large.trials]
    corners = dict(zip(line.x, line.y, strict=True))
    assert all(corners[number] == min(values[: number + 1]) for number in corners)
    assert corners[len(values) - 1] == min(values)
    assert len(corners) < 100


def test_page_of_a_large_study_says_that_figures_show_some_trials(large, tmp_path):
    page = large.report(tmp_path / "large.html").read_text()
    assert f"Figures show {MOST:,} of these at most" in page


def test_learning_curves_of_many_trials_include_the_best(tmp_path):
    study = Study(Space(x=Float(0, 1)), fidelity=ASHA(max=3), sampler=Random(), seed=0)

    def f(config, trial):
        for step in range(1, trial.budget + 1):
            trial.report(step, config["x"] / step)
        return config["x"]

    study.optimize(f, trials=400)
    figure = plot_study(study, "curves")
    drawn = {one.name: list(one.x).count(None) for one in figure.data}
    assert sum(drawn.values()) <= 301
    complete = sum(trial.state == "complete" for trial in study.trials)
    assert drawn["complete"] + drawn["best"] == min(complete, 300), "pruned ones are left out first"
    assert "Of curves 300 are shown at most" in study.report(tmp_path / "curves.html").read_text()


def test_shown_trials_of_a_large_study_are_mostly_feasible():
    study = Study(Space(x=Float(0, 1), y=Float(0, 1)), sampler=Random(), seed=0)
    study.optimize(lambda c: Constrained(c["x"], constraints=[0.9 - c["x"]]), trials=2 * MOST)
    shown = plot_study(study, "slice").data[0]
    assert study.best.feasible
    assert study.best.config["x"] in list(shown.x)
    assert sum(x >= 0.9 for x in shown.x) > 0.9 * sum(trial.feasible for trial in study.trials)
