"""Compiled programs are kept in the user's cache, unless the user has decided otherwise."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from seasoned.metagrad._common.compilation_cache import keep_compiled


class Config(SimpleNamespace):
    """The part of jax.config that is used."""

    def update(self, name, value):
        setattr(self, name, value)


def config(folder=None, *, enabled=True):
    return Config(jax_compilation_cache_dir=folder, jax_enable_compilation_cache=enabled)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_folder_lies_in_the_user_s_cache_for_nobody_else(cache):
    given = config()
    keep_compiled(given)
    assert given.jax_compilation_cache_dir == str(cache / "jax")
    assert (cache / "jax").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("given", [config("/elsewhere"), config(enabled=False)])
def test_what_the_user_has_set_stays(given, cache):
    before = given.jax_compilation_cache_dir
    keep_compiled(given)
    assert given.jax_compilation_cache_dir == before
    assert not cache.exists()


def test_without_a_folder_to_write_in_nothing_is_kept(cache):
    cache.write_text("a file in its place")
    given = config()
    keep_compiled(given)
    assert given.jax_compilation_cache_dir is None


def test_the_oldest_programs_go(cache, monkeypatch):
    monkeypatch.setattr("seasoned.metagrad._common.compilation_cache._MOST", 2)
    (cache / "jax").mkdir(parents=True)
    for age in range(4):
        path = cache / "jax" / f"{age}-cache"
        path.write_bytes(b"")
        os.utime(path, (1000 - age, 1000 - age))
    keep_compiled(config())
    assert sorted(path.name for path in (cache / "jax").iterdir()) == ["0-cache", "1-cache"]
