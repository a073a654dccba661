"""The guard: a small process beside the driver that kills workers when a limit is hit or the driver is gone.

It is a process of its own because a limit must hold while the driver computes in C, and no worker may outlive a driver
that was killed. It learns of the driver's end by the end of its standard input, and takes one command a line there:

    watch <worker> <pid> <task> <seconds or -> <memory in bytes or ->
    done <worker>

Before it kills for a limit it writes `verdict-<worker>` into the driver's folder, so the driver, who sees the worker
end, finds there why. Started as `python -m seasoned.execution.workers.watchdog <tag> <folder> <driver's pid>`.
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

_TICK = 0.05  # seconds between two looks at the memory
_SHARE = 0.1  # looking costs at most this share of one core, however many processes the machine runs
_LAST_WORDS = 0.1  # seconds that a worker may take to write its stack
_PARENT = 1.0  # seconds between two looks at whether the driver still is our parent


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
        """The limit that is broken, as `time <seconds>` or `memory <bytes>`; `table` is None between memory checks."""
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return f"time {self.seconds}"
        if self.memory is None or table is None:
            return None
        # RSS is cheap and never below PSS: the page tables are walked only when it is above the limit
        if sum(map(resident, {self.pid} | descendants(self.pid, table))) <= self.memory:
            return None
        used = tree_memory(self.pid, table)
        return f"memory {used}" if used > self.memory else None


class Guard:
    """The watches by worker, and when to look at them."""

    def __init__(self, tag: str, folder: str, parent: int) -> None:
        self.tag = tag
        self.folder = folder
        self.parent = parent
        self.commands: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.watches: dict[str, Watch] = {}
        self.look = 0.0  # when memory is looked at next

    def listen(self) -> None:
        """Read commands until the driver is gone (a thread: not every system can wait for a pipe with a timeout)."""
        for line in sys.stdin:
            self.commands.put(line)
        self.commands.put(None)

    def run(self) -> None:
        """Guard until the driver ends."""
        while True:
            try:
                command = self.commands.get(timeout=self._patience())
            except queue.Empty:
                pass
            else:
                if command is None:
                    return
                self._obey(command.split())
                continue  # all commands first: a `done` that is waiting saves a worker
            if os.name == "posix" and os.getppid() != self.parent:
                return  # a process forked by the driver still holds our input open
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
            self.look = now + max(_TICK, (now - begun) / _SHARE)

    def _punish(self, watch: Watch, verdict: str) -> None:
        del self.watches[watch.worker]
        try:
            with open(os.path.join(self.folder, f"verdict-{watch.worker}"), "w") as file:  # noqa: PTH118, PTH123 - pathlib is slow to import
                file.write(f"{watch.task} {verdict}")
        except OSError as error:  # a full disk must not save the task; the driver then reports the signal alone
            sys.stderr.write(f"seasoned: the guard cannot write its verdict: {error}\n")
        tag = f"{self.tag}/{watch.worker}"
        if verdict.startswith("time") and hasattr(signal, "SIGUSR1"):
            family = descendants(watch.pid)
            services = {pid for pid in family if is_service(pid)}
            signal_all({watch.pid}, signal.SIGUSR1)  # it writes its stack and dies, even while C holds the interpreter
            survivors = await_death({watch.pid}, _LAST_WORDS)
            signal_all(family - services, KILL)  # orphans by now
            if not survivors:
                kill_tagged(tag)  # which gives helpers their second to tidy up
                signal_all(await_death(services, SERVICE_SECONDS), KILL)  # where tags cannot be read
                return
        kill_tree(watch.pid, tag)


def main(tag: str, folder: str, parent: int) -> None:
    """Guard the driver `parent`, then kill what carries `tag` and remove `folder`."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # whatever ends the driver must not end its guard first
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    guard = Guard(tag, folder, parent)
    threading.Thread(target=guard.listen, daemon=True).start()
    guard.run()
    kill_tagged(tag)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    os._exit(0)  # the listening thread may hang in a read for ever
