"""Pages about studies of very many trials, and of choices and names that are easily taken for others."""

import numpy as np
import pytest

from seasoned import ASHA, Categorical, Constrained, Float, Random, Space, Study
from seasoned.errors import InvalidInput, StorageError
from seasoned.report.figures.diagnostics import confusion, precision_recall, roc
from seasoned.report.study.render import MOST, plot_study


@pytest.fixture(scope="module")
def large():
    study = Study(Space(x=Float(-1, 1), y=Float(0, 1)), sampler=Random(), seed=0)
    study.optimize(lambda config: config["x"] ** 2 + config["y"], trials=3 * MOST)
    return study


def test_figures_of_many_trials_show_some_with_the_best_and_the_latest_among_them(large):
    best, last = large.best, large.trials[-1]
    for kind, marks in (("history", 0), ("slice", 0), ("contour", 1)):
        drawn = plot_study(large, kind).data[marks]
        assert MOST // 2 <= len(drawn.x) <= MOST, kind
    slice_ = plot_study(large, "slice").data[0]
    assert best.config["x"] in list(slice_.x)
    assert last.config["x"] in list(slice_.x)
    assert len(plot_study(large, "parallel").data[0].dimensions[0]["values"]) <= MOST


def test_the_line_of_the_best_so_far_is_whole(large):
    line = plot_study(large, "history").data[-1]
    values = [trial.value for trial in large.trials]
    corners = dict(zip(line.x, line.y, strict=True))
    assert all(corners[number] == min(values[: number + 1]) for number in corners)
    assert corners[len(values) - 1] == min(values)
    assert len(corners) < 100


def test_a_page_says_that_figures_show_some(large, tmp_path):
    page = large.report(tmp_path / "large.html").read_text()
    assert f"Figures show {MOST:,} of these at most" in page


def test_many_curves_are_some_with_the_best(tmp_path):
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


def test_choices_that_look_the_same_have_places_and_labels_of_their_own():
    choices = [1, 1.0, True, "1", None, "None", "<b>bold</b>"]
    study = Study(Space(kind=Categorical(choices), x=Float(0, 1)), sampler=Random(), seed=0)
    study.optimize(lambda config: config["x"], trials=60)
    axis = plot_study(study, "parallel").data[0].dimensions[1]
    assert set(axis["values"]) == set(range(7))
    texts = ["1", "1.0", "True", "'1'", "None", "'None'", "<b>bold</b>"]
    assert list(axis["ticktext"]) == texts, "a parallel plot reads no tags"
    drawn = plot_study(study, "slice").data[0]
    assert set(drawn.x) == {*texts[:-1], "&lt;b&gt;bold&lt;/b&gt;"}, "other axes do"


def test_trials_of_an_earlier_space_are_drawn_where_they_count(tmp_path):
    before = Study(Space(k=Categorical([1, 2]), x=Float(0, 1)), storage=tmp_path / "s.db", name="s", seed=0)
    before.optimize(lambda config: config["x"], trials=5)
    before.close()
    space = Space(k=Categorical([1.0, 2.0, 0.5]), x=Float(0, 1))
    study = Study(space, storage=tmp_path / "s.db", name="s", sampler=Random())
    study.optimize(lambda config: config["x"], trials=12)
    for kind in ("slice", "parallel", "contour"):
        assert plot_study(study, kind).data
    study.close()


def test_the_best_that_are_shown_keep_their_constraints():
    study = Study(Space(x=Float(0, 1), y=Float(0, 1)), sampler=Random(), seed=0)
    study.optimize(lambda c: Constrained(c["x"], constraints=[0.9 - c["x"]]), trials=2 * MOST)
    shown = plot_study(study, "slice").data[0]
    assert study.best.feasible
    assert study.best.config["x"] in list(shown.x)
    assert sum(x >= 0.9 for x in shown.x) > 0.9 * sum(trial.feasible for trial in study.trials)


def test_a_page_that_cannot_be_written_leaves_the_earlier_one(tmp_path, monkeypatch):
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


def test_a_file_by_its_uri_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match="give its path"):
        Study(Space(x=Float(0, 1)), storage="sqlite:///file:runs.db?uri=true", name="s")
    assert not list(tmp_path.iterdir())


def test_curves_of_many_rows_keep_what_a_few_positives_say():
    rng = np.random.default_rng(0)
    truth = np.zeros(60_000, dtype=int)
    truth[:100] = 1
    score = np.where(truth == 1, rng.beta(8, 2, len(truth)), rng.beta(1, 12, len(truth)))
    for curve in (precision_recall(truth, score), roc(truth, score)):
        assert len(curve.x) <= 410
    found = precision_recall(truth, score)
    area = float(np.sum(np.diff(found.x) * found.y[1:]))
    assert area == pytest.approx(found.area, abs=0.02), "the figure agrees with its heading"


def test_very_many_classes_need_no_table_of_their_pairs():
    rng = np.random.default_rng(0)
    truth, codes = rng.integers(0, 200_000, 5_000), rng.integers(0, 200_000, 5_000)
    truth[:500] = codes[:500] = 7
    found = confusion(truth, codes, tuple(map(str, range(200_000))))
    assert found.counts.shape == (20, 20)
    assert found.counts.sum() == 5_000
    assert found.counts[list(found.labels).index("7"), list(found.labels).index("7")] >= 500
