"""SQLite URIs as a storage: refused in favour of a path."""

from __future__ import annotations

import pytest

from seasoned import Float, Space, Study
from seasoned.errors import InvalidInput


def test_sqlite_file_uri_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match="give its path"):
        Study(Space(x=Float(0, 1)), storage="sqlite:///file:runs.db?uri=true", name="s")
    assert not list(tmp_path.iterdir())
