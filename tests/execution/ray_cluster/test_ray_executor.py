"""Ray executor, on a cluster of this machine alone; the tests need the extra `ray`."""

from __future__ import annotations

import os
import time

import pytest

from optional import package
from seasoned import Float, Space, Study
from seasoned.errors import InvalidInput
from seasoned.execution.base import Ending
from seasoned.execution.checks import CHECKS
from seasoned.execution.ray.actor import WorkerActor

ray = package("ray")
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of Ray
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning"),  # JAX's, where another test has loaded it
]


@pytest.fixture(scope="module", autouse=True)
def _cluster():
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def open_executor(workers):
    from seasoned.execution import RayExecutor

    return RayExecutor(workers)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_ray_executor_keeps_the_contract(check):
    check(open_executor)


def test_a_study_runs_on_a_ray_cluster():
    executor = open_executor(2)
    study = Study(Space(x=Float(-1, 1)), seed=0)
    study.optimize(lambda config: config["x"] ** 2, trials=12, workers=executor, progress=False)
    study.optimize(lambda config: config["x"] ** 2, trials=20, workers=executor, progress=False)
    assert len(study.trials) == 20
    assert study.best.value < 0.1
    executor.close()
    with pytest.raises(RuntimeError, match="closed"):
        executor.submit(abs, 1)


def test_a_lost_actor_ends_its_task_and_is_replaced(until):
    with open_executor(1) as executor:
        task = executor.submit(time.sleep, 1000)
        until(lambda: any(post.task for post in executor.scheduler._posts), "the task begins")
        ray.kill(executor.scheduler._posts[0].actor)
        (outcome,) = executor.wait(60)
        assert (outcome.task, outcome.ending) == (task, Ending.DIED)
        assert "lost" in outcome.reason
        executor.submit(os.getpid)
        (outcome,) = executor.wait(60)
        assert outcome.ending is Ending.RETURNED
        assert outcome.value != os.getpid()


def test_a_task_that_cannot_begin_ends(monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    class Full(WorkerActor):
        def __init__(self, *given):
            import seasoned.execution.workers.packing

            super().__init__(*given)
            seasoned.execution.workers.packing.write_parcel = fail  # in the station's own process

    monkeypatch.setattr("seasoned.execution.ray.executor.WorkerActor", Full)
    with open_executor(1) as executor:
        executor.submit(abs, -1)
        (outcome,) = executor.wait(60)
        assert outcome.ending is Ending.DIED
        assert "TMPDIR" in outcome.reason


def test_the_ray_executor_needs_at_least_one_worker():
    with pytest.raises(InvalidInput, match="at least 1"):
        open_executor(0)
