"""Digest of a user's function or object: source code and parameters.

A helper function that the source only names is not part of the digest. Users who change such a helper rename the
function.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from dataclasses import fields, is_dataclass
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final

import numpy as np

__all__ = ["code_digest"]

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")


def code_digest(value: Any, size: int = 12) -> str:
    """Return a hexadecimal digest that is the same in each process.

    Args:
        value: A function, a method, a partial function, a scorer, an estimator, or any other object.
        size: Length of the digest in bytes.

    Example:
        >>> code_digest(code_digest) == code_digest(code_digest) != code_digest(_source)
        True
    """
    try:
        text = repr(_plain(value, ()))
    except RecursionError:  # the object is nested too deeply
        text = f"{type(value).__qualname__} {getattr(value, '__qualname__', '')}"
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()


def _plain(value: Any, above: tuple[int, ...]) -> Any:
    """Return a value as nested tuples of texts; `above` contains the ids of the enclosing objects."""
    if id(value) in above:
        return "again"

    def parts(*values: Any) -> tuple[Any, ...]:
        return tuple(_plain(one, (*above, id(value))) for one in values)

    if isinstance(value, type | ModuleType):
        return _source(value) if isinstance(value, type) else value.__name__
    if isinstance(value, dict):
        return sorted((str(name), parts(one)) for name, one in value.items())
    if isinstance(value, set | frozenset):
        return sorted(map(repr, parts(*value)))
    if isinstance(value, np.ndarray) or hasattr(value, "to_numpy"):
        return _of_array(value)
    held = _held(value)
    return _ADDRESS.sub("", repr(value)) if held is None else parts(*held)


def _held(value: Any) -> tuple[Any, ...] | None:
    """Return the parts that identify a value; None if its text identifies it."""
    match value:
        case list() | tuple():
            return tuple(value)
        case partial():
            return value.func, value.args, value.keywords
        case MethodType():
            return value.__func__, value.__self__
        case FunctionType():
            return _source(value), *(cell.cell_contents for cell in value.__closure__ or ())
    state = _state(value)
    return None if state is None else (type(value), state)


def _source(code: Any) -> str:
    """Return the source of a function or a class; without source, its name and the byte code of a function."""
    try:
        return inspect.cleandoc(inspect.getsource(code))
    except (OSError, TypeError):
        made = getattr(code, "__code__", None)
        steps = "" if made is None else f"{made.co_code.hex()} {made.co_consts} {made.co_names}"
        return _ADDRESS.sub("", f"{code.__module__}.{code.__qualname__} {steps}")


def _of_array(array: Any) -> str:
    import joblib

    return str(joblib.hash(array))


def _state(value: Any) -> dict[str, Any] | None:
    """Return the state of an object: parameters of an estimator, fields of a dataclass, or attributes.

    Numbers, texts and objects that are written in C have no state: None.
    """
    if hasattr(value, "get_params"):
        return dict(value.get_params(deep=False))
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    held = {name: getattr(value, name) for name in slots if hasattr(value, name)} | getattr(value, "__dict__", {})
    return held or None
