"""Execution of callables in other processes, with enforced limits of time and memory.

`base` is the protocol. `local` runs tasks in warm processes of this machine, `ray` on the machines of a Ray cluster.
`checks` tests the contract of an executor. Public names are imported on first use, because a worker process does not
use these names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seasoned._util.lazy_imports import lazy_names

if TYPE_CHECKING:
    from seasoned.execution.base import Ending, Executor, Limits, Outcome
    from seasoned.execution.local import LocalExecutor
    from seasoned.execution.ray.executor import RayExecutor

__all__ = ["Ending", "Executor", "Limits", "LocalExecutor", "Outcome", "RayExecutor"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        **dict.fromkeys(("Ending", "Executor", "Limits", "Outcome"), "seasoned.execution.base"),
        "LocalExecutor": "seasoned.execution.local",
        "RayExecutor": "seasoned.execution.ray.executor",
    },
)
