"""Outcomes of tasks from worker messages and worker deaths, each with a reason for the user."""

from __future__ import annotations

import pickle
import signal
from dataclasses import dataclass
from typing import Any

from seasoned.execution.base import Ending, Limits, Outcome

__all__ = ["Death", "Verdict", "outcome_of_death", "read_message", "start_failure"]

_KILLS = {-getattr(signal, name) for name in ("SIGKILL", "SIGUSR1") if hasattr(signal, name)}
Verdict = tuple[int, str, float]  # task number, broken limit ("time" or "memory"), amount in seconds or bytes


def read_message(message: tuple[Any, ...]) -> Outcome:
    """Return the outcome of a worker's "ended" message.

    The function runs in the caller's thread, because unpickling may import modules.
    """
    _, task, ending, value, reason, exception, traceback, seconds, _ = message
    if ending == "returned":
        try:
            return Outcome(task, Ending.RETURNED, pickle.loads(value), seconds=seconds)  # noqa: S301 - from our own worker
        except Exception as error:  # noqa: BLE001 - unpickling runs code of the value's classes
            cause = f"the task returned a value that cannot be read back ({type(error).__name__}: {error})"
            return Outcome(task, Ending.RAISED, reason=cause, exception=error, seconds=seconds)
    return Outcome(
        task,
        Ending(ending),
        reason=reason,
        exception=_exception(exception),
        traceback=traceback,
        seconds=seconds,
    )


def _exception(data: bytes | None) -> BaseException | None:
    if data is None:
        return None
    try:
        found = pickle.loads(data)  # noqa: S301 - from our own worker
    except Exception:  # noqa: BLE001 - an exception with a constructor of its own often cannot be rebuilt: its text is there
        return None
    return found if isinstance(found, BaseException) else None


@dataclass(frozen=True, slots=True)
class Death:
    """Data about the end of a worker process.

    Attributes:
        code: Exit code, or the negative signal number.
        verdict: Verdict of the watchdog, if it killed the worker.
        words: Stack at the end, if known.
    """

    code: int | None
    verdict: Verdict | None
    words: str | None


def outcome_of_death(task: int, limits: Limits, seconds: float, death: Death) -> Outcome:
    """Return the outcome of a task whose worker died during the task, killed by the watchdog or not."""
    verdict = death.verdict
    # on a full disk the watchdog kills without a verdict
    late = verdict is None and death.code in _KILLS and limits.seconds is not None and seconds >= limits.seconds
    if late or (verdict is not None and verdict[1] == "time"):
        reason = f"the task was killed at its limit of {limits.seconds:g} s of wall time"
        return Outcome(task, Ending.TIMED_OUT, reason=reason, traceback=death.words, seconds=seconds)
    if verdict is not None:
        reason = f"the task was killed using {_megabytes(verdict[2])}, above its limit of {_megabytes(limits.memory)}"
        return Outcome(task, Ending.OUT_OF_MEMORY, reason=reason, seconds=seconds)
    reason = f"the worker process {_cause(death.code)}"
    return Outcome(task, Ending.DIED, reason=reason, traceback=death.words, seconds=seconds)


def start_failure(code: int | None) -> str:
    """Return the reason for the end of a worker that never became ready."""
    return f"no worker process could be started: it {_cause(code)} before it was ready"


def _cause(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal
        name = str(-code)
    hint = " (possibly by the system's out-of-memory killer)" if name == "SIGKILL" else ""
    return f"was killed by signal {name}{hint}"


def _megabytes(size: float | None) -> str:
    return f"{(size or 0) / 1e6:.0f} MB"
