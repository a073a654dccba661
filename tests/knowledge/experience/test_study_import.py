"""Import of studies: from Python, from a storage and from the command line."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from commands import call
from seasoned import Choice, Constrained, Float, Int, Space, Study
from seasoned.errors import InvalidInput
from seasoned.knowledge import Experience, past_study, quantile_start, read_storage
from seasoned.knowledge.experience.maintenance import add_experience, own_store
from seasoned.samplers import Random
from seasoned.storage import SqlStorage
from seasoned.storage.summary import contents_of

SPACE = Space(rate=Float(1e-3, 1, log=True), kind=Choice(tree=Space(depth=Int(1, 9)), line=Space()))


def gain(config):
    if "line" in config["kind"]:
        return 0.0 - 2.0 * (config["rate"] > 0.01)  # some are 0, whose sign must not tell
    return 1.0 - abs(np.log10(config["rate"]) + 1.0)


def run(name, storage=None, trials=20, function=gain, **options):
    study = Study(SPACE, name=name, storage=storage, direction="maximize", sampler=Random(), seed=len(name), **options)
    study.optimize(function, trials=trials)
    return study


@pytest.fixture
def url(tmp_path):
    """Two studies of one function, one that has no trial yet, and one of two objectives."""
    found = f"sqlite:///{tmp_path}/runs.db"
    for name in ("one", "second"):
        run(name, found).close()
    Study(SPACE, name="empty", storage=found).close()
    both = Study(SPACE, name="both", storage=found, direction=("minimize", "minimize"), seed=0)
    both.optimize(lambda config: (config["rate"], 1.0), trials=2)
    both.close()
    return found


def test_studies_of_a_storage_become_tasks_that_warm_start_a_search(url):
    experience = read_storage(url)
    assert [(head.name, head.kind, head.source) for head in experience.heads] == [
        ("one", "one", "study"),
        ("second", "second", "study"),
    ]
    assert len(experience.scores) == 40
    assert experience.scores.min() >= -1.0, "maximised there, minimised here"
    assert experience.scores.max() > 0.5
    assert np.isfinite(experience.seconds).all()
    start = quantile_start(SPACE, experience.evaluations(SPACE))
    assert "tree" in start.configurations[0]["kind"]
    assert abs(np.log10(start.configurations[0]["rate"]) + 1.0) < 0.5


def test_study_in_memory_and_in_its_storage_are_the_same_task(url):
    study = Study.load(url, "one")
    (key,) = Experience.of_studies([past_study(study)]).keys
    assert key == read_storage(url).keys[0]


def test_infeasible_trials_count_as_failed_and_pruned_are_left_out():
    study = Study(SPACE, name="mixed", sampler=Random(), seed=0)
    trials = [study.ask() for _ in range(6)]
    study.tell(trials[0], error="it cannot")
    study.tell(trials[1], pruned="too poor")
    study.tell(trials[2], Constrained(1.0, constraints=[0.5]))
    study.tell(trials[3], Constrained(2.0, constraints=[-0.5]))
    study.tell(trials[4], 3.0)
    experience = Experience.of_studies([past_study(study)])
    assert experience.failed.tolist() == [True, True, False, False]
    np.testing.assert_array_equal(experience.scores, [np.nan, np.nan, 2.0, 3.0])


def test_trials_of_an_earlier_space_are_imported_too(url):
    wider = Space(rate=Float(1e-4, 10, log=True), kind=Choice(tree=Space(depth=Int(1, 9)), line=Space()))
    Study(wider, name="one", storage=url, direction="maximize", sampler=Random()).optimize(gain, trials=30)
    (found, _) = read_storage(url).studies()
    assert len(found.trials) == 30
    assert any(not SPACE.contains(trial.config) for trial in found.trials)
    assert len(read_storage(url).evaluations(SPACE)[0].scores) >= 20


def test_studies_without_trials_or_of_several_objectives_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="has no trials"):
        past_study(Study(SPACE, name="none"))
    both = Study(SPACE, name="both", direction=("minimize", "maximize"))
    with pytest.raises(InvalidInput, match="experience supports one objective only"):
        past_study(both)
    with pytest.raises(InvalidInput, match="there is no file"):
        read_storage(tmp_path / "absent.db")
    assert not (tmp_path / "absent.db").exists()


def test_storage_is_imported_again_after_it_has_grown(url, tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_EXPERIENCE", str(tmp_path / "own.db"))
    assert call("experience", "import", url).output.startswith("2 of 2 studies are new")
    assert call("experience", "import", str(tmp_path / "runs.db")).output.startswith("0 of 2 studies are new")
    run("one", url, trials=25).close()
    assert call("experience", "import", url).output.startswith("1 of 2 studies are new")
    found = Experience.read(own_store())
    assert sorted(len(study.trials) for study in found.studies()) == [20, 25]
    assert len(found.where(kind="one").evaluations(SPACE)) == 1


def test_store_of_a_colleague_is_imported_by_url_or_file(url, tmp_path, monkeypatch):
    theirs = tmp_path / "theirs.db"
    add_experience(f"sqlite:///{theirs}", read_storage(url))
    for number, source in enumerate((f"sqlite:///{theirs}", str(theirs))):
        monkeypatch.setenv("SEASONED_EXPERIENCE", str(tmp_path / f"own{number}.db"))
        assert call("experience", "import", source).output.startswith("2 of 2 studies are new")
    assert len(Experience.read(f"sqlite:///{theirs}")) == 2


def test_import_takes_studies_experience_and_optuna_studies(url, tmp_path, monkeypatch):
    """Studies, experience and Optuna's studies may be side by side on a team's server."""
    import optuna

    monkeypatch.setenv("SEASONED_EXPERIENCE", str(tmp_path / "own.db"))
    other = run("third")
    add_experience(url, Experience.of_studies([past_study(other)]))
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        theirs = optuna.create_study(storage=url, study_name="theirs")
        theirs.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=4)
        assert call("experience", "import", url).output.startswith("4 of 4 studies are new")
    finally:
        optuna.logging.set_verbosity(before)


def test_import_changes_nothing_in_the_source_database(url, tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_EXPERIENCE", str(tmp_path / "own" / "own.db"))
    (tmp_path / "own").mkdir()
    add_experience(url, Experience.of_studies([past_study(run("third"))]))
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")  # as in a copy, which a writer would change
    before = (tmp_path / "runs.db").read_bytes()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert call("experience", "import", str(tmp_path / "runs.db")).output.startswith("3 of 3 studies are new")
    assert (tmp_path / "runs.db").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_running_study_is_read_through_a_symbolic_link(tmp_path):
    """The journal of the last trials lies beside the file and not beside the link."""
    study = run("going on", f"sqlite:///{tmp_path}/runs.db", trials=4)
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "link.db"
    link.symlink_to(tmp_path / "runs.db")
    assert (tmp_path / "runs.db-wal").exists()
    assert len(read_storage(link).scores) == 4
    study.close()


def test_storage_object_is_read_and_other_objects_are_refused(url):
    with closing(SqlStorage(url)) as storage:
        assert len(read_storage(storage)) == 2
    with pytest.raises(InvalidInput, match="give a URL"):
        read_storage(5)


def test_foreign_database_is_refused_and_stays_as_it_is(tmp_path):
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE version_info (id INTEGER)")  # as Optuna has one, too
    before = file.read_bytes()
    assert "holds no studies" in call("experience", "import", str(file), code=2).stderr
    with pytest.raises(InvalidInput, match="holds no studies of ours"):
        read_storage(file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["shop.db"]
    assert contents_of(f"sqlite:///{file}") == (False, False, False)
    with pytest.raises(InvalidInput, match="there is no file"):
        contents_of(f"sqlite:///{tmp_path}/absent.db")
    with pytest.raises(InvalidInput, match="is no database URL"):
        contents_of("nonsense")


def test_optuna_storage_is_imported_from_the_command_line(tmp_path, monkeypatch):
    import optuna

    monkeypatch.setenv("SEASONED_EXPERIENCE", str(tmp_path / "own.db"))
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        there = f"sqlite:///{tmp_path}/optuna.db"
        study = optuna.create_study(storage=there, study_name="theirs")
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=4)
        assert call("experience", "import", there).output.startswith("1 of 1 studies are new")
    finally:
        optuna.logging.set_verbosity(before)
    assert Experience.read(own_store()).heads[0].source == "optuna"
