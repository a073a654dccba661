"""Warm workers, kept between executors. The one thing in this package that belongs to the whole process.

A worker costs a tenth of a second to start and seconds to import what objectives import, so an executor that closes
leaves its idle workers here for the next one. They end after a minute, at exit, or by `release_workers`. A process that
was forked starts with an empty pool: the workers are its parent's.
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


class Crew(Protocol):
    """What the pool asks of those who use its workers."""

    def stop(self) -> None:
        """Give back all workers."""
        ...


class Pool:
    """Idle workers, newest last, and the session that all workers of this process share."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._session: Session | None = None
        self._alive: set[Handle] = set()
        self._idle: list[tuple[Handle, float]] = []
        self._leaving: list[threading.Thread] = []
        self._crews: weakref.WeakSet[Crew] = weakref.WeakSet()
        self._timer: threading.Timer | None = None
        self._ending = False  # no thread can be started any more

    def enter(self, crew: Crew) -> None:
        """From now on `crew` may take workers."""
        with self._lock:
            self._crews.add(crew)

    def leave(self, crew: Crew) -> None:
        """`crew` has given back all it took."""
        with self._lock:
            self._crews.discard(crew)
            self._maybe_end()

    @property
    def session(self) -> Session:
        """The session, begun if there is none."""
        with self._lock:
            if self._session is None:
                self._session = Session()
            return self._session

    def take(self, kind: Kind) -> Handle:
        """A worker of that kind: the one that was idle for the shortest time, or a new one. It gets `setup` first.

        Raises:
            OSError: The system cannot start another process.
        """
        with self._lock:
            for index in reversed(range(len(self._idle))):
                handle = self._idle[index][0]
                if handle.kind == kind and handle.process.poll() is None:
                    del self._idle[index]
                    break
            else:
                number = self.session.new_number()
                handle = Handle(number, self.session.tag, kind, self.session.words_path(number))
                self._alive.add(handle)
        handle.setup()
        return handle

    def park(self, handle: Handle) -> None:
        """Keep an idle worker for the next executor."""
        if self._ending:
            self._dismiss([handle])
            return
        handle.send("rest")
        with self._lock:
            self._idle.append((handle, time.monotonic() + IDLE_SECONDS))
            surplus = len(self._idle) - (os.cpu_count() or 1)
            doomed = [self._idle.pop(0)[0] for _ in range(surplus)]
            self._schedule()
        self._dismiss(doomed)

    def retire(self, handle: Handle) -> None:
        """End a worker that is not worth keeping; a thread of its own waits for its exit handlers."""
        if self._ending:
            self._dismiss([handle])
            return
        thread = threading.Thread(target=self._dismiss, args=([handle],), name="seasoned-retire", daemon=True)
        with self._lock:
            self._leaving = [*(other for other in self._leaving if other.is_alive()), thread]
            thread.start()

    def forget(self, handle: Handle) -> None:
        """The worker has ended and was reaped."""
        with self._lock:
            self._alive.discard(handle)
            if self._session is not None:
                self._session.tidy(handle.number)
            self._maybe_end()

    def sweep(self) -> None:
        """End the workers whose idle time is over."""
        with self._lock:
            now = time.monotonic()
            doomed = [handle for handle, until in self._idle if until <= now]
            self._idle = [(handle, until) for handle, until in self._idle if until > now]
            self._timer = None
            self._schedule()
        self._dismiss(doomed)

    def clear(self) -> None:
        """End all idle workers now."""
        with self._lock:
            doomed = [handle for handle, _ in self._idle]
            self._idle = []
            leaving = self._leaving
            self._schedule()
        self._dismiss(doomed)
        for thread in leaving:
            thread.join()

    def shutdown(self) -> None:
        """End everything: executors that were not closed, idle workers, the guard."""
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
        """In a fork()ed child: forget the parent's workers without touching them, and begin anew."""
        for handle in tuple(self._alive):
            handle.disown()
        if self._session is not None:
            self._session.disown()
        self._begin()  # a new lock too: another thread of the parent may have held the old one

    def _dismiss(self, doomed: Iterable[Handle]) -> None:
        handles = list(doomed)
        for handle in handles:  # all first, so that they end at the same time
            handle.dismiss()
        for handle in handles:
            handle.finish()
            self.forget(handle)

    def _schedule(self) -> None:
        if not self._idle:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        elif self._timer is None and not self._ending:
            delay = max(0.0, min(until for _, until in self._idle) - time.monotonic())
            self._timer = threading.Timer(delay, self.sweep)
            self._timer.daemon = True
            self._timer.start()

    def _maybe_end(self) -> None:
        if self._session is not None and not self._alive and not self._crews:
            self._session.end()
            self._session = None


POOL = Pool()


def release_workers() -> None:
    """End the idle workers that wait for the next executor, now rather than in a minute."""
    POOL.clear()


with contextlib.suppress(AttributeError):  # no fork on this system
    os.register_at_fork(after_in_child=POOL.disown)
atexit.register(POOL.shutdown)
