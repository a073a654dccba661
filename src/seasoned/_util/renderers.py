"""Renderers: functions of a higher room that methods of a lower one offer, such as `Study.plot`.

`seasoned` registers them when it is imported, as the names of their modules, so that a lower room imports nothing from
above and nothing is loaded before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["register_renderers", "renderer"]

_MODULES: Final[dict[str, str]] = {}


def register_renderers(modules: Mapping[str, str]) -> None:
    """Offer functions to the rooms below.

    Args:
        modules: Name of a function -> module that defines it.
    """
    _MODULES.update(modules)


def renderer(name: str) -> Callable[..., Any]:
    """Return a registered function; its module is imported at the first call.

    Raises:
        KeyError: If no function of that name is registered.
    """
    function: Callable[..., Any] = getattr(importlib.import_module(_MODULES[name]), name)
    return function
