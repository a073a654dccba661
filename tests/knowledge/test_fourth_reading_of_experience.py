"""What a reading by fresh eyes found in the room of experience: holes, odd numbers, names with brackets, lost files."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from build_experience import ship as shipping
from seasoned import Categorical, Choice, Float, Int, Space
from seasoned.errors import InvalidInput
from seasoned.knowledge import Experience, quantile_start
from seasoned.knowledge.advice.adviser import Adviser, AdviserState
from seasoned.knowledge.advice.portfolio import greedy
from seasoned.knowledge.deep_metric.dataset import Lessons, frame_of
from seasoned.knowledge.deep_metric.settings import DeepMetricSettings
from seasoned.knowledge.experience import maintenance
from seasoned.knowledge.experience.evaluations import Evaluations
from seasoned.knowledge.experience.files import read_csv
from seasoned.knowledge.experience.nested_configurations import nested
from seasoned.knowledge.experience.past_study import Head, PastStudy, PastTrial
from seasoned.knowledge.meta_features.row_sample import table_of
from seasoned.knowledge.transfer.cold_search import pool_of
from seasoned.knowledge.transfer.warm_starts import ensemble_start

LINE = Space(x=Float(0, 1))


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'store.db'}"


def test_what_nobody_tried_did_not_succeed():
    rng = np.random.default_rng(0)
    scores, failed = np.full((20, 30), np.nan), np.zeros((20, 30), dtype=bool)
    scores[:, 1:6] = rng.random((20, 5))
    failed[:4, 0] = True
    frame = frame_of(Lessons(scores, rng.random((30, 4)), failed=failed), 0)
    risk = 1.0 / (1.0 + np.exp(-frame.known[:, -1].astype(np.float64)))
    assert risk[0] > 0.5, "it failed wherever it was tried"
    assert risk[1:6].max() < 0.05
    assert risk[6] == pytest.approx(1.0 / (1.0 + np.exp(-frame.new[2])), rel=1e-2), "nobody tried it"


def test_a_cell_of_a_csv_is_read_by_itself(tmp_path):
    file = tmp_path / "runs.csv"
    file.write_text(
        "task,score,kind,depth,features\na,.5,tree,3.0,0.5\na,.4,linear,,1.0\na,.3,tree,7.0,sqrt\n", encoding="utf-8"
    )
    space = Space(kind=Choice(tree=Space(depth=Int(1, 9)), linear=Space()), features=Categorical([0.5, 1.0, "sqrt"]))
    (task,) = read_csv(file).evaluations(space)
    assert task.scores.tolist() == [0.5, 0.4, 0.3]
    file.write_text("task,score,layers\na,.5,1\na,.4,2\na,.3,1\n", encoding="utf-8")
    assert len(read_csv(file).evaluations(Space(layers=Choice({"1": Space(), "2": Space()})))) == 1


def test_a_csv_that_grew_by_another_sort_of_number_takes_the_old_one_s_place(url, tmp_path):
    file = tmp_path / "runs.csv"
    text = "task,x,score\na,1,.5\na,2,.4\n"
    for content in (text, f"{text}a,0.5,.3\n"):
        file.write_text(content, encoding="utf-8")
        maintenance.import_file(url, file)
    assert Experience.read(url).scores.tolist() == [0.5, 0.4, 0.3]


def test_runs_that_an_earlier_version_read_are_understood_and_not_doubled(url, tmp_path):
    file = tmp_path / "runs.csv"
    file.write_text("task,x,n,score\na,0.5,,.5\na,1.0,3.0,.4\na,0.25,4.0,.3\n", encoding="utf-8")
    rows = ({"x": 0.5}, 0.5), ({"x": 1.0, "n": 3.0}, 0.4), ({"x": 0.25, "n": 4.0}, 0.3)
    head = read_csv(file).heads[0]
    maintenance.import_studies(url, Experience.of_studies([PastStudy(head, {}, [PastTrial(*row) for row in rows])]))
    file.write_text(f"{file.read_text()}a,0.75,5,.2\n", encoding="utf-8")
    assert maintenance.import_file(url, file)[0] == 1
    assert Experience.read(url).scores.tolist() == [0.5, 0.4, 0.3, 0.2]


@pytest.mark.parametrize(
    ("parameter", "value", "found"),
    [
        (Categorical(["auto", "true"]), True, "true"),
        (Categorical(["1", "2", "sqrt"]), 1, "1"),
        (Categorical([0.5, 1.0, "sqrt"]), "0.5", 0.5),
        (Categorical([1, True]), True, True),
        (Int(1, 9), 3.0, 3),
        (Float(0, 1), "0.5", 0.5),
        (Choice({"001": Space(), "tree": Space()}), "001", {"001": {}}),
        (Choice({"1": Space(), "tree": Space()}), 2, None),
    ],
)
def test_words_and_numbers_of_a_file_are_what_the_space_has(parameter, value, found):
    config = nested({"k": value}, Space(k=parameter))
    assert (None if config is None else config["k"]) == found
    assert config is None or type(config["k"]) is type(found)


@pytest.mark.parametrize("name", ["runs.csv.gz", "runs.csv.xz", "runs.csv.zip"])
def test_damaged_runs_are_one_sentence(tmp_path, name):
    whole = gzip.compress(b"task,x,score\na,1,.5\n" * 100)
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInput, match=f"{name}' cannot be read as CSV"):
        read_csv(tmp_path / name)


def test_runs_that_are_packed_have_the_file_s_name(tmp_path):
    (tmp_path / "runs.csv.gz").write_bytes(gzip.compress(b"task,x,score\na,1,.5\n"))
    assert read_csv(tmp_path / "runs.csv.gz").heads[0].kind == "runs"


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_scores_that_are_no_numbers_are_refused(score):
    adviser = Adviser(None, pool_of(np.array([[0.0], [1.0], [2.0], [3.0]])))
    with pytest.raises(InvalidInput, match="a trial's score is"):
        adviser.tell(AdviserState(), 3, score)
    with pytest.raises(InvalidInput, match="a trial's score is"):
        adviser.tell_outside(AdviserState(), score, cold=False)
    points = np.array([[0.1], [0.5], [0.9]])
    good, bad = Evaluations(points, np.array([0.3, 0.2, 0.1])), Evaluations(points, np.array([0.3, score, 0.1]))
    for tasks, trials in (([bad], good), ([good], bad)):
        with pytest.raises(InvalidInput, match="leave out evaluations without a finite score"):
            ensemble_start(LINE, tasks, trials)
    with pytest.raises(InvalidInput, match="leave out evaluations without a finite score"):
        quantile_start(LINE, [bad])


def test_holes_in_features_and_weights_are_refused():
    with pytest.raises(InvalidInput, match="feature 1 is not finite"):
        pool_of(np.array([[0.1, 1.0], [0.9, np.nan], [0.5, 2.0]]))
    losses = np.array([[0.0, 1.0], [1.0, 0.0]])
    for options in ({"weights": np.array([1.0, np.nan])}, {"seconds": np.ones(2), "budget": float("nan")}):
        with pytest.raises(InvalidInput):
            greedy(losses, 2, **options)
    with pytest.raises(InvalidInput, match="at least one task"):
        greedy(np.zeros((0, 5)), 2)


def test_brackets_in_names_are_no_patterns(url):
    names = ("run[12]", "run1", "run2", "what?", "whats")
    studies = [PastStudy(Head(n, n), {}, [PastTrial({"x": p / 10}, p / 10)]) for p, n in enumerate(names)]
    maintenance.import_studies(url, Experience.of_studies(studies))
    assert maintenance.forget(url, ["run[12]", "what?"]) == 2
    assert sorted(head.name for head in Experience.read(url).heads) == ["run1", "run2", "whats"]
    assert maintenance.forget(url, ["run*"]) == 2


def test_networks_that_no_file_holds_are_refused_before_training():
    for size in ({"members": 65}, {"hidden": 5000}):
        with pytest.raises(InvalidInput, match="at most 64"):
            DeepMetricSettings(**size)


def test_a_file_too_large_to_ship_leaves_the_old_one(tmp_path, monkeypatch):
    one = PastStudy(Head("a", "a"), {}, [PastTrial({"x": 0.5}, 0.5)])
    monkeypatch.setattr(shipping, "studies_of", lambda *_, **__: iter([one]))
    monkeypatch.setattr(shipping, "_MOST_BYTES", 10)
    out = tmp_path / "experience.parquet"
    out.write_bytes(b"the good one")
    with pytest.raises(InvalidInput, match="is the most; leave tasks out"):
        shipping.ship(tmp_path, out=out)
    assert out.read_bytes() == b"the good one"
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_no_tasks_have_the_columns_of_some():
    found = Experience.of_studies([PastStudy(Head("a", "a"), {}, [PastTrial({"x": 0.5}, 0.5)])])
    none = found.where(sort="none such").tasks()
    assert len(none) == 0
    assert list(none.columns) == list(found.tasks().columns)


def test_a_target_of_another_length_is_refused():
    with pytest.raises(InvalidInput, match="the frame has 3 rows and the target 2"):
        table_of(pd.DataFrame({"a": [1.0, 2.0, 3.0]}), [0, 1], regression=False)
