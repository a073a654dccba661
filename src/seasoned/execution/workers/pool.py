"""Pool of warm workers, shared by all executors of the process; the only process-wide state of this package.

A worker needs a tenth of a second to start, and seconds to import the packages of an objective. An executor that closes
therefore leaves its idle workers in the pool for the next executor. Idle workers end after a minute, at exit, or with
`release_workers`. A forked process starts with an empty pool, because the workers belong to its parent.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Protocol

from seasoned.execution.workers.process_handle import Handle, Kind
from seasoned.execution.workers.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["POOL", "Pool", "release_workers"]

IDLE_SECONDS = 60.0


class PoolUser(Protocol):
    """Protocol of the users of the pool."""

    def stop(self) -> None:
        """Return all workers to the pool."""
        ...


class Pool:
    """Idle workers, newest last, and the session of all workers of this process."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._session: Session | None = None
        self.alive: set[Handle] = set()
        self.idle: list[tuple[Handle, float]] = []
        self._leaving: list[threading.Thread] = []
        self._crews: weakref.WeakSet[PoolUser] = weakref.WeakSet()
        self._timer: threading.Timer | None = None
        self._ending = False  # the process is at exit and cannot start threads

    def enter(self, crew: PoolUser) -> None:
        """Register `crew`, which may take workers from now on."""
        with self._lock:
            self._crews.add(crew)

    def leave(self, crew: PoolUser) -> None:
        """Unregister `crew`, which has returned all its workers."""
        with self._lock:
            self._crews.discard(crew)
            self._maybe_end()

    @property
    def session(self) -> Session:
        """The current session; it is created on first use."""
        with self._lock:
            if self._session is None:
                self._session = Session()
            return self._session

    def take(self, kind: Kind) -> Handle:
        """Return a worker of the kind: the most recently used idle worker, or a new one.

        The worker receives `setup` first.

        Raises:
            OSError: The system cannot start another process.
        """
        with self._lock:
            for index in reversed(range(len(self.idle))):
                handle = self.idle[index][0]
                if handle.kind == kind and handle.process.poll() is None:
                    del self.idle[index]
                    break
            else:
                number = self.session.new_number()
                handle = Handle(number, self.session.tag, kind, self.session.words_path(number))
                self.alive.add(handle)
        handle.setup()
        return handle

    def park(self, handle: Handle) -> None:
        """Keep an idle worker for the next executor."""
        if self._ending:
            self._dismiss([handle])
            return
        handle.send("rest")
        with self._lock:
            self.idle.append((handle, time.monotonic() + IDLE_SECONDS))
            surplus = len(self.idle) - (os.cpu_count() or 1)
            doomed = [self.idle.pop(0)[0] for _ in range(surplus)]
            self._schedule()
        self._dismiss(doomed)

    def retire(self, handle: Handle) -> None:
        """End a worker that cannot be reused; a separate thread waits for its exit handlers."""
        if self._ending:
            self._dismiss([handle])
            return
        thread = threading.Thread(target=self._dismiss, args=([handle],), name="seasoned-retire", daemon=True)
        with self._lock:
            self._leaving = [*(other for other in self._leaving if other.is_alive()), thread]
            thread.start()

    def forget(self, handle: Handle) -> None:
        """Remove a worker that has ended and was reaped."""
        with self._lock:
            self.alive.discard(handle)
            if self._session is not None:
                self._session.tidy(handle.number)
            self._maybe_end()

    def sweep(self) -> None:
        """End the workers whose idle time has passed."""
        with self._lock:
            now = time.monotonic()
            doomed = [handle for handle, until in self.idle if until <= now]
            self.idle = [(handle, until) for handle, until in self.idle if until > now]
            self._timer = None
            self._schedule()
        self._dismiss(doomed)

    def clear(self) -> None:
        """End all idle workers now."""
        with self._lock:
            doomed = [handle for handle, _ in self.idle]
            self.idle = []
            leaving = self._leaving
            self._schedule()
        self._dismiss(doomed)
        for thread in leaving:
            thread.join()

    def shutdown(self) -> None:
        """End all open executors, all idle workers and the watchdog."""
        self._ending = True
        try:
            for crew in tuple(self._crews):
                crew.stop()
            self.clear()
            with self._lock:
                if self._session is not None:
                    self._session.end()
                    self._session = None
        finally:
            self._ending = False

    def disown(self) -> None:
        """Reset the pool in a forked child, without touching the parent's workers."""
        for handle in tuple(self.alive):
            handle.disown()
        if self._session is not None:
            self._session.disown()
        self._begin()  # includes a new lock, because another thread of the parent may have held the old lock

    def _dismiss(self, doomed: Iterable[Handle]) -> None:
        handles = list(doomed)
        for handle in handles:  # first all requests, so that the workers end in parallel
            handle.dismiss()
        for handle in handles:
            handle.finish()
            self.forget(handle)

    def _schedule(self) -> None:
        if not self.idle:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        elif self._timer is None and not self._ending:
            delay = max(0.0, min(until for _, until in self.idle) - time.monotonic())
            self._timer = threading.Timer(delay, self.sweep)
            self._timer.daemon = True
            self._timer.start()

    def _maybe_end(self) -> None:
        if self._session is not None and not self.alive and not self._crews:
            self._session.end()
            self._session = None


POOL = Pool()


def release_workers() -> None:
    """End the idle workers of the pool now instead of after a minute."""
    POOL.clear()


with contextlib.suppress(AttributeError):  # systems without fork()
    os.register_at_fork(after_in_child=POOL.disown)
atexit.register(POOL.shutdown)
