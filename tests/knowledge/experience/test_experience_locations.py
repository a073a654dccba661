"""Locations of experience: shipped, own and team stores, and their URLs."""

from __future__ import annotations

import pytest

from past_studies import study
from seasoned.errors import InvalidInput, StorageError
from seasoned.knowledge import Experience
from seasoned.knowledge.experience import maintenance
from seasoned.knowledge.experience.locations import Places, add_studies, own_store, places, read_places, store_exists
from seasoned.storage import SqlStorage
from seasoned.storage.engine import file_of
from seasoned.storage.url import mask_password


def test_experience_setting_names_the_shipped_or_a_store(tmp_path, monkeypatch):
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


def test_password_of_a_store_url_is_shown_nowhere(tmp_path, monkeypatch, caplog):
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


def test_store_url_with_a_query_or_a_driver_names_its_file(tmp_path):
    for url in (f"sqlite:///{tmp_path}/t.db?timeout=30", f"sqlite+pysqlite:///{tmp_path}/t.db"):
        assert file_of(url) == tmp_path / "t.db"
    assert not store_exists(url)
    SqlStorage(f"sqlite:///{tmp_path}/t.db").close()
    assert store_exists(url)
    assert file_of("nothing of the kind") is None
