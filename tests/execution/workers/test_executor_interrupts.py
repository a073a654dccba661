"""Interrupts at every single step of the calling thread: no lock stays taken, and the executor stays usable."""

from __future__ import annotations

import gc
import threading
from itertools import count
from pathlib import Path

import pytest

import seasoned.execution
from interrupting import Interrupt
from seasoned.execution.base import Ending
from seasoned.execution.local import LocalExecutor

OURS = str(Path(seasoned.execution.__file__).parent)
WATCHED = (OURS, threading.__file__)


def runs_out(interrupt, action):
    """Run the action; whether it ended before the interrupt came."""
    try:
        interrupt.run(action)
    except KeyboardInterrupt:
        return False
    return True


def is_free(lock):
    """Return True where another thread can take the lock."""
    taken = []

    def take():
        taken.append(lock.acquire(timeout=2))
        if taken[0]:
            lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return taken[0]


def wait_for_one(executor):
    executor.submit(abs, -1)
    while not executor.wait(0.002):
        pass


def cancel_one(executor):
    executor.cancel(executor.submit(abs, -1))


@pytest.fixture
def _no_collection():
    """No other test's executor is collected meanwhile: the interrupt would strike its finalizer, and be lost there."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collection")
@pytest.mark.parametrize("action", [wait_for_one, cancel_one])
def test_an_interrupt_at_any_point_leaves_no_lock_taken(action):
    with LocalExecutor(workers=1) as executor:
        action(executor)
        for step in count():
            ended = runs_out(Interrupt(step, WATCHED), lambda: action(executor))
            if not is_free(executor.scheduler.exchange._lock):
                executor.scheduler.exchange._lock.release()  # else the end of this test would wait for ever
                pytest.fail(f"interrupted at point {step}, it keeps its lock")
            if ended:
                break
        assert step > 10, "the interrupts did not reach the executor's code"
        while executor.wait():  # what the interrupts left behind
            pass
        executor.submit(abs, -3)
        (outcome,) = executor.wait()
        assert outcome.ending is Ending.RETURNED
        assert outcome.value == 3
