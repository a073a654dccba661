"""A file does not decide where a later fit reads and writes experience; only the user's own word does."""

from __future__ import annotations

import socket

import pytest

from forging import forged
from in_process import estimator, stay_in_process
from messy import messy
from seasoned import load
from seasoned.errors import InvalidInput


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    X, y = messy("binary", rows=60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEASONED_CACHE", str(folder / "cache"))
        stay_in_process(patch)
        model = estimator("classification").fit(X, y)
    model.save(folder / "m.seasoned")
    return folder / "m.seasoned", model, X, y


def with_experience(saved, folder, address):
    def change(manifest, _):
        manifest["about"]["parameters"]["experience"] = address

    return load(forged(saved[0], folder / "forged.seasoned", change))


@pytest.mark.parametrize("address", ["sqlite:///{folder}/store.db", "postgresql://127.0.0.1:{port}/x", ["default"], {}])
def test_an_address_in_a_file_is_neither_written_nor_connected_to(here, saved, address):
    _, _, X, y = saved
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        if isinstance(address, str):
            address = address.format(folder=here, port=server.getsockname()[1])
        model = with_experience(saved, here, address)
        assert model.predict(X).shape == (60,)
        with pytest.raises(InvalidInput, match=r"could not hold experience.*set_params\(experience=\.\.\.\) first"):
            model.fit(X, y)
        model.set_params(experience="shipped").fit(X, y)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert not (here / "store.db").exists()


@pytest.mark.parametrize("name", [None, "default", "shipped"])
def test_names_that_are_no_address_stay(here, saved, name):
    assert with_experience(saved, here, name).experience == name


def test_a_users_own_address_is_not_in_the_file_either(here, saved):
    _, model, *_ = saved
    own = type(model)(**{**model.get_params(), "experience": "sqlite:////srv/team.db"})
    own.restore(model.fitted_, model.rows_)
    own.save(here / "own.seasoned")
    again = load(here / "own.seasoned")
    assert (again.experience, again.unsaved_) == ("default", ("experience",))
    assert own.experience == "sqlite:////srv/team.db"
