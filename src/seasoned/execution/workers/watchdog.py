"""Watchdog: a small process that kills workers at a limit or after the end of the driver.

It is a separate process for two reasons: a limit must hold while the driver computes in C, and no worker may outlive a
killed driver. The end of its standard input signals the end of the driver. Each line of standard input is one command:

    watch <worker> <pid> <task> <seconds or -> <memory in bytes or ->
    done <worker>

Before a kill for a limit the watchdog writes the reason to `verdict-<worker>` in the driver's folder, where the driver
reads it after the end of the worker. Start: `python -m seasoned.execution.workers.watchdog <tag> <folder> <driver's
pid>`.
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import sys
import threading
import time

from seasoned.execution._system.process_tree import (
    KILL,
    SERVICE_SECONDS,
    await_death,
    descendants,
    is_service,
    kill_tagged,
    kill_tree,
    process_table,
    resident,
    signal_all,
    tree_memory,
)

__all__ = ["main"]

_TICK = 0.05  # minimum seconds between two memory checks
_MAX_CORE_SHARE = 0.1  # maximum cost of memory checks, as a share of one core, for any number of processes
_LAST_WORDS = 0.1  # seconds that a worker may take to write its stack
_PARENT = 1.0  # seconds between two checks that the driver is still the parent


class Watch:
    """One running task and its limits."""

    __slots__ = ("deadline", "memory", "pid", "seconds", "task", "worker")

    def __init__(self, worker: str, pid: str, task: str, seconds: str, memory: str) -> None:
        self.worker = worker
        self.pid = int(pid)
        self.task = task
        self.seconds = None if seconds == "-" else float(seconds)
        self.deadline = None if self.seconds is None else time.monotonic() + self.seconds
        self.memory = None if memory == "-" else int(memory)

    def breach(self, table: dict[int, int] | None) -> str | None:
        """Return the broken limit as `time <seconds>` or `memory <bytes>`; `table` is None between memory checks."""
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return f"time {self.seconds}"
        if self.memory is None or table is None:
            return None
        # RSS is cheap and never below PSS, so the expensive PSS is read only if RSS is above the limit
        if sum(map(resident, {self.pid} | descendants(self.pid, table))) <= self.memory:
            return None
        used = tree_memory(self.pid, table)
        return f"memory {used}" if used > self.memory else None


class Watchdog:
    """Watches by worker, and the time of the next memory check."""

    def __init__(self, tag: str, folder: str, parent: int) -> None:
        self.tag = tag
        self.folder = folder
        self.parent = parent
        self.commands: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.watches: dict[str, Watch] = {}
        self.look = 0.0  # time of the next memory check (`time.monotonic`)

    def listen(self) -> None:
        """Read commands until the driver ends.

        Runs in a thread, because some systems cannot wait for a pipe with a timeout.
        """
        for line in sys.stdin:
            self.commands.put(line)
        self.commands.put(None)

    def run(self) -> None:
        """Enforce the limits until the driver ends."""
        while True:
            try:
                command = self.commands.get(timeout=self._patience())
            except queue.Empty:
                pass
            else:
                if command is None:
                    return
                self._obey(command.split())
                continue  # all commands first, because a pending `done` cancels a kill
            if os.name == "posix" and os.getppid() != self.parent:
                return  # the driver ended, but a process that it forked still holds our input open
            self._judge()

    def _patience(self) -> float:
        now = time.monotonic()
        times = [w.deadline - now for w in self.watches.values() if w.deadline is not None]
        if any(w.memory is not None for w in self.watches.values()):
            times.append(self.look - now)
        return min(max(min(times, default=_PARENT), 0.0), _PARENT)

    def _obey(self, words: list[str]) -> None:
        if words[0] == "watch":
            self.watches[words[1]] = Watch(*words[1:])
        else:
            self.watches.pop(words[1], None)

    def _judge(self) -> None:
        begun = time.monotonic()
        due = begun >= self.look and any(w.memory is not None for w in self.watches.values())
        table = process_table() if due else None
        for watch in tuple(self.watches.values()):
            verdict = watch.breach(table)
            if verdict is not None:
                self._punish(watch, verdict)
        if due:
            now = time.monotonic()
            self.look = now + max(_TICK, (now - begun) / _MAX_CORE_SHARE)

    def _punish(self, watch: Watch, verdict: str) -> None:
        del self.watches[watch.worker]
        try:
            with open(os.path.join(self.folder, f"verdict-{watch.worker}"), "w") as file:  # noqa: PTH118, PTH123 - pathlib is slow to import
                file.write(f"{watch.task} {verdict}")
        except OSError as error:  # a full disk must not prevent the kill; the driver then reports only the signal
            sys.stderr.write(f"seasoned: the guard cannot write its verdict: {error}\n")
        tag = f"{self.tag}/{watch.worker}"
        if verdict.startswith("time") and hasattr(signal, "SIGUSR1"):
            family = descendants(watch.pid)
            services = {pid for pid in family if is_service(pid)}
            signal_all({watch.pid}, signal.SIGUSR1)  # the worker writes its stack and dies, even inside C code
            survivors = await_death({watch.pid}, _LAST_WORDS)
            signal_all(family - services, KILL)  # these processes are orphans now
            if not survivors:
                kill_tagged(tag)  # includes the time for helpers to clean up
                signal_all(await_death(services, SERVICE_SECONDS), KILL)  # for systems without readable tags
                return
        kill_tree(watch.pid, tag)


def main(tag: str, folder: str, parent: int) -> None:
    """Watch the driver `parent`; after its end kill all processes with `tag` and remove `folder`."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # a signal for the driver must not end its watchdog first
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    guard = Watchdog(tag, folder, parent)
    threading.Thread(target=guard.listen, daemon=True).start()
    guard.run()
    kill_tagged(tag)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    os._exit(0)  # the listening thread may hang in a read for ever
