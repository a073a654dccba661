"""Checkpoints of trials: their folders, their deletion, and studies of the same name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from seasoned import ASHA, Float, Random, Space, Study
from seasoned.fidelity.checkpoints import Checkpoints
from seasoned.storage import MemoryStorage, SqlStorage
from seasoned.trials import TrialState
from study_parts import checkpoints_of, storage_of

SPACE = Space(x=Float(-1, 1))
LINE = Space(x=Float(0, 1))
POSITIVE = Space(x=Float(0.1, 1))


def train(config, trial):
    """Goes on from its checkpoint, and notices if that is not where the study believes it to be."""
    path = trial.checkpoint / "state.json"
    begun = json.loads(path.read_text()) if path.exists() else 0
    assert begun >= trial.step
    for epoch in range(begun + 1, trial.budget + 1):
        path.write_text(json.dumps(epoch))
        trial.report(epoch, abs(config["x"]) + 1 / epoch)
    return abs(config["x"]) + 1 / trial.budget


def test_checkpoints_of_pruned_trials_are_deleted(tmp_path):
    study = Study(SPACE, fidelity=ASHA(max=9), sampler=Random(), seed=1, checkpoints=tmp_path)
    study.optimize(train, trials=15)
    complete = {str(trial.number) for trial in study.trials if trial.state is TrialState.COMPLETE}
    (own,) = tmp_path.iterdir()
    assert {path.name for path in own.iterdir()} == complete
    options = {"fidelity": ASHA(max=9), "sampler": Random(), "seed": 1, "checkpoints": tmp_path}
    for storage in (None, MemoryStorage(), tmp_path / "a.db", tmp_path / "b.db"):
        named = {} if storage is None else {"storage": storage, "name": "s"}
        Study(SPACE, **options, **named).optimize(train, trials=3)
    assert {path.name for path in own.iterdir()} == complete, "other studies in that folder have folders of their own"
    assert sum(path.is_dir() for path in tmp_path.iterdir()) == 5


def test_checkpoint_folders_differ_by_store_and_seed(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path / "cache"))
    found = set()
    for folder, seed in (("one", 0), ("two", 0), ("one", 1)):
        (tmp_path / folder).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / folder)
        found.add(Checkpoints(None, "sqlite:///runs.db", "s", seed).folder)
    assert len(found) == 3
    monkeypatch.chdir(tmp_path)
    assert Checkpoints(None, f"sqlite:///{tmp_path}/one/runs.db", "s", 0).folder in found


def seen(study):
    return [(trial.config, trial.state, trial.value, trial.reports) for trial in study.trials]


def test_checkpoints_of_a_deleted_study_are_not_used_by_its_successor(tmp_path):
    options = {"fidelity": ASHA(max=9), "sampler": Random(), "seed": 1, "checkpoints": tmp_path / "c"}
    url = f"sqlite:///{tmp_path}/s.db"
    first = Study(SPACE, **options, storage=url, name="s")
    first.optimize(train, trials=6)
    first.close()
    storage = SqlStorage(url)
    storage.delete("s")
    second = Study(SPACE, **options, storage=storage, name="s")
    second.optimize(train, trials=6)
    assert seen(second) == seen(first)


def test_studies_on_one_storage_in_memory_share_their_checkpoints(tmp_path):
    storage = MemoryStorage()
    for folder in (None, tmp_path):
        one, two = (Study(SPACE, storage=storage, name="s", fidelity=ASHA(max=9), checkpoints=folder) for _ in range(2))
        assert checkpoints_of(one).folder == checkpoints_of(two).folder
        other = Study(SPACE, storage=MemoryStorage(), name="s", seed=one.seed, checkpoints=folder)
        assert checkpoints_of(other).folder != checkpoints_of(one).folder


def test_a_new_study_of_the_same_name_finds_no_checkpoints(tmp_path):
    storage = MemoryStorage()

    def objective(config, trial):
        mark = trial.checkpoint / "model"
        assert not mark.exists()
        mark.touch()
        return 0.0

    for _ in range(2):
        study = Study(
            LINE,
            sampler=Random(),
            seed=0,
            storage=f"sqlite:///{tmp_path / 's.db'}",
            name="s",
            checkpoints=tmp_path / "c",
        )
        study.optimize(objective, trials=3)
        assert [trial.state.value for trial in study.trials] == ["complete"] * 3
        study.close()
        seasoned_storage = storage_of(study)
        seasoned_storage.delete("s")
    assert list(storage.names()) == []


def test_an_enqueued_trial_finds_no_checkpoint_of_a_deleted_study(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"

    def study():
        options = {"fidelity": ASHA(max=1), "sampler": Random(), "seed": 1, "checkpoints": tmp_path / "c"}
        return Study(POSITIVE, storage=url, name="s", **options)

    first = study()
    first.optimize(lambda config, trial: config["x"], trials=1)
    left = checkpoints_of(first).folder / "0"
    left.mkdir(parents=True, exist_ok=True)
    (left / "mark").write_text("old")
    first.close()
    storage = SqlStorage(url)
    storage.delete("s")
    storage.close()
    second = study()
    second.enqueue({"x": 0.5})
    assert not (left / "mark").exists()


def test_the_checkpoint_folder_does_not_depend_on_the_password(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    urls = ["postgresql://me:old@host/db", "postgresql+psycopg://me:new@host/db", "postgresql://me@host/db"]
    folders = {Checkpoints(None, url, "s", 0).folder for url in urls}
    assert len(folders) == 1
    assert Checkpoints(None, "postgresql://me:old@host/other", "s", 0).folder not in folders


def test_the_checkpoint_folder_does_not_depend_on_the_form_of_the_store(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path / "cache"))
    url = f"sqlite:///{tmp_path}/runs.db"
    folders = [
        checkpoints_of(Study(LINE, storage=given, name="s", sampler=Random(), seed=0, fidelity=ASHA())).folder
        for given in (url, SqlStorage(url), tmp_path / "runs.db")
    ]
    assert len(set(folders)) == 1
    assert folders[0].is_relative_to(tmp_path / "cache")
    alone = checkpoints_of(Study(LINE, sampler=Random(), fidelity=ASHA())).folder
    assert not alone.is_relative_to(tmp_path / "cache")


def test_a_study_without_a_rule_makes_no_checkpoint_folder(monkeypatch):
    monkeypatch.setattr("tempfile.mkdtemp", lambda **_: pytest.fail("a folder was made"))
    study = Study(LINE, sampler=Random(), seed=0)
    study.optimize(lambda config: config["x"], trials=2)
    assert len(study.trials) == 2


def test_a_relative_checkpoint_folder_stays_where_the_study_began(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    made = Checkpoints(None, "sqlite:///s.db", "s", 0)
    plain = Checkpoints(None, "sqlite:///s.db", "s", 0).folder
    monkeypatch.chdir(tmp_path / "there")
    assert made.folder == plain
    assert Checkpoints(None, f"sqlite:///{tmp_path}/here/s.db?timeout=30", "s", 0).folder == plain
    given = Checkpoints(Path("runs"), None, "s", 0)
    monkeypatch.chdir(tmp_path)
    assert given.folder.parent == tmp_path / "there" / "runs"


def test_a_relative_cache_folder_stays_where_the_study_began(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEASONED_CACHE", "cache")
    (tmp_path / "elsewhere").mkdir()

    def train(config, trial):
        os.chdir(tmp_path / "elsewhere")
        trial.checkpoint.mkdir(parents=True, exist_ok=True)
        (trial.checkpoint / "weights").write_text("1")
        for step in range(trial.step + 1, trial.budget + 1):
            trial.report(step, config["x"])
        return config["x"]

    study = Study(LINE, sampler=Random(), storage=tmp_path / "s.db", name="s", fidelity=ASHA(max=9), seed=0)
    study.optimize(train, trials=2)
    assert not list((tmp_path / "elsewhere").iterdir())
