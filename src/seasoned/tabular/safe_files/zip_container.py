"""Container of a bundle: a zip whose parts are all checked and bounded before any of them is read.

The manifest contains a SHA-256 of every other member, which reveals damage. With a key, a further member contains an
HMAC-SHA256 of the manifest, which reveals manipulation. Names, number and unpacked sizes are checked against constants
first: a zip can contain a million members, the same name twice, names that lead to other folders, or a petabyte in a
few kilobytes.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
import stat
import struct
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["DAMAGE", "FORMAT", "pack", "unpack"]

FORMAT: Final = 12
"""Format of bundles. Files of other formats are refused: no version has been released."""
DAMAGE: Final = (  # errors of zipfile, zlib, json and the models' loaders on a file that was cut or changed
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, NotImplementedError, OSError, RuntimeError,
    TypeError, ValueError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_WHAT: Final = "seasoned bundle"
_MANIFEST: Final = "manifest.json"
_SIGNATURE: Final = "manifest.hmac"

_LARGEST_MEMBER: Final = 2**31  # largest unpacked size of a member in bytes
MAX_UNPACKED_BYTES: Final = (
    2**32
)  # largest unpacked size in bytes of all members and of the contents of members that are zips
MAX_RATIO: Final = (
    200  # largest ratio of unpacked to packed size beyond `FREE_UNPACKED_BYTES`, far larger than of any model
)
FREE_UNPACKED_BYTES: Final = 2**24  # unpacked size in bytes that a file of any size may reach
_LARGEST_DIRECTORY: Final = 2**17  # largest size in bytes of the list of members, about 1,000 members
_LARGEST_INNER_DIRECTORY: Final = 2**26  # the same inside a member: skops stores each array of a model as a member
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_END: Final = struct.Struct("<4sHHHHIIH")  # end record of a zip: signature, 4 counts, size and place of the directory
_ZIP64: Final = b"PK\x06\x07"  # signature of a ZIP64 locator, for archives larger than 4 GiB


def pack(manifest: Mapping[str, Any], members: Mapping[str, bytes], key: bytes | str | None) -> bytes:
    """Return the container as bytes.

    Args:
        manifest: Plain data about the members; kind, format and hashes are added.
        members: Name -> content.
        key: Key for the signature of the manifest; None for no signature.

    Raises:
        InvalidInput: If the key is empty or neither bytes nor text, or the members are too large.
    """
    secret = _secret(key)
    sizes = [len(data) + _inside(data) for data in members.values()]
    if sum(sizes) > MAX_UNPACKED_BYTES or max(map(len, members.values()), default=0) > _LARGEST_MEMBER:
        raise InvalidInput(
            f"the models take {sum(sizes) / 2**30:.1f} GiB, more than a bundle holds (4, and 2 for each); exclude the "
            "largest family with SearchSettings(models=...)."
        )
    for name, data in members.items():
        if _is_zip(data):
            try:
                _check_end(io.BytesIO(data), _LARGEST_INNER_DIRECTORY)
            except ValueError as error:
                raise InvalidInput(
                    f"{name} cannot be saved, for `load` would refuse it ({error}): fewer or smaller models of its "
                    "family fit into a file."
                ) from None
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    head = {"format": FORMAT, "what": _WHAT, **manifest, "sha256": hashes}
    text = json.dumps(head, indent=1, allow_nan=False).encode()
    written = {_MANIFEST: text, **members}
    if secret is not None:
        written[_SIGNATURE] = _sign(text, secret)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in written.items():  # deflating a zip again costs time and saves nothing
            archive.writestr(name, data, zipfile.ZIP_STORED if _is_zip(data) else zipfile.ZIP_DEFLATED)
    packed = buffer.getvalue()
    if sum(sizes) + len(text) > FREE_UNPACKED_BYTES + MAX_RATIO * len(packed):
        raise InvalidInput(
            f"the models unpack to {sum(sizes) / len(packed):.0f} times the size of their file, and load accepts at "
            f"most {MAX_RATIO}; leave the family that holds so many equal numbers out with "
            "SearchSettings(models=...)."
        )
    return packed


def unpack(path: Path, key: bytes | str | None) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the manifest and the members of a container that `pack` wrote.

    Raises:
        InvalidInput: If the file is missing, no bundle, truncated, changed, of a newer format, or signed with another
            key.
    """
    secret = _secret(key)
    try:
        if not path.is_file():
            raise InvalidInput(f"there is no file {str(path)!r}; check the path.")
        with path.open("rb") as file:
            return _read(file, path.name, secret)
    except InvalidInput:
        raise
    except PermissionError as error:
        raise InvalidInput(f"{str(path)!r} cannot be read ({error.strerror}); ask for the right to.") from error
    except DAMAGE as error:
        raise InvalidInput(f"{path.name!r} is no bundle, or is damaged ({error}); get another copy.") from error


