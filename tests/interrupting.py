"""Ctrl-C at a chosen point of the caller's thread."""

from __future__ import annotations

import dis
import signal
import sys
from functools import cache


class Interrupt:
    """Sends SIGINT to this process at the n-th point of the watched files where the interpreter looks for signals.

    It looks when a function begins, after each call, and when a loop goes round.

    Args:
        at: Which point.
        watched: What the files' names begin with.
    """

    def __init__(self, at, watched):
        self.left = at
        self.watched = watched
        self.before = {}  # id of a frame -> name of its last instruction; frames themselves would be kept alive

    def __call__(self, frame, event, _):
        if not frame.f_code.co_filename.startswith(self.watched):
            return None
        frame.f_trace_opcodes = True
        if event == "call":
            self.before[id(frame)] = ""
        elif event == "opcode":
            before, self.before[id(frame)] = self.before.get(id(frame), ""), names(frame.f_code)[frame.f_lasti]
            if before.startswith(("RESUME", "CALL", "JUMP_BACKWARD")):
                self.left -= 1
                if self.left == -1:
                    signal.raise_signal(signal.SIGINT)
        return self

    @property
    def came(self):
        """Whether the point was reached."""
        return self.left < 0

    def run(self, action):
        """Run the action, which may raise KeyboardInterrupt."""
        before = sys.gettrace()
        sys.settrace(self)
        try:
            action()
        finally:
            sys.settrace(before)


@cache
def names(code):
    """The names of its instructions by where they stand."""
    return {instruction.offset: instruction.opname for instruction in dis.get_instructions(code)}
