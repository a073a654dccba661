"""A digest of what an object of the user's own does, in hexadecimal: the same for the same code, wherever it stands.

A pickle does not serve: that of a function that can be imported holds only its name, so that other code has the same
pickle; that of a function of the script itself holds line numbers, so that a comment above it changes them; and that of
a class of the script differs in each process.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import sys
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from datetime import time as clock_time
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["code_digest"]

_PLAIN: Final = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), slice, range)
_OF_CLASSES: Final = (FunctionType, property, classmethod, staticmethod, tuple, frozenset, *_PLAIN)
_OF_PLACE: Final = frozenset({"__module__", "__doc__", "__firstlineno__", "__static_attributes__"})
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


def code_digest(value: Any, size: int = 12) -> str:
    r"""A digest of code, its defaults, what it closes over, and what it uses of its own module.

    Of what is installed the name and the version count, of objects their class and their parameters.

    Args:
        value: A function, a method, a partial one, a scorer, an estimator, or any other object.
        size: Bytes of the digest.

    Example:
        >>> here = {"__name__": "a_script"}
        >>> one, other = eval("lambda y, p: abs(y - p)", here), eval("(\nlambda y, p: abs(y - p))", here)
        >>> code_digest(one) == code_digest(other), code_digest(one) == code_digest(eval("lambda y, p: p - y", here))
        (True, False)
    """
    told = hashlib.blake2b(digest_size=size)
    try:
        parts = list(_parts(value, {}))
    except RecursionError:  # it reaches into more code than can be followed
        parts = [f"{type(value).__qualname__} {getattr(value, '__qualname__', '')}".encode()]
    for part in parts:
        told.update(len(part).to_bytes(8, "little"))
        told.update(part)
    return told.hexdigest()


Seen = dict[int, Any]  # by identity; the objects themselves, so that none is freed and its id taken by another


def _parts(value: Any, seen: Seen) -> Iterator[bytes]:
    """What makes a value what it is, as bytes that are the same in each process."""
    if isinstance(value, _PLAIN):
        yield f"{type(value).__name__} {value!r}".encode()
    elif isinstance(value, ModuleType):
        yield value.__name__.encode()
    elif id(value) in seen:
        yield b"again"
    else:
        seen[id(value)] = value
        kind = next((kind for kind in _KINDS if isinstance(value, kind)), None)
        yield from _of_object(value, seen) if kind is None else _KINDS[kind](value, seen)


def _joined(value: Any, seen: Seen) -> bytes:
    return b"\x00".join(_parts(value, seen))


def _several(values: Iterable[Any], seen: Seen) -> Iterator[bytes]:
    for value in values:
        yield from _parts(value, seen)
    yield b"end"


def _of_function(function: FunctionType, seen: Seen) -> Iterator[bytes]:
    if (name := _installed(function)) is not None:
        yield name
        return
    yield from _parts(function.__code__, seen)
    yield from _several(function.__defaults__ or (), seen)
    yield from _parts(function.__kwdefaults__ or {}, seen)
    yield from _several((cell.cell_contents for cell in function.__closure__ or ()), seen)
    used = (name for name in _names(function.__code__) if name in function.__globals__)
    yield from _several((function.__globals__[name] for name in used), seen)


def _of_code(code: CodeType, seen: Seen) -> Iterator[bytes]:
    """Instructions and constants; no line numbers, no names of files, no docstring."""
    words = [
        f"{step.opname} {_constant(step.argval) if step.opcode in dis.hasconst else step.argrepr or step.argval}"
        for step in dis.get_instructions(code)
    ]
    yield "\n".join(words).encode()
    yield from _several([value for value in code.co_consts if isinstance(value, CodeType)], seen)


def _constant(value: Any) -> str:
    """A constant of some code as text; code within it is digested by itself."""
    if isinstance(value, CodeType):
        return "code"
    if isinstance(value, frozenset):  # its order differs from process to process
        return f"set {sorted(map(_constant, value))}"
    return repr([_constant(one) for one in value]) if isinstance(value, tuple) else repr(value)


def _names(code: CodeType) -> list[str]:
    inner = [name for value in code.co_consts if isinstance(value, CodeType) for name in _names(value)]
    return sorted({*code.co_names, *inner})


def _of_class(kind: type, seen: Seen) -> Iterator[bytes]:
    if (name := _installed(kind)) is not None:
        yield name
        return
    yield kind.__qualname__.encode()
    yield from _several(kind.__bases__, seen)
    own = {name: value for name, value in vars(kind).items() if isinstance(value, _OF_CLASSES)}
    yield from _parts({name: value for name, value in own.items() if name not in _OF_PLACE}, seen)


def _of_array(array: Any, seen: Seen) -> Iterator[bytes]:
    whole = np.asarray(array)
    yield f"{whole.dtype} {whole.shape}".encode()
    yield from _parts(whole.tolist(), seen) if whole.dtype.hasobject else iter([whole.tobytes()])


def _of_object(value: Any, seen: Seen) -> Iterator[bytes]:
    yield from _parts(type(value), seen)
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if hasattr(value, "to_numpy"):  # a column or a table, whose state lies in C
        yield from _several((value.to_numpy(), getattr(value, "index", None), getattr(value, "columns", None)), seen)
    elif name is not None:  # written in C
        yield f"{getattr(value, '__module__', '')}.{name}".encode()
    else:
        yield from _parts(_state(value), seen)


def _state(value: Any) -> dict[str, Any]:
    """What an object holds: an estimator's parameters, a dataclass's fields, else its attributes."""
    if hasattr(value, "get_params"):
        return dict(value.get_params(deep=False))
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    return {**{name: getattr(value, name) for name in slots if hasattr(value, name)}, **getattr(value, "__dict__", {})}


def _installed(value: Any) -> bytes | None:
    """The name and version of what comes with Python, with a package, or with us; None for the user's own."""
    module = getattr(value, "__module__", None) or ""
    top = module.partition(".")[0]
    found = sys.modules.get(top)
    file = getattr(found, "__file__", None) or ""
    if top not in {"seasoned", "builtins"} | sys.stdlib_module_names and not _INSTALLED & set(Path(file).parts):
        return None
    return f"{module}.{value.__qualname__} {getattr(found, '__version__', '')}".encode()


_KINDS: Final[dict[Any, Callable[[Any, Seen], Iterator[bytes]]]] = {
    FunctionType: _of_function,
    CodeType: _of_code,
    MethodType: lambda value, seen: _several((value.__func__, value.__self__), seen),
    property: lambda value, seen: _several((value.fget, value.fset), seen),
    classmethod: lambda value, seen: _parts(value.__func__, seen),
    staticmethod: lambda value, seen: _parts(value.__func__, seen),
    functools.partial: lambda value, seen: _several((value.func, value.args, value.keywords), seen),
    type: _of_class,
    tuple: _several,
    list: _several,
    dict: lambda value, seen: iter(sorted(_joined(key, seen) + b"\x00" + _joined(value[key], seen) for key in value)),
    set: lambda value, seen: iter(sorted(_joined(one, seen) for one in value)),
    frozenset: lambda value, seen: iter(sorted(_joined(one, seen) for one in value)),
    np.ndarray: _of_array,
    np.generic: _of_array,
    **dict.fromkeys((date, clock_time, timedelta), lambda value, _: iter([repr(value).encode()])),  # of pandas, too
}
