"""Local executor: tasks run in worker processes of this machine."""

from __future__ import annotations

from seasoned.execution._system.resources import cpu_count
from seasoned.execution.base import positive
from seasoned.execution.workers.client import ExecutorClient
from seasoned.execution.workers.packing import Packer
from seasoned.execution.workers.pool import POOL, release_workers
from seasoned.execution.workers.scheduler import LocalScheduler

__all__ = ["LocalExecutor", "release_workers"]


class LocalExecutor(ExecutorClient):
    """Runs tasks in warm worker processes; an `Executor`.

    A task cannot harm its driver. A task that breaks a limit is killed with its whole process tree, and its worker is
    replaced. Callables and arguments are pickled with cloudpickle. Their arrays are memory-mapped, read-only and shared
    by all workers. At most one thread at a time may use an executor.

    Args:
        workers: Number of tasks at the same time; by default one per core that this process may use.
        threads: Threads of numerical libraries in each worker; by default the cores divided by the workers.

    Raises:
        InvalidInput: A number is not positive.
    """

    def __init__(self, workers: int | None = None, threads: int | None = None) -> None:
        cores = cpu_count()
        workers = positive("workers", cores if workers is None else workers)
        self._threads = positive("threads", max(1, cores // workers) if threads is None else threads)
        super().__init__(LocalScheduler(workers, self._threads))

    @property
    def threads(self) -> int:
        """Threads of numerical libraries in each worker."""
        return self._threads

    def _new_packing(self) -> Packer:
        return Packer(POOL.session)
