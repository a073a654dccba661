"""Leases: heartbeats of drivers, and the verdict that a driver is dead."""

from __future__ import annotations

import os
import time

from seasoned import Float, Random, Space, Study
from seasoned.storage import MemoryStorage
from seasoned.study.leases import Lease, Verdicts, is_gone, new_driver
from study_parts import ledger_of

LINE = Space(x=Float(0, 1))


def test_a_driver_that_was_cut_off_declares_nobody_dead(monkeypatch):
    now = 0.0
    monkeypatch.setattr("seasoned.study.leases.time.monotonic", lambda: now)
    verdicts = Verdicts(lease=30.0)
    for now, beat in [(0.0, 1), (5.0, 2), (10.0, 3)]:  # noqa: B007 - read by the clock
        assert not verdicts.judge({"other": beat})
    now = 60.0  # the store was away, so nobody could beat
    assert not verdicts.judge({"other": 3})
    now = 65.0
    assert not verdicts.judge({"other": 4})
    for now in (75.0, 85.0, 94.0):  # noqa: B007 - read by the clock
        assert not verdicts.judge({"other": 4})
    now = 96.0
    assert verdicts.judge({"other": 4}) == {"other"}


def test_a_heartbeat_goes_on_after_a_storage_error():
    storage = MemoryStorage()
    study = Study(LINE, storage=storage, name="s", sampler=Random(), seed=0)
    log = ledger_of(study).log
    renew, calls = log.renew, []

    def shaky(driver):
        calls.append(driver)
        if len(calls) == 2:
            raise ConnectionError("away")
        return renew(driver)

    log.renew = shaky
    lease = Lease(log, "optimize", 0.12)
    deadline = time.monotonic() + 20
    while len(calls) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    lease.end()
    assert len(calls) >= 4


def test_a_process_that_refuses_signals_is_not_dead(monkeypatch):
    driver = new_driver("optimize")
    hidden = driver.replace(f"|{os.getpid()}|", "|4194303|")
    assert not is_gone(driver)
    assert is_gone(hidden)

    def refuse(pid, signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert not is_gone(hidden)
