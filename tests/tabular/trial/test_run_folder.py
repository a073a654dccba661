"""Run folders: removal, owners, resumes and writes on a full disk."""

from __future__ import annotations

import pytest

from seasoned.tabular.trial import run_folder
from seasoned.tabular.trial.run_folder import RunFolder, cache_folder, clear_runs


def test_a_deleted_run_is_renamed_before_its_files_are_removed(cache, monkeypatch):
    """A run folder with files and without an owner could be resumed by another fit of the same table."""
    folder = RunFolder.open("key", {}, resume=False)
    removed = []
    monkeypatch.setattr(run_folder.shutil, "rmtree", lambda path, **_: removed.append(path.name))
    folder.delete()
    assert not folder.path.exists()
    (name,) = removed
    assert name.startswith(".forgotten-")
    assert (cache_folder() / name / "trials").exists()


def test_clear_runs_keeps_a_run_that_gets_an_owner_meanwhile(cache, monkeypatch):
    for key in ("one", "two"):
        RunFolder.open(key, {}, resume=False).release()
    asked = run_folder.is_owned
    monkeypatch.setattr(run_folder, "is_owned", lambda path: path.name == "two" or asked(path))
    monkeypatch.setattr(run_folder, "list_runs", lambda: pytest.fail("what it says may be old by now"))
    assert clear_runs() == 1
    assert [path.name for path in cache_folder().iterdir() if path.is_dir()] == ["two"]


def test_a_failed_write_leaves_no_partial_file(cache):
    folder = RunFolder.open("key", {}, resume=False)

    def full(file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        folder._write("trials/1.npy", full)
    assert list((folder.path / "trials").iterdir()) == []
    folder.delete()


def test_a_resume_opens_the_unfinished_run_with_a_numbered_name(here):
    first = RunFolder.open("k", {}, resume=False)
    second = RunFolder.open("k", {}, resume=False)
    assert second.path.name == "k-2"
    (second.path / "study.db").touch()
    first.delete()
    second.release()
    again = RunFolder.open("k", {}, resume=True)
    assert (again.path.name, again.resumed) == ("k-2", True)
    assert RunFolder.open("k", {}, resume=False).path.name == "k"
