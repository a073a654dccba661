"""Methods of which one thread at a time runs one."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["locked"]

_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")


def locked(method: Callable[_Given, _Found]) -> Callable[_Given, _Found]:
    """The method, which holds its object's `lock` while it runs: one that the same thread may take again."""

    @functools.wraps(method)
    def run(*given: _Given.args, **named: _Given.kwargs) -> _Found:
        owner: Any = given[0]
        with owner.lock:
            return method(*given, **named)

    return run
