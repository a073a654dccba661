from __future__ import annotations

import pytest
import sklearn.ensemble  # noqa: F401  # loads the OpenMP that is limited below
from threadpoolctl import threadpool_limits

from in_process import stay_in_process
from messy import messy
from seasoned import AutoClassifier, AutoRegressor, SearchSettings
from warm_workers import cache, cache_folder, one_thread_each

__all__ = ["cache", "cache_folder"]


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Test processes share the cores: OpenMP's threads of all of them would wait for each other, actively."""
    with threadpool_limits(1, user_api="openmp"):
        yield


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of the test's own, with the cache in it; fits stay in this process."""
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    return tmp_path


@pytest.fixture(scope="session")
def fitted(tmp_path_factory):
    """A fitted estimator and its table for each task; four families get their defaults tried."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEASONED_CACHE", str(tmp_path_factory.mktemp("cache")))
        one_thread_each(patch)
        return {task: fit_messy(task, trials=5) for task in ("binary", "multiclass", "regression")}


def fit_messy(task, **options):
    X, y = messy(task)
    make = AutoRegressor if task == "regression" else AutoClassifier
    options = {
        "search": SearchSettings(folds=3, models=["linear", "lightgbm", "histogram", "forest"]),
        "random_state": 0,
        "experience": None,
        "workers": 2,
        **options,
    }
    return make(**options).fit(X, y), X, y
