"""Registry of renderers: functions of a higher package layer that methods of a lower layer call, such as `Study.plot`.

`seasoned` registers the functions by module name at import. Lower layers thus import nothing from higher layers, and a
module is imported only when one of its functions is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["register_renderers", "renderer"]

_MODULES: Final[dict[str, str]] = {}


def register_renderers(modules: Mapping[str, str]) -> None:
    """Register functions for the lower layers.

    Args:
        modules: Function name -> module that defines the function.
    """
    _MODULES.update(modules)


def renderer(name: str) -> Callable[..., Any]:
    """Return a registered function and import its module.

    Raises:
        KeyError: If no function of that name is registered.
    """
    function: Callable[..., Any] = getattr(importlib.import_module(_MODULES[name]), name)
    return function
