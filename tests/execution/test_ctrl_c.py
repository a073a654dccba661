"""Ctrl-C at every single step of the caller's thread: no lock stays taken, and the executor stays usable."""

from __future__ import annotations

import dis
import gc
import sys
import threading
from functools import cache
from itertools import count
from pathlib import Path

import pytest

import seasoned.execution
from seasoned.execution.base import Ending
from seasoned.execution.local import LocalExecutor

OURS = str(Path(seasoned.execution.__file__).parent)
WATCHED = (OURS, threading.__file__)


class Interrupt:
    """Raises KeyboardInterrupt in this thread at the n-th point of the executor's code or of `threading` where it can.

    The interpreter looks for signals when a function begins, after each call, and when a loop goes round.
    """

    def __init__(self, at):
        self.left = at
        self.before = {}  # frame -> name of its last instruction

    def __call__(self, frame, event, _):
        if not frame.f_code.co_filename.startswith(WATCHED):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            if self.before.get(frame, "").startswith(("RESUME", "CALL", "JUMP_BACKWARD")):
                if self.left == 0:
                    raise KeyboardInterrupt
                self.left -= 1
            self.before[frame] = names(frame.f_code)[frame.f_lasti]
        return self

    def runs_out(self, action):
        """Run the action; whether it ended before the interrupt came."""
        before = sys.gettrace()
        sys.settrace(self)
        try:
            action()
        except KeyboardInterrupt:
            return False
        finally:
            sys.settrace(before)
        return True


@cache
def names(code):
    """The names of its instructions by where they stand."""
    return {instruction.offset: instruction.opname for instruction in dis.get_instructions(code)}


def is_free(lock):
    """Whether another thread can take the lock."""
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
            ended = Interrupt(step).runs_out(lambda: action(executor))
            if not is_free(executor._loop.exchange._lock):
                executor._loop.exchange._lock.release()  # else the end of this test would wait for ever
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
