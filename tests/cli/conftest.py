"""Folders of the tests of commands, and one fit that several files share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from commands import fit_line
from in_process import alone


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Each test runs in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def here(own_folder, monkeypatch):
    """The test's folder also contains its cache, and fits run in this process."""
    alone(own_folder, monkeypatch)
    return own_folder


@pytest.fixture(scope="session")
def described(tmp_path_factory):
    """A folder with a table and its model, and the result of `seasoned fit`."""
    folder = tmp_path_factory.mktemp("described")
    rng = np.random.default_rng(0)
    size = rng.normal(size=80)
    prices = [f"${1000 + place:,}.50" for place in range(80)]
    table = pd.DataFrame({"size": size, "price": prices, "y": 2 * size + 0.1 * rng.normal(size=80)})
    table.to_csv(folder / "t.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        alone(folder, patch)
        return folder, fit_line("t.csv", "--out", "m.s")


@pytest.fixture
def first(described, here, monkeypatch):
    """The result of `seasoned fit`, in the folder of its table and model."""
    folder, result = described
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SEASONED_CACHE", str(folder / "cache"))
    return result
