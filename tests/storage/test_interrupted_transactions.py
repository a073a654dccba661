"""Interrupts in the middle of a transaction: they are raised, and the store is free afterwards."""

from __future__ import annotations

import contextlib
import gc
import signal
import sqlite3
import threading
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy

import seasoned.storage
from interrupting import Interrupt
from seasoned import Float, Space
from seasoned.storage import SqlStorage
from seasoned.storage.engine import delay_interrupt
from seasoned.trials import Created, StudySpec

WATCHED = (*(str(Path(module.__file__).parent) for module in (seasoned.storage, sqlalchemy)), contextlib.__file__)
SPACE = Space(x=Float(0, 1))


def is_free(file):
    """Return True where a writer need not wait."""
    with contextlib.closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        connection.execute("ROLLBACK")
        return True


@pytest.mark.slow
def test_an_interrupt_at_any_point_is_raised_and_frees_the_store(tmp_path):
    file = tmp_path / "s.db"
    storage = SqlStorage(f"sqlite:///{file}")
    log = storage.open("s", Created(StudySpec(SPACE, seed=1)))
    log.claim(1, "driver")
    gc.collect()
    gc.disable()  # an interrupt that falls into another test's finalizer would be lost
    try:
        for step in count():
            interrupt, heard = Interrupt(step, WATCHED), False
            try:
                interrupt.run(lambda: log.claim(1, "driver"))
            except KeyboardInterrupt:
                heard = True
                assert is_free(file), f"interrupted at point {step}, it keeps the store locked"
            assert heard == interrupt.came, f"the interrupt at point {step} was lost"
            if not interrupt.came:
                break
    finally:
        gc.enable()
    assert step > 300, "the interrupts did not reach the code"
    storage.close()


def test_the_second_interrupt_is_raised_at_once():
    reached = []

    def strike_twice():
        with delay_interrupt():
            signal.raise_signal(signal.SIGINT)
            reached.append("after the first")
            signal.raise_signal(signal.SIGINT)
            reached.append("after the second")

    with pytest.raises(KeyboardInterrupt):
        strike_twice()
    assert reached == ["after the first"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_and_ignored_signals_are_left_alone():
    seen = []

    def look():
        with delay_interrupt():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        look()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.default_int_handler, signal.SIG_IGN]
