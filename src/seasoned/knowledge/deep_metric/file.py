"""File format of a deep metric function: one .npz file with named arrays, without pickle.

A file may come from an untrusted source. Therefore the reader checks these conditions before use: the file is small, no
array header claims more memory than the file has, and all numbers are finite. Names, dtypes and shapes of the arrays
must also match the network sizes that the file states.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.deep_metric.inputs import BASES, Frame
from seasoned.knowledge.deep_metric.model import DeepMetric
from seasoned.knowledge.deep_metric.network import shapes_of
from seasoned.knowledge.deep_metric.settings import MOST_MEMBERS, WIDEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["read_deep_metric", "write_deep_metric"]

_FORMAT: Final = "seasoned.deep_metric"
_VERSION: Final = 1
_MAX_UNPACKED_BYTES: Final = 2**26  # largest size of an unpacked file in bytes
_HEADER: Final = 512  # largest size of the header of an array in bytes
_DAMAGE: Final = (
    *(OSError, ValueError, KeyError, EOFError, SyntaxError, RuntimeError, MemoryError),  # numpy reads headers as Python
    *(zipfile.BadZipFile, zlib.error),
)
_FRAME: Final[dict[str, tuple[str, int]]] = {
    "middle": ("float32", 1),
    "spread": ("float32", 1),
    "known": ("float16", 2),
    "new": ("float32", 1),
    "sorted": ("float32", 2),
    "clock": ("float32", 1),
}


def write_deep_metric(metric: DeepMetric, path: str | os.PathLike[str]) -> None:
    """Write a deep metric function to a file. The loaded function gives exactly the same predictions.

    Args:
        metric: The trained metric.
        path: Path of the file; an existing file is replaced.

    Raises:
        InvalidInput: If the metric is too large for a file (64 MB).
    """
    width, hidden = _sizes(metric.members[0])
    about = {"format": _FORMAT, "version": _VERSION, "members": len(metric.members), "width": width, "hidden": hidden}
    arrays: dict[str, NDArray[Any]] = {"about": np.array(json.dumps({**about, "stretch": metric.stretch}))}
    arrays |= {f"frame/{name}": np.asarray(getattr(metric.frame, name), kind) for name, (kind, _) in _FRAME.items()}
    for number, member in enumerate(metric.members):
        arrays |= {f"member/{number}/{name}": part for name, part in member.items()}
    size = sum(part.nbytes + _HEADER for part in arrays.values())
    if size > _MAX_UNPACKED_BYTES:
        raise InvalidInput(
            f"the deep metric has {size >> 20} MB, and a file may hold {_MAX_UNPACKED_BYTES >> 20}; "
            "train one with fewer members or hidden units."
        )
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    target = Path(path)
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        scratch.write_bytes(buffer.getvalue())
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def _sizes(member: Mapping[str, NDArray[np.float32]]) -> tuple[int, int]:
    return len(member["ask"]), len(member["joint/#0/b"])


def read_deep_metric(path: str | os.PathLike[str]) -> DeepMetric:
    """Read a deep metric function from a file of `write_deep_metric`.

    Args:
        path: Path of the file.

    Raises:
        InvalidInput: If the file contains no deep metric function, is damaged, has another version, or its arrays do
            not fit each other.
        FileNotFoundError: If the file does not exist.
    """
    arrays = _arrays(Path(path))
    try:
        about = json.loads(str(arrays.pop("about")))
        if about["format"] != _FORMAT or about["version"] != _VERSION:
            raise InvalidInput(f"{path} is of format {about['format']} {about['version']}; give one of {_FORMAT} 1.")
        members, width, hidden = (int(about[name]) for name in ("members", "width", "hidden"))
        stretch = float(about["stretch"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InvalidInput(
            f"{path} is no deep metric function ({error}); give what write_deep_metric wrote."
        ) from error
    fits = 1 <= members <= MOST_MEMBERS and all(1 <= size <= WIDEST for size in (width, hidden))
    if not (fits and 0.0 < stretch < 100.0):
        raise InvalidInput(f"{path} has {members} members of width {width}; give what write_deep_metric wrote.")
    frame = _frame(arrays)
    shapes = shapes_of(frame.width, frame.sorted.shape[1], width, hidden)
    expected = {f"member/{number}/{name}": shape for number in range(members) for name, shape in shapes.items()}
    if set(arrays) != {*expected, *(f"frame/{name}" for name in _FRAME)}:
        raise InvalidInput(f"{path} holds other arrays than a deep metric function of its size; train it anew.")
    for name, shape in expected.items():
        _check(name, arrays[name], "float32", shape)
    found = tuple({name: arrays[f"member/{number}/{name}"] for name in shapes} for number in range(members))
    return DeepMetric(found, frame, stretch)


def _frame(arrays: Mapping[str, NDArray[Any]]) -> Frame:
    """Read the frame, and check its arrays against each other."""
    parts = {}
    for name, (kind, dimensions) in _FRAME.items():
        part = arrays.get(f"frame/{name}")
        if part is None or part.ndim != dimensions:
            raise InvalidInput(f"the file has no {name!r} with {dimensions} dimension(s); train the metric anew.")
        parts[name] = part
        shape = {"spread": parts["middle"].shape, "new": (BASES,), "clock": (2,)}.get(name, part.shape)
        if name == "sorted":  # NaN is valid: it marks unknown meta-features
            part = np.where(np.isnan(part), np.float32(0.0), part)
        _check(name, part, kind, shape)
    if parts["known"].shape[1] < BASES or not (parts["spread"] > 0.0).all() or not parts["clock"][1] > 0.0:
        raise InvalidInput(
            "the file's scales are not positive, or its table of known configurations has too few columns; train the "
            "metric anew."
        )
    return Frame(**parts)


def _check(name: str, array: NDArray[Any], kind: str, shape: tuple[int, ...]) -> None:
    if array.dtype != np.dtype(kind) or array.shape != shape or not np.isfinite(array).all():
        raise InvalidInput(
            f"the array {name!r} is {array.dtype} {array.shape} or not finite, and {kind} {shape} belongs there; train "
            "the metric anew."
        )


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of a file; an array that claims more bytes than its entry has is refused."""
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > _MAX_UNPACKED_BYTES:
                raise InvalidInput(
                    f"{path} unpacks to more than {_MAX_UNPACKED_BYTES >> 20} MB, as no deep metric function does."
                )
            for entry in entries:
                data = io.BytesIO(archive.read(entry))
                version = np.lib.format.read_magic(data)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, kind = read(data)
                if kind.hasobject or int(np.prod(shape, dtype=object)) * kind.itemsize > entry.file_size:
                    raise InvalidInput(f"{path} claims an array of {shape} {kind} that it does not hold; refused.")
                data.seek(0)
                found[entry.filename.removesuffix(".npy")] = np.lib.format.read_array(data, allow_pickle=False)
    except FileNotFoundError:
        raise
    except InvalidInput:
        raise
    except _DAMAGE as error:
        raise InvalidInput(
            f"{path} is no deep metric function ({error}); give what write_deep_metric wrote."
        ) from error
    return found
