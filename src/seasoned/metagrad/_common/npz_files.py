"""File format without pickle: one .npz with named arrays and one JSON text; reading a file cannot run code."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["flatten", "read", "require_kept", "to_json", "unflatten", "write"]

FORMAT = "seasoned.metagrad"
VERSION = 2


def write(path: str | os.PathLike[str], kind: str, about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a file atomically: a complete new file replaces an existing one.

    Args:
        path: Path of the file.
        kind: Class name of the stored object.
        about: Settings in JSON types.
        arrays: Arrays by name.
    """
    for name, array in arrays.items():
        if array.dtype.kind not in "fiubU":
            raise InvalidInput(f"{name} has the type {array.dtype}, and a file holds numbers and texts only.")
    text = to_json({"format": FORMAT, "version": VERSION, "kind": kind, **about})
    target = Path(path)
    scratch = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with scratch.open("wb") as handle:
            np.savez(
                handle, allow_pickle=False, **{"about": np.array(text), **{f"a/{k}": v for k, v in arrays.items()}}
            )
            handle.flush()
            os.fsync(handle.fileno())
        scratch.replace(target)
    finally:
        with contextlib.suppress(OSError):  # includes the error of a name that is too long
            scratch.unlink(missing_ok=True)


def to_json(about: Mapping[str, Any]) -> str:
    """Return settings as JSON text; numpy numbers are written as Python numbers."""

    def number(value: Any) -> Any:
        if isinstance(value, np.generic):
            return value.item()
        raise InvalidInput(f"a setting is {value!r}, and a file holds numbers and texts only: give one of these.")

    return json.dumps(about, allow_nan=False, default=number)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the JSON part and the arrays of a file of `write`.

    Raises InvalidInput for any other file.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            about = json.loads(str(data["about"]))
            arrays = {name[2:]: data[name] for name in data.files if name.startswith("a/")}
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidInput(f"{path} is no file of seasoned.metagrad ({error}): give one that `save` wrote.") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise InvalidInput(f"{path} is no file of seasoned.metagrad: give one that `save` wrote.")
    if about.get("version") != VERSION:
        raise InvalidInput(
            f"{path} has version {about.get('version')}, and this release reads {VERSION}: use the release that wrote "
            "it, or fit again."
        )
    return about, arrays


def flatten(tree: Any, prefix: str = "") -> dict[str, np.ndarray]:
    """Return the leaves of nested dicts and lists by path, such as `layers/#0/w`.

    In names, / becomes ~1 and ~ becomes ~0.
    """
    if isinstance(tree, dict):
        parts = [(str(name).replace("~", "~0").replace("/", "~1"), part) for name, part in tree.items()]
    elif isinstance(tree, list | tuple):
        parts = [(f"#{place}", part) for place, part in enumerate(tree)]
    else:
        return {prefix.rstrip("/"): np.asarray(tree)}
    flat: dict[str, np.ndarray] = {}
    for name, part in parts:
        flat.update(flatten(part, f"{prefix}{name}/"))
    return flat


def require_kept(tree: Any, what: str) -> None:
    """Refuse parameters that a file cannot store exactly.

    Args:
        tree: Parameters.
        what: Name of the parameters in the error message.

    Raises:
        InvalidInput: A part is empty, None, a named tuple or of a user's class, or a name is not text.
    """
    if isinstance(tree, dict) and tree and all(isinstance(name, str) for name in tree):
        for part in tree.values():
            require_kept(part, what)
    elif type(tree) in {list, tuple} and len(tree):
        for part in tree:
            require_kept(part, what)
    elif isinstance(tree, dict | list | tuple) or np.asarray(tree).dtype.kind not in "fiub":
        raise InvalidInput(
            f"{what} hold a {type(tree).__name__} ({str(tree)[:40]}), and a file keeps dictionaries with names, lists, "
            "tuples and arrays, none of them empty: predict in this process, or give the network parameters of these."
        )


def unflatten(flat: Mapping[str, np.ndarray]) -> Any:
    """Return the tree of a result of `flatten`; tuples become lists."""
    if set(flat) == {""}:
        return flat[""]
    children: dict[str, dict[str, np.ndarray]] = {}
    for name, array in flat.items():
        first, _, rest = name.partition("/")
        first = first.replace("~1", "/").replace("~0", "~")
        children.setdefault(first, {})[rest] = array
    built = {name: unflatten(part) for name, part in children.items()}
    if built and all(name.startswith("#") for name in built):
        if set(built) != {f"#{place}" for place in range(len(built))}:
            raise InvalidInput(
                f"a list in the file has the places {sorted(built)}: the file is damaged, save it again."
            )
        return [built[f"#{place}"] for place in range(len(built))]
    return built