def _read(file: IO[bytes], name: str, secret: bytes | None) -> tuple[dict[str, Any], dict[str, bytes]]:
    allowed = _check_end(file, _LARGEST_DIRECTORY)
    with zipfile.ZipFile(file) as archive:
        allowed -= _check_directory(archive, allowed)
        text = _content(archive, _MANIFEST)
        signature = _content(archive, _SIGNATURE) if _SIGNATURE in archive.namelist() else None
        _check_signature(text, signature, secret, name)
        manifest = json.loads(text)
        _check_kind(manifest, name)
        hashes: dict[str, str] = manifest["sha256"]
        listed = {_MANIFEST, *hashes} | (set() if signature is None else {_SIGNATURE})
        if listed != set(archive.namelist()):
            odd = min(listed ^ set(archive.namelist()))
            raise InvalidInput(f"the members of {name!r} are not those of its manifest ({odd!r}); get another copy.")
        members = {member: _content(archive, member) for member in hashes}
    for member, data in members.items():
        if hashlib.sha256(data).hexdigest() != hashes[member]:
            raise InvalidInput(f"the member {member!r} of {name!r} was changed; get another copy.")
        if _is_zip(data):  # skops and numpy would unpack it unchecked
            inner = io.BytesIO(data)
            _check_end(inner, _LARGEST_INNER_DIRECTORY)
            with zipfile.ZipFile(inner) as archive:
                allowed -= _check_directory(archive, allowed)
    return manifest, members


def _check_kind(manifest: Any, name: str) -> None:
    if not isinstance(manifest, dict) or manifest.get("what") != _WHAT:
        raise InvalidInput(f"{name!r} is a zip file of something else; pass a file that `save` wrote.")
    if manifest["format"] != FORMAT:
        cure = (
            "upgrade seasoned"
            if manifest["format"] > FORMAT
            else "fit again, or load it with the version that saved it"
        )
        raise InvalidInput(f"{name!r} has format {manifest['format']}; this version reads format {FORMAT}: {cure}.")


def _check_end(file: IO[bytes], most: int) -> int:
    """Check place and size of the directory before zipfile reads it; return the allowed unpacked size in bytes."""
    size = file.seek(0, io.SEEK_END)
    if size < _END.size:
        raise ValueError("too short")
    file.seek(max(0, size - _END.size - 20))
    tail = file.read()
    mark, *counts, length, start, comment = _END.unpack(tail[-_END.size :])
    if mark != b"PK\x05\x06" or comment or any(counts[:2]) or start + length != size - _END.size:
        raise ValueError("it does not end as a zip does")
    if tail[: -_END.size].startswith(_ZIP64) or length > most:
        raise ValueError("it lists more members than any bundle has")
    file.seek(0)
    return min(MAX_UNPACKED_BYTES, FREE_UNPACKED_BYTES + MAX_RATIO * size)


def _check_directory(archive: zipfile.ZipFile, allowed: int) -> int:
    """Check every member's name, kind and size before any is read; return their unpacked size in bytes."""
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(set(names)) != len(names):
        raise ValueError("a member is there twice")
    for member in members:
        if not _NAME.fullmatch(member.filename) or ".." in member.filename:
            raise ValueError(f"it has a member called {member.filename[:40]!r}")
        if stat.S_IFMT(member.external_attr >> 16) not in {0, stat.S_IFREG}:
            raise ValueError(f"the member {member.filename!r} is no plain file")
        if member.flag_bits & 1 or member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise ValueError(f"the member {member.filename!r} is packed as in no bundle")
    total = sum(member.file_size for member in members)
    if total > allowed or max((member.file_size for member in members), default=0) > _LARGEST_MEMBER:
        raise ValueError(f"it unpacks to {total / 2**20:.0f} MiB, more than any bundle of its size")
    return total


def _content(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a member. The read has a limit, because zipfile unpacks a member before it checks the declared size."""
    member = archive.getinfo(name)
    with archive.open(member) as file:
        data = file.read(member.file_size + 1)
    if len(data) != member.file_size:
        raise ValueError(f"the member {name!r} was cut")
    return data


def _inside(data: bytes) -> int:
    """Return the unpacked size in bytes of a member that is a valid zip itself, otherwise 0."""
    if not _is_zip(data):
        return 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return sum(member.file_size for member in archive.infolist())
    except DAMAGE:  # the model's loader refuses the member
        return 0


def _is_zip(data: bytes) -> bool:
    return data.startswith(b"PK")


def _secret(key: bytes | str | None) -> bytes | None:
    if key is None:
        return None
    if not isinstance(key, bytes | str) or not key:
        what = "empty" if isinstance(key, bytes | str) else f"of type {type(key).__name__}"
        raise InvalidInput(f"the key is {what}; pass bytes or text that nobody else knows, or None.")
    return key.encode() if isinstance(key, str) else key


def _sign(text: bytes, secret: bytes) -> bytes:
    return hmac.new(secret, text, hashlib.sha256).hexdigest().encode()


def _check_signature(text: bytes, signature: bytes | None, secret: bytes | None, name: str) -> None:
    """Check the signature; a key without a signature is refused, because removal of the signature would bypass it."""
    if signature is None and secret is not None:
        raise InvalidInput(f"{name!r} was saved without a key; load it without one if you trust where it comes from.")
    if signature is not None and secret is None:
        raise InvalidInput(f"{name!r} was saved with a key; pass the same one as key=.")
    if signature is not None and secret is not None and not hmac.compare_digest(signature, _sign(text, secret)):
        raise InvalidInput(f"the key does not fit {name!r}: it is another one, or the file was changed.")
