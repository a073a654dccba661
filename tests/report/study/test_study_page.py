"""Page of a study: figures, constraints, learning curves and errors of writing."""

from __future__ import annotations

import pytest

from random_studies import CUBE, MIXED, curved_study, mixed, study_of
from seasoned import ASHA, Constrained, Float, Random, Space, Study
from seasoned.errors import InvalidInput, StorageError


def test_study_page_shows_learning_curves_where_trials_reported(tmp_path):
    text = curved_study(ASHA(max=9)).report(tmp_path / "s.html").read_text(encoding="utf-8")
    assert text.count("Plotly.newPlot(") == 6
    assert "How far each trial got" in text


@pytest.mark.parametrize("direction", ["minimize", ("minimize", "maximize")])
def test_study_page_is_complete_and_fetches_nothing(tmp_path, direction):
    several = isinstance(direction, tuple)
    study = study_of(lambda config: (mixed(config), config["lr"]) if several else mixed(config), MIXED, 12, direction)
    text = study.report(tmp_path / "s.html").read_text(encoding="utf-8")
    assert text.count("Plotly.newPlot(") == 5 + several
    assert "<b>" not in text.split("<script")[0]
    assert 'src="http' not in text
    assert ("Pareto front" in text) == several
    with pytest.raises(InvalidInput, match="cannot be written"):
        study.report(tmp_path / "nowhere" / "s.html")


def test_study_page_of_no_trials_is_written(tmp_path):
    assert "0 trials" in Study(CUBE, sampler=Random(), seed=0).report(tmp_path / "s.html").read_text(encoding="utf-8")


def test_infeasible_trials_are_not_the_best_and_do_not_set_the_axis(tmp_path):
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


def test_study_page_after_a_move_to_another_space_is_written(tmp_path):
    where = {"storage": f"sqlite:///{tmp_path / 's.db'}", "name": "a", "fidelity": ASHA(max=9), "sampler": Random()}

    def objective(config, trial):
        for step in (1, 3, 9):
            trial.report(step, config["x"])
        return config["x"]

    Study(Space(x=Float(0, 1)), **where).optimize(objective, trials=6)
    moved = Study(Space(z=Float(0, 1)), **where)
    assert moved.report(tmp_path / "r.html").is_file()


def test_study_page_that_cannot_be_written_leaves_the_earlier_page(tmp_path, monkeypatch):
    study = Study(Space(x=Float(0, 1)), sampler=Random(), seed=0, name="lone \udce9")
    study.optimize(lambda config: config["x"], trials=5)
    path = study.report(tmp_path / "page.html")
    before = path.read_bytes()
    assert b"lone" in before
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(StorageError, match="No space left"):
        study.report(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]
