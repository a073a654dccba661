"""Experience as a view: objects, files and stores contain the same studies; merged, chosen and tabulated studies."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from past_studies import halted, same, scored_study, study
from seasoned import Float, Space
from seasoned.errors import InvalidInput
from seasoned.knowledge import Experience, PastStudy, PastTrial, merge, quantile_start, read_file, write_file
from seasoned.knowledge.experience.locations import add_experience, add_studies
from seasoned.knowledge.experience.maintenance import statistics
from seasoned.knowledge.experience.past_study import Head, row_of
from seasoned.knowledge.meta_features.meta_features import METAFEATURES

NAMES = [feature.name for feature in METAFEATURES]
SCORES = st.one_of(st.none(), st.floats(-1e6, 1e6))


@st.composite
def studies(draw):
    trials = draw(
        st.lists(
            st.builds(
                PastTrial,
                st.fixed_dictionaries({"x": st.floats(0, 1), "kind": st.sampled_from(["a", "b"])}),
                SCORES,
                st.one_of(st.none(), st.floats(0, 1000, width=32)),
                st.booleans(),
                st.booleans(),
            ),
            min_size=1,
            max_size=6,
        )
    )
    head = Head(
        draw(st.text(max_size=8)),
        draw(st.sampled_from(["f", "g"])),
        sort=draw(st.sampled_from(["binary", "regression"])),
        metric="roc_auc",
        baseline=draw(st.one_of(st.none(), st.floats(-5, 5))),
        about={"rows": draw(st.integers(1, 9))},
    )
    features = draw(st.dictionaries(st.sampled_from(NAMES), st.floats(-10, 10), max_size=4))
    return PastStudy(head, features, trials)


LINE = Space(x=Float(0, 1))


@given(st.lists(studies(), max_size=5))
@pytest.mark.slow
def test_experience_is_the_same_in_objects_files_and_stores(tmp_path_factory, found):
    folder = tmp_path_factory.mktemp("experience")
    experience = Experience.of_studies(found)
    assert same(experience, Experience.of_studies(experience.studies()))
    write_file(experience, folder / "all.parquet")
    assert same(experience, read_file(folder / "all.parquet"))
    url = f"sqlite:///{folder / 'store.db'}"
    assert add_experience(url, experience) == len(experience)
    assert same(experience, Experience.read(url))


@given(st.lists(studies(), max_size=4), st.lists(studies(), max_size=4))
def test_merge_keeps_every_study_once(one, other):
    left, right = Experience.of_studies(one), Experience.of_studies(other)
    both = merge(left, right)
    assert set(both.keys) == {*left.keys, *right.keys}
    assert len(both) == len(set(both.keys))
    assert same(merge(both, left), both)
    assert merge(right, left).id == both.id
    assert same(both.chosen(range(len(left))), left)


@given(studies())
def test_experience_table_has_the_best_score_of_each_configuration(study):
    experience = Experience.of_studies([study])
    table = experience.table()
    for column, number in enumerate(table.configurations):
        here = (experience.configurations == number) & np.isfinite(experience.scores)
        whole = here & ~experience.stopped
        best = min(experience.scores[whole if whole.any() else here], default=math.nan)
        assert table.scores[0, column] == best or (math.isnan(best) and math.isnan(table.scores[0, column]))
        assert table.stopped[0, column] == (here.any() and not whole.any())


def test_experience_table_that_no_memory_holds_is_refused(monkeypatch):
    trials = [PastTrial({"x": place}, 0.0) for place in range(800)]
    firsts = [PastTrial({"x": -number}, 0.0) for number in range(1, 4)]
    studies = [replace(study(str(place)), trials=[first, *trials]) for place, first in enumerate(firsts)]
    found = Experience.of_studies(studies)
    assert found.table().scores.shape == (3, 803)
    monkeypatch.setattr("seasoned.knowledge.experience.experience.MAX_CELLS", 3 * 803 - 1)
    with pytest.raises(InvalidInput, match="3 tasks x 803 configurations is too large"):
        found.table()
    assert found.table(found.configurations[1:3]).scores.shape == (3, 2)


def test_past_runs_of_a_space_warm_start_a_search_of_that_space():
    space = Space(x=Float(0, 1))
    experience = Experience.of_studies([study("a"), study("b", 5.0)])
    start = quantile_start(space, experience.evaluations(space))
    assert abs(start.configurations[0]["x"] - 0.3) < 0.15
    assert experience.evaluations(Space(y=Float(0, 1))) == []


def test_meta_features_that_are_not_finite_become_missing():
    """Another tool may have written them."""
    row, texts = row_of(replace(study(), metafeatures={METAFEATURES[0].name: 1.0, METAFEATURES[1].name: 2.0}))
    count = len(row.numbers) // 8
    assert count == 2
    strange = row._replace(numbers=np.full(count, np.inf).astype("<f8").tobytes())
    assert np.isfinite(Experience.of_rows([row], lambda _: texts).metafeatures).any()
    assert np.isnan(Experience.of_rows([strange], lambda _: texts).metafeatures).all()


def test_meta_features_of_another_version_are_aligned_by_name():
    older = PastStudy(Head("a", "a"), {"log_rows": 3.0, "gone": 9.0}, [PastTrial({}, 1.0)])
    found = Experience.of_studies([older, study()]).metafeatures
    assert found[0, NAMES.index("log_rows")] == 3.0
    assert np.isnan(found).sum() == found.size - 1


def test_stopped_trial_is_kept_as_a_bound_and_is_never_the_best(tmp_path):
    found = Experience.of_studies([halted()])
    assert found.stopped.tolist() == [False, True, False, False, True, False]
    assert found.failed.tolist() == [False, False, True, False, False, False]
    assert found.tasks()["best"].tolist() == [0.5]
    (points,) = found.evaluations(Space(x=Float(0, 1)))
    assert points.scores.tolist() == [0.5, 0.6, 0.7]
    url = f"sqlite:///{tmp_path / 'own.db'}"
    add_studies(url, [halted()])
    assert statistics(url).winners == {"other": 1}
    write_file(Experience.read(url), tmp_path / "all.parquet")
    assert same(read_file(tmp_path / "all.parquet"), found)


def test_experience_in_memory_is_pickled_for_other_processes(tmp_path):
    write_file(Experience.of_studies([study(), study("b")]), tmp_path / "e.parquet")
    found = read_file(tmp_path / "e.parquet")
    for one in (found, found.chosen([1]), merge(found, Experience.of_studies([study("c")]))):
        carried = pickle.loads(pickle.dumps(one))
        assert carried.id == one.id
        assert carried.studies() == one.studies()


def test_tasks_with_too_few_scores_are_left_out_with_a_warning(caplog):
    assert Experience.of_studies([scored_study(scores=(0.1, 0.2))]).evaluations(LINE) == []
    assert "no task has three trials with a score that are valid in the space." in caplog.text


def test_frame_of_no_tasks_has_the_columns_of_some_tasks():
    found = Experience.of_studies([PastStudy(Head("a", "a"), {}, [PastTrial({"x": 0.5}, 0.5)])])
    none = found.where(sort="none such").tasks()
    assert len(none) == 0
    assert list(none.columns) == list(found.tasks().columns)
