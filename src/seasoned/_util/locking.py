"""Lock decorator: at most one thread at a time runs the decorated methods of an object."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["locked"]

_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")


def locked(method: Callable[_Given, _Found]) -> Callable[_Given, _Found]:
    """Return the method wrapped to hold its object's `lock`, a re-entrant lock, while the method runs."""

    @functools.wraps(method)
    def run(*given: _Given.args, **named: _Given.kwargs) -> _Found:
        owner: Any = given[0]
        with owner.lock:
            return method(*given, **named)

    return run
