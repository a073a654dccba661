"""Interleaved runs: for one split of a table all frameworks one after the other, with kept results reused."""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING

import common
from comparison.runner import Conditions, identity, measure
from comparison.source import source_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from comparison.records import Record, Records
    from comparison.registry import Framework
    from comparison.splits import Fold

__all__ = ["conditions", "interleaved"]


def conditions(budget: float) -> Conditions:
    """All cores of this process, and the present time as the name of the run."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    return Conditions(budget, cores, dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))


def interleaved(fold: Fold, runs: Mapping[str, tuple[Framework, float]], records: Records) -> dict[str, Record]:
    """Results by the name of the run: kept ones, and the missing ones as they are measured.

    A kept result of ours that belongs to another state of the source is measured again.

    Args:
        fold: The split of a table.
        runs: Name -> framework and its budget in seconds.
        records: The kept results, written after each new one.
    """
    found = {}
    for name, (framework, budget) in runs.items():
        now = conditions(budget)
        wanted = {**identity(framework, fold, now), "name": name}
        state = {"source": source_state()} if framework.ours else {}
        record = records.find({**wanted, **state})
        if record is None:
            with common.alone():
                record = {**measure(framework, fold, now), "name": name, **state}
            records.put(record, wanted)
            said = record["error"] or f"{record['metric']} {record['score']:.5g}, fit {record['fit_seconds']:.1f} s"
            print(f"{fold.table}, {name}: {said}", flush=True)
        found[name] = record
    return found
