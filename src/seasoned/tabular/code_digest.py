"""What a function of the user's own does, as a few hexadecimal digits: the same code, wherever it stands.

A pickle does not tell: one of a function that can be imported holds its name alone, so that other code has the same
pickle, and one of a function of the script itself holds line numbers, so that a comment above it changes them.
"""

from __future__ import annotations

import dis
import functools
import hashlib
from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["code_digest"]


def code_digest(function: Any, size: int = 12) -> str:
    r"""A digest of code, defaults, what it closes over, and the functions of its own module that it calls.

    Args:
        function: A function, a method, a partial one, a scorer of scikit-learn's, or anything that a pickle can hold.
        size: Of the digest, bytes.

    Example:
        >>> one, other = eval("lambda y, p: abs(y - p)"), eval("\\nlambda y, p: abs(y - p)")
        >>> code_digest(one) == code_digest(other), code_digest(one) == code_digest(lambda y, p: p - y)
        (True, False)
    """
    told = hashlib.blake2b(digest_size=size)
    for part in _parts(function, set()):
        told.update(len(part).to_bytes(8, "little"))
        told.update(part)
    return told.hexdigest()


def _parts(value: Any, seen: set[int]) -> Iterator[bytes]:
    """What makes a value what it is, as bytes."""
    if isinstance(value, FunctionType | CodeType) and id(value) in seen:
        yield b"again"
        return
    seen.add(id(value))
    if isinstance(value, FunctionType):
        yield from _of_function(value, seen)
    elif isinstance(value, CodeType):
        yield from _of_code(value, seen)
    elif isinstance(value, MethodType):
        yield from _several((value.__func__, value.__self__), seen)
    elif isinstance(value, functools.partial):
        yield from _several((value.func, *value.args, *sorted(value.keywords.items())), seen)
    elif isinstance(value, tuple | list):
        yield from _several(value, seen)
    elif callable(value) and isinstance(type(value).__call__, FunctionType):  # an object that is called, as a scorer is
        held = sorted(getattr(value, "__dict__", {}).items())
        yield from _several((type(value).__call__, *held), seen)
    else:
        yield _pickled(value)


def _several(values: Any, seen: set[int]) -> Iterator[bytes]:
    yield str(len(values)).encode()
    for value in values:
        yield from _parts(value, seen)


def _of_function(function: FunctionType, seen: set[int]) -> Iterator[bytes]:
    yield from _parts(function.__code__, seen)
    yield from _several(function.__defaults__ or (), seen)
    yield from _several(sorted((function.__kwdefaults__ or {}).items()), seen)
    for cell in function.__closure__ or ():
        yield from _parts(cell.cell_contents, seen)
    for name in _names(function.__code__):
        other = function.__globals__.get(name)
        if isinstance(other, FunctionType) and other.__module__ == function.__module__:
            yield from _parts(other, seen)


def _of_code(code: CodeType, seen: set[int]) -> Iterator[bytes]:
    """Instructions and constants; no line numbers, no names of files, no docstring."""
    words = [
        f"{step.opname} {_constant(step.argval) if step.opcode in dis.hasconst else step.argrepr or step.argval}"
        for step in dis.get_instructions(code)
    ]
    yield "\n".join(words).encode()
    yield from _several([value for value in code.co_consts if isinstance(value, CodeType)], seen)


def _constant(value: Any) -> str:
    """A constant of some code as text; code within it is told by itself."""
    if isinstance(value, CodeType):
        return "code"
    if isinstance(value, frozenset):  # its order is another one in the next process
        return f"set {sorted(map(_constant, value))}"
    return repr([_constant(one) for one in value]) if isinstance(value, tuple) else repr(value)


def _names(code: CodeType) -> list[str]:
    inner = [name for value in code.co_consts if isinstance(value, CodeType) for name in _names(value)]
    return sorted({*code.co_names, *inner})


def _pickled(value: Any) -> bytes:
    import cloudpickle

    try:
        found: bytes = cloudpickle.dumps(value)
    except Exception:  # noqa: BLE001 - whatever a stranger's object raises
        return type(value).__qualname__.encode()
    return found
