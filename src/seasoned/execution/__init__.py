"""Running a callable elsewhere, under limits that hold.

`base` is the protocol, `local` runs tasks in warm processes of this machine, `cluster` on the machines of a Ray
cluster, `resources` says what the machine has, `checks` tests the contract. Names load on first use: a worker needs
none of them.
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
