"""Arrays as bytes (npz without pickle); `load` checks types, dimensions and values."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.safe_files.zip_container import DAMAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["dump", "load"]

MAX_UNPACKED_BYTES: Final = 2**31  # largest unpacked size in bytes; a file that unpacks to more is an attack on memory
_HEADERS: Final = 2**16  # largest size in bytes of all headers: names, types and shapes of the arrays
_DAMAGE = (*DAMAGE, SyntaxError)  # numpy parses an array's header as Python


def dump(arrays: Mapping[str, NDArray[Any]], level: int = 6) -> bytes:
    """Return the arrays as a deflated npz archive; `level` is zlib's level, from 1 (fast) to 9 (small).

    Raises:
        InvalidInput: If the arrays are larger than `load` accepts.
    """
    size = sum(np.asanyarray(array).nbytes for array in arrays.values())
    if size > MAX_UNPACKED_BYTES - _HEADERS:
        raise InvalidInput(
            f"a model takes {size / 2**30:.1f} GiB, more than a file of one holds (2); leave its family out with "
            "SearchSettings(models=...)."
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, array in arrays.items():  # like np.savez_compressed, which has no level
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)
    return buffer.getvalue()


def load(
    data: bytes, expected: Mapping[str, tuple[str, int]], optional: Mapping[str, tuple[str, int]] | None = None
) -> dict[str, NDArray[Any]]:
    """Return the arrays that `dump` wrote.

    Args:
        data: The archive.
        expected: Name -> data type such as "float32", and number of dimensions; other arrays are refused.
        optional: Arrays that may be absent, in the same form.

    Raises:
        InvalidInput: If the archive is damaged, or an array is missing, unknown, of another type, or not finite.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise InvalidInput("the model file unpacks to more than 2 GiB, as none of this package does; refused.")
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
    except InvalidInput:
        raise
    except _DAMAGE as error:
        raise InvalidInput(f"the model file is damaged ({error}); get another copy.") from error
    expected = {**expected, **{name: kind for name, kind in (optional or {}).items() if name in found}}
    if set(found) != set(expected):
        raise InvalidInput(f"the model file holds the arrays {sorted(found)} instead of {sorted(expected)}; refused.")
    for name, (kind, dimensions) in expected.items():
        array = found[name]
        if array.dtype != np.dtype(kind) or array.ndim != dimensions:
            raise InvalidInput(
                f"the array {name!r} of the model file is {array.dtype} with {array.ndim} dimension(s) instead of "
                f"{kind} with {dimensions}; refused."
            )
        if not np.isfinite(array).all():
            raise InvalidInput(f"the array {name!r} of the model file holds NaN or infinity; refused.")
    return found
