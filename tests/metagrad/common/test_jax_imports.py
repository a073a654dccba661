"""Compilation cache: compiled programs stay in the user's cache folder, unless the user has set another folder."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from seasoned.metagrad._common.jax_imports import keep_compiled


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


def test_compilation_cache_lies_in_a_private_folder_of_the_user(cache):
    given = config()
    keep_compiled(given)
    assert given.jax_compilation_cache_dir == str(cache / "jax")
    assert (cache / "jax").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("given", [config("/elsewhere"), config(enabled=False)])
def test_compilation_cache_set_by_the_user_stays(given, cache):
    before = given.jax_compilation_cache_dir
    keep_compiled(given)
    assert given.jax_compilation_cache_dir == before
    assert not cache.exists()


def test_compilation_cache_without_a_writable_folder_is_off(cache):
    cache.write_text("a file in its place")
    given = config()
    keep_compiled(given)
    assert given.jax_compilation_cache_dir is None


def test_compilation_cache_drops_the_oldest_programs(cache, monkeypatch):
    monkeypatch.setattr("seasoned.metagrad._common.jax_imports.MAX_PROGRAMS", 2)
    (cache / "jax").mkdir(parents=True)
    for age in range(4):
        path = cache / "jax" / f"{age}-cache"
        path.write_bytes(b"")
        os.utime(path, (1000 - age, 1000 - age))
    keep_compiled(config())
    assert sorted(path.name for path in (cache / "jax").iterdir()) == ["0-cache", "1-cache"]
