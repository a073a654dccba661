"""Experience is a view: stores, files and objects hold the same, however they are taken apart and put together."""

from __future__ import annotations

import doctest
import importlib
import logging
import math
import pickle
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasoned.errors import InvalidInput, StorageError
from seasoned.knowledge import Experience, PastStudy, PastTrial, merge, quantile_start, read_file, write_file
from seasoned.knowledge.experience import maintenance
from seasoned.knowledge.experience.locations import Places, add_experience, add_studies, own_store, places, read_places
from seasoned.knowledge.experience.maintenance import heads, import_file, statistics
from seasoned.knowledge.experience.past_study import Head, row_of
from seasoned.knowledge.meta_features.meta_features import METAFEATURES
from seasoned.space import Float, Space
from seasoned.storage.engine import mask_password

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


def same(one, other):
    """Whether two experiences hold the same studies, in whatever order."""
    order = [other.keys.index(key) for key in one.keys]
    other = other.chosen(order)
    arrays = ("metafeatures", "starts", "configurations", "scores", "seconds", "failed", "stopped")
    pairs = [(getattr(one, name), getattr(other, name)) for name in arrays]
    equal = all(np.array_equal(*pair, equal_nan=pair[0].dtype.kind == "f") for pair in pairs)
    numbers = sorted(set(one.configurations.tolist()))
    return one.id == other.id and one.heads == other.heads and equal and one.configs(numbers) == other.configs(numbers)


@given(st.lists(studies(), max_size=5))
@pytest.mark.slow
def test_objects_files_and_stores_hold_the_same(tmp_path_factory, found):
    folder = tmp_path_factory.mktemp("experience")
    experience = Experience.of_studies(found)
    assert same(experience, Experience.of_studies(experience.studies()))
    write_file(experience, folder / "all.parquet")
    assert same(experience, read_file(folder / "all.parquet"))
    url = f"sqlite:///{folder / 'store.db'}"
    assert add_experience(url, experience) == len(experience)
    assert same(experience, Experience.read(url))


@given(st.lists(studies(), max_size=4), st.lists(studies(), max_size=4))
def test_merging_keeps_every_study_once(one, other):
    left, right = Experience.of_studies(one), Experience.of_studies(other)
    both = merge(left, right)
    assert set(both.keys) == {*left.keys, *right.keys}
    assert len(both) == len(set(both.keys))
    assert same(merge(both, left), both)
    assert merge(right, left).id == both.id
    assert same(both.chosen(range(len(left))), left)


@given(studies())
def test_a_table_has_the_best_score_of_each_configuration(study):
    experience = Experience.of_studies([study])
    table = experience.table()
    for column, number in enumerate(table.configurations):
        here = (experience.configurations == number) & np.isfinite(experience.scores)
        whole = here & ~experience.stopped
        best = min(experience.scores[whole if whole.any() else here], default=math.nan)
        assert table.scores[0, column] == best or (math.isnan(best) and math.isnan(table.scores[0, column]))
        assert table.stopped[0, column] == (here.any() and not whole.any())


