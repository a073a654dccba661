"""Writing a model's file: whole or not at all, and nothing beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from seasoned.cli.common import check_model
from seasoned.cli.tables.prediction_table import check_name
from seasoned.errors import InvalidInput
from seasoned.tabular.bundle import archive

KILLED = """
import os, signal, sys
from pathlib import Path
from seasoned.tabular.bundle import archive
archive.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
archive.replace_file(Path(sys.argv[1]), b"new" * 10_000)
"""


def test_a_killed_save_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "m.seasoned"
    path.write_bytes(b"old")
    run = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, capture_output=True)
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["m.seasoned"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("nameless", [True, False])
def test_a_save_replaces_the_file_with_the_rights_of_a_new_one(tmp_path, monkeypatch, nameless):
    if not nameless:  # as on a file system without such files
        monkeypatch.setattr(archive, "open_unnamed", lambda _: None)
    path, usual = tmp_path / "m.seasoned", tmp_path / "usual"
    usual.touch()
    for content in (b"one", b"two"):
        archive.replace_file(path, content)
        assert path.read_bytes() == content
    assert path.stat().st_mode == usual.stat().st_mode
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_knows_no_nameless_files_is_no_error(monkeypatch, tmp_path):
    def refuses(*_):
        raise OSError(95, os.strerror(95))

    with monkeypatch.context() as patch:
        patch.setattr(archive.os, "open", refuses)
        assert archive.open_unnamed(tmp_path) is None


@pytest.mark.parametrize("refuse", [check_name, check_model, lambda path: archive.write(None, None, {}, path)])
def test_a_name_that_is_too_long_is_one_short_sentence(tmp_path, refuse):
    with pytest.raises(InvalidInput, match=r"File name too long\); choose a shorter") as said:
        refuse(tmp_path / ("m" * 300 + ".seasoned"))
    assert len(str(said.value)) < 200