MODULES = [
    *(f"knowledge.{name}" for name in ("experience", "past", "places", "recall", "regret", "weighing")),
    "storage.past",
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_hold(name):
    found = doctest.testmod(importlib.import_module(f"seasoned.{name}"))
    assert found.attempted
    assert not found.failed


def study(name="a", shift=0.0):
    trials = [PastTrial({"x": x / 10}, (x / 10 - 0.3) ** 2 + shift) for x in range(10)]
    return PastStudy(Head(name, name, "mine"), {}, trials)


def test_a_study_without_trials_teaches_nothing():
    with pytest.raises(InvalidInput, match="no trials"):
        PastStudy(Head("a", "a"), {}, [])


def test_what_a_key_tells_apart():
    one = study()
    renamed = PastStudy(Head("other", "a", "mine", created="later"), {}, one.trials)
    assert len(Experience.of_studies([one, renamed])) == 1
    assert len(Experience.of_studies([one, study("b"), study("a", 1.0)])) == 3


def test_past_runs_of_a_space_start_a_search_of_it():
    space = Space(x=Float(0, 1))
    experience = Experience.of_studies([study("a"), study("b", 5.0)])
    start = quantile_start(space, experience.evaluations(space))
    assert abs(start.configurations[0]["x"] - 0.3) < 0.15
    assert experience.evaluations(Space(y=Float(0, 1))) == []


def test_metafeatures_that_are_not_finite_are_not_known():
    """Another tool may have written them."""
    row, texts = row_of(replace(study(), metafeatures={METAFEATURES[0].name: 1.0, METAFEATURES[1].name: 2.0}))
    count = len(row.numbers) // 8
    assert count == 2
    strange = row._replace(numbers=np.full(count, np.inf).astype("<f8").tobytes())
    assert np.isfinite(Experience.of_rows([row], lambda _: texts).metafeatures).any()
    assert np.isnan(Experience.of_rows([strange], lambda _: texts).metafeatures).all()


def test_metafeatures_of_another_version_are_aligned_by_name():
    older = PastStudy(Head("a", "a"), {"log_rows": 3.0, "gone": 9.0}, [PastTrial({}, 1.0)])
    found = Experience.of_studies([older, study()]).metafeatures
    assert found[0, NAMES.index("log_rows")] == 3.0
    assert np.isnan(found).sum() == found.size - 1


def test_foreign_and_damaged_files_are_refused(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(InvalidInput, match="holds no experience"):
        read_file(tmp_path / "x.parquet")
    Experience.of_studies([study()]).tasks().to_parquet(tmp_path / "y.parquet")
    with pytest.raises(InvalidInput, match="format None"):
        read_file(tmp_path / "y.parquet")


@pytest.mark.parametrize(
    "odd", [{"about": {"folds": "many"}}, {"baseline": "low"}, {"version": "new"}, {"metric": None}]
)
def test_a_file_with_odd_values_is_refused(tmp_path, odd):
    good = study()
    write_file(Experience.of_studies([replace(good, head=replace(good.head, **odd))]), tmp_path / "odd.parquet")
    with pytest.raises(InvalidInput, match=r"which is no (number|text)"):
        read_file(tmp_path / "odd.parquet")


def test_places(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'team.db'}"
    assert places(None) == Places(False, None)
    assert places("shipped") == Places(True, None)
    assert places(url) == Places(True, url)
    assert places("default") == Places(False, None)  # as for all tests: SEASONED_EXPERIENCE=none
    monkeypatch.setenv("SEASONED_EXPERIENCE", str(tmp_path / "own.db"))
    assert places("default") == Places(True, f"sqlite:///{tmp_path / 'own.db'}")
    monkeypatch.setenv("SEASONED_EXPERIENCE", "shipped")
    assert places("default") == Places(True, None)
    monkeypatch.delenv("SEASONED_EXPERIENCE")
    assert own_store().endswith("experience.db")
    with pytest.raises(InvalidInput, match="experience is 'mine'"):
        places("mine")


def test_a_damaged_store_is_passed_over_with_a_warning(tmp_path, caplog):
    (tmp_path / "own.db").write_bytes(b"no database at all" * 100)
    assert len(read_places(Places(False, f"sqlite:///{tmp_path / 'own.db'}"))) == 0
    assert "is not used" in caplog.text


def test_a_store_that_is_not_there_is_not_made_by_reading(tmp_path):
    url = f"sqlite:///{tmp_path / 'own.db'}"
    assert len(read_places(Places(False, url))) == 0
    assert maintenance.heads(url) == []
    assert maintenance.statistics(url).studies == 0
    assert maintenance.forget(url, everything=True) == 0
    assert not (tmp_path / "own.db").exists()


def test_a_password_is_shown_nowhere(tmp_path, monkeypatch, caplog):
    url = "postgresql+psycopg://me:s3cret@localhost:1/none"
    monkeypatch.setattr(Experience, "read", lambda url, **_: (_ for _ in ()).throw(StorageError("it is away")))
    assert len(read_places(Places(False, url))) == 0
    assert "me:***@localhost" in caplog.text
    lines = maintenance.format_statistics(maintenance.statistics(f"sqlite:///{tmp_path / 'own.db'}"), url)
    assert "me:***@localhost" in lines[0]
    with pytest.raises(InvalidInput) as refused:
        add_studies("mysql://me:s3cret@localhost/none", [study()])
    assert "s3cret" not in caplog.text + "".join(lines) + str(refused.value)
    assert mask_password("nonsense://me:s3cret@a:b:c") == "nonsense://me:***@a:b:c"


def test_what_no_study_has_any_more_is_forgotten(tmp_path):
    url = f"sqlite:///{tmp_path / 'own.db'}"
    one, other = (
        PastStudy(Head(name, name), {}, [PastTrial({"x": 1}, 0.5), PastTrial({name: 2}, 0.7)])
        for name in ("blue", "red")
    )
    add_studies(url, [one, other])
    maintenance.forget(url, ["blue"])
    with closing(sqlite3.connect(tmp_path / "own.db")) as connection, connection:
        texts = {text for (text,) in connection.execute("SELECT content FROM seasoned_past_configurations")}
    assert texts == {'{"x":1}', '{"red":2}'}


def test_forgetting_by_pattern(tmp_path):
    url = f"sqlite:///{tmp_path / 'own.db'}"
    add_studies(url, [study("blue"), study("black"), study("red")])
    assert maintenance.forget(url, ["bl*"]) == 2
    assert [head.name for _, head in maintenance.heads(url)] == ["red"]


def test_statistics_pass_over_parameters_that_are_called_model(tmp_path):
    url = f"sqlite:///{tmp_path / 'own.db'}"
    (tmp_path / "runs.csv").write_text("task,score,model\na,0.5,random_forest\nb,0.4,\n")
    (tmp_path / "more.csv").write_text("task,score,model\nc,0.5,2\n")
    for name in ("runs.csv", "more.csv"):
        import_file(url, tmp_path / name)
    assert statistics(url).winners == {"other": 3}


def halted():
    """A study in which two trials were stopped; one that failed counts as failed whatever else is said of it."""
    trials = [
        PastTrial({"x": 0.1}, 0.5, 3.0),
        PastTrial({"x": 0.2}, 0.4, 1.0, stopped=True),
        PastTrial({"x": 0.3}, None, 1.0, failed=True, stopped=True),
        PastTrial({"x": 0.4}, 0.6, 3.0),
        PastTrial({"x": 0.5}, 0.45, 0.5, stopped=True),
        PastTrial({"x": 0.6}, 0.7, 3.0),
    ]
    return PastStudy(Head("a", "a", "mine"), {}, trials)


def test_what_was_stopped_is_kept_as_a_bound_and_is_nobodys_best(tmp_path):
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


def test_a_file_from_before_bounds_were_kept_is_read(tmp_path):
    whole = Experience.of_studies([study()])
    write_file(whole, tmp_path / "new.parquet")
    table = pq.read_table(tmp_path / "new.parquet")
    pq.write_table(table.drop_columns("stopped"), tmp_path / "old.parquet")
    assert same(read_file(tmp_path / "old.parquet"), whole)


def test_a_large_file_is_written_in_parts(tmp_path, monkeypatch):
    whole = Experience.of_studies([halted(), study(), study("b")])
    monkeypatch.setattr("seasoned.knowledge.experience.files._TOGETHER", 4)
    write_file(whole, tmp_path / "all.parquet")
    assert pq.read_metadata(tmp_path / "all.parquet").num_row_groups > 2
    assert same(read_file(tmp_path / "all.parquet"), whole)


def test_what_is_forgotten_is_not_in_the_file_either(tmp_path):
    url, word = f"sqlite:///{tmp_path / 'own.db'}", "a name that nobody must find"
    trials = [PastTrial({word: number / 1000}, 0.5) for number in range(300)]
    add_studies(url, [PastStudy(Head(word, "f"), {}, trials), study("kept")])

    def files():
        return b"".join(path.read_bytes() for path in tmp_path.glob("own.db*"))

    assert word.encode() in files()
    assert maintenance.forget(url, [word]) == 1
    assert word.encode() not in files()
    assert len(Experience.read(url)) == 1


def test_who_holds_a_file_is_told_that_what_was_forgotten_is_still_in_it(tmp_path, monkeypatch, caplog):
    url, word = f"sqlite:///{tmp_path / 'own.db'}", "a name that nobody must find"
    add_studies(url, [PastStudy(Head(word, "f"), {}, [PastTrial({word: 1}, 0.5)]), study("kept")])
    monkeypatch.setattr(maintenance, "_PATIENCE", 0.05)
    with closing(sqlite3.connect(tmp_path / "own.db", isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM seasoned_past_studies").fetchone()
        assert maintenance.forget(url, [word]) == 1
        assert "may still be in the file" in caplog.text
    assert maintenance.forget(url, [word]) == 0
    assert word.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("own.db*"))


def test_a_damaged_study_in_a_store_costs_only_itself(tmp_path, caplog):
    url = f"sqlite:///{tmp_path}/s.db"
    assert add_studies(url, [study(), replace(study(), head=replace(study().head, family="other"))]) == 2
    assert add_studies(url, [study()]) == 0
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection, connection:
        connection.execute("UPDATE seasoned_past_studies SET scores = substr(scores, 2) WHERE id = 1")
    with caplog.at_level(logging.WARNING, logger="seasoned"):
        found = read_places(Places(ships=False, store=url))
    assert [head.family for head in found.heads] == ["other"]
    assert "1 of 2 studies" in caplog.text
    assert len(heads(url)) == 2, "it can be found, and forgotten"


def test_a_file_without_text_where_text_belongs_is_refused(tmp_path):
    write_file(Experience.of_studies([study()]), tmp_path / "e.parquet")
    good = pq.read_table(tmp_path / "e.parquet")
    for name, cells in (("configuration", None), ("study", None), ("configuration", "[]")):
        place = good.column_names.index(name)
        odd = good.set_column(place, name, pa.array([cells] * len(good), pa.string()))
        pq.write_table(odd, tmp_path / "odd.parquet")
        with pytest.raises(InvalidInput):
            read_file(tmp_path / "odd.parquet")


def test_a_study_with_a_damaged_head_is_forgotten_by_its_key(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    add_studies(url, [study(), replace(study(), head=replace(study().head, family="other"))])
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection, connection:
        connection.execute("UPDATE seasoned_past_studies SET head = '{' WHERE id = 1")
    (damaged, told), (sound, _) = heads(url)
    assert told.name == "damaged or foreign"
    assert maintenance.forget(url, [sound]) == 1
    assert maintenance.forget(url, [damaged]) == 1


def test_runs_that_have_grown_take_the_place_of_what_was_there(tmp_path):
    url, file = f"sqlite:///{tmp_path}/s.db", tmp_path / "runs.csv"

    def imported(*lines):
        file.write_text("\n".join(["task,x,score", *lines]))
        return maintenance.import_file(url, file)[0]

    assert imported("a,1,.5", "a,2,.4", "b,1,.3") == 2
    assert imported("a,1,.5", "a,2,.4", "a,3,.1", "b,1,.3") == 1
    assert [(head.name, size) for head, size in sizes(url)] == [("b", 1), ("a", 3)]
    assert imported("a,9,.9") == 1
    assert [(head.name, size) for head, size in sizes(url)] == [("b", 1), ("a", 3), ("a", 1)], "these are other runs"
    assert imported("a,1,.7", "a,2,.4", "a,3,.1", "b,1,.3") == 1
    assert len(sizes(url)) == 4, "with another score it may be anybody's"
    both = Experience.read(url)
    assert maintenance.import_studies(url, both) == 0
    assert len(sizes(url)) == 4, "what is in one file together is kept together"


def sizes(url):
    found = Experience.read(url)
    return list(zip(found.heads, np.diff(found.starts).tolist(), strict=True))


def test_a_table_that_no_memory_holds_is_refused(monkeypatch):
    trials = [PastTrial({"x": place}, 0.0) for place in range(800)]
    firsts = [PastTrial({"x": -number}, 0.0) for number in range(1, 4)]
    studies = [replace(study(str(place)), trials=[first, *trials]) for place, first in enumerate(firsts)]
    found = Experience.of_studies(studies)
    assert found.table().scores.shape == (3, 803)
    monkeypatch.setattr("seasoned.knowledge.experience.experience._MOST_CELLS", 3 * 803 - 1)
    with pytest.raises(InvalidInput, match="3 tasks x 803 configurations is too large"):
        found.table()
    assert found.table(found.configurations[1:3]).scores.shape == (3, 2)


@pytest.mark.parametrize(("advised", "words"), [(True, "in 1 the best trial"), (False, "in 0 the best trial")])
def test_statistics_say_what_advice_has_brought(tmp_path, advised, words):
    url = f"sqlite:///{tmp_path}/s.db"
    about = {"guided": True, "best_at": 4, "advised": advised, **({"ahead": 0.02} if advised else {})}
    older = {"guided": True, "best_at": 4, "known": True}
    kept = [replace(study(name), head=Head(name, name, about=of)) for name, of in (("a", about), ("b", older))]
    add_studies(url, kept)
    found = maintenance.statistics(url)
    assert (found.guided, found.advised) == (1, int(advised)), "what older fits kept does not tell"
    (line,) = [line for line in maintenance.format_statistics(found, url) if "used experience" in line]
    assert words in line
    assert ("the best of the others had 98.0% of its gain" in line) == advised


def test_an_experience_in_memory_goes_to_other_processes(tmp_path):
    write_file(Experience.of_studies([study(), study("b")]), tmp_path / "e.parquet")
    found = read_file(tmp_path / "e.parquet")
    for one in (found, found.chosen([1]), merge(found, Experience.of_studies([study("c")]))):
        carried = pickle.loads(pickle.dumps(one))
        assert carried.id == one.id
        assert carried.studies() == one.studies()


def test_statistics_pass_over_what_is_no_number(tmp_path):
    """An imported file may hold anything there."""
    url = f"sqlite:///{tmp_path}/s.db"
    odd = {"guided": True, "advised": True, "best_at": None, "ahead": "far"}
    add_studies(url, [replace(study("a"), head=Head("a", "a", about=odd))])
    found = maintenance.statistics(url)
    assert (found.guided, found.advised, found.ahead, found.best_at) == (1, 1, None, (None, None))
