"""Delimited text files: encoding, separator and decimal sign are detected from the first bytes; rows are read."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import itertools
import lzma
import re
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidInput
from seasoned.tabular.input.header_row import title_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

__all__ = [
    "HEAD",
    "UNREADABLE",
    "cause",
    "decimal_of",
    "encoding_of",
    "head_of",
    "is_encoding",
    "opened",
    "read_csv",
    "separator_of",
    "titles_of",
]

HEAD: Final = 1 << 18  # bytes at the beginning of a file that detection reads
_SNIFFED: Final = 1 << 14  # characters that `csv.Sniffer` reads
_FIRST: Final = 200  # rows in which the header is looked for
_OTHERS: Final = ";|\t"
_NO_FILES: Final = frozenset({"idna", "punycode", "undefined"})  # codecs that are not for text files
_POINT: Final = r"[+-]?(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?"
_COMMA: Final = r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)?,\d+(?:[eE][+-]?\d+)?"  # also "1.234,5"
_EITHER: Final = r"[+-]?[1-9]\d{0,2}(?:(?:\.\d{3})+|(?:,\d{3})+)"  # ambiguous: "1,234" is 1234 or 1.234
UNREADABLE: Final = (OSError, EOFError, ValueError, RuntimeError, lzma.LZMAError, zipfile.BadZipFile, zlib.error)


# ------------------------------------------------------------------------------------------------ detection


def head_of(path: Path) -> bytes:
    """First bytes of a file, decompressed; empty on an error, which the later reading of the file reports."""
    try:
        with opened(path) as file:
            return bytes(file.read(HEAD))
    except (*UNREADABLE, LookupError):
        return b""


def opened(source: Any) -> Any:
    """Open a file, decompressed, or copy an open stream from its beginning."""
    if not isinstance(source, Path):
        source.seek(0)
        return io.BytesIO(source.read())
    ending = source.suffix.lower()
    if ending == ".zst":
        import pyarrow as pa

        return pa.input_stream(str(source), compression="zstd")
    if ending == ".zip":
        with zipfile.ZipFile(source) as archive:  # the opened member keeps the file open
            return archive.open(archive.namelist()[0])
    opened: Any = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(ending, open)
    return opened(source, "rb")


def is_encoding(name: str) -> bool:
    """Return True if Python has an encoding of text files with this name.

    Example:
        >>> [is_encoding(name) for name in ("gb18030", "utf-16", "klingon", "hex", "idna")]
        [True, True, False, False, False]
    """
    try:
        return codecs.lookup(name).name not in _NO_FILES and "a,1\n".encode(name).decode(name, "replace") == "a,1\n"
    except (LookupError, UnicodeError, ValueError):
        return False


def encoding_of(head: bytes, usual: str | None = None) -> str | None:
    """Encoding of a file: UTF-16 by its byte order mark; `usual` if the bytes are ASCII or not UTF-8; else None.

    Args:
        head: First bytes of the file.
        usual: Encoding of other files of the same table; None if unknown.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if usual is None or head.startswith(codecs.BOM_UTF8):
        return None
    try:
        return usual if codecs.getincrementaldecoder("utf-8")().decode(head).isascii() else None
    except UnicodeDecodeError:
        return usual


def separator_of(head: bytes, encoding: str | None, usual: str) -> str:
    r"""Column separator: the usual one, or, if the header lacks it, another one that `csv.Sniffer` confirms.

    The other one must be the only separator among ";", "|" and the tab in the header.

    Example:
        >>> separator_of(b"a;b\n1,5;2\n", None, ","), separator_of(b"question; why\nhow\n", None, ",")
        (';', ',')
    """
    titles = {mark: titles_of(head, encoding, mark) for mark in (usual, *_OTHERS)}
    headers = {mark: next(_rows(head, encoding, mark, len(lines)), []) for mark, lines in titles.items()}
    others = [mark for mark in _OTHERS if len(headers[mark]) > 1 and mark != usual]
    if len(others) != 1 or (len(headers[usual]) != 1 and len(titles[usual]) <= len(titles[others[0]])):
        return usual
    lines = _text(head, encoding)[:_SNIFFED].splitlines(keepends=True)
    reader = csv.reader(lines, delimiter=others[0])
    try:
        above = sum(1 for _ in zip(titles[others[0]], reader, strict=False)) and reader.line_num
        return csv.Sniffer().sniff("".join(lines[above:]), others[0]).delimiter
    except csv.Error:
        return usual


def titles_of(head: bytes, encoding: str | None, separator: str) -> list[str]:
    r"""Text of each row above the header, such as a title; usually none.

    Example:
        >>> titles_of(b"Sales 2024\n\nshop,day\nRome,Mon\nOslo,Tue\n", None, ",")
        ['Sales 2024', '']
    """
    rows = list(itertools.islice(_all_rows(head, encoding, separator), _FIRST))
    return [" ".join(filter(None, row)) for row in rows[: title_rows(rows)]]


def decimal_of(head: bytes, encoding: str | None) -> str | None:
    r"""Decimal sign of a file with semicolons, from its unambiguous numbers; None without such numbers.

    Example:
        >>> decimal_of(b"a;b\n1,5;2\n", None), decimal_of(b"a;b\n1.5;1,234\n", None), decimal_of(b"a\n1e-5\n", None)
        (',', '.', None)
    """
    cells = {cell.strip() for row in itertools.islice(_rows(head, encoding, ";"), 1, None) for cell in row}
    telling = [cell for cell in cells if not re.fullmatch(_EITHER, cell)]
    if any(re.fullmatch(_COMMA, cell) for cell in telling):
        return ","
    return "." if any(re.fullmatch(_POINT, cell) for cell in telling) else None


def _text(head: bytes, encoding: str | None) -> str:
    return head.decode(encoding or "utf-8", "replace").removeprefix("\ufeff")


def _rows(head: bytes, encoding: str | None, separator: str, skipped: int = 0) -> Iterator[list[str]]:
    """Complete rows of the first bytes, without blank lines and without the first rows."""
    return filter(None, itertools.islice(_all_rows(head, encoding, separator), skipped, None))


def _all_rows(head: bytes, encoding: str | None, separator: str) -> Iterator[list[str]]:
    text = _text(head, encoding)
    lines = io.StringIO(text if len(head) < HEAD else text.rpartition("\n")[0], newline="")
    try:
        yield from csv.reader(lines, delimiter=separator)
    except csv.Error:  # a cell has more than 131072 characters
        return


# ------------------------------------------------------------------------------------------------ rows


def read_csv(source: Any, name: str, separator: str = ",", **options: Any) -> pd.DataFrame:
    """Read delimited text from a path or a seekable stream; messages call it `name`.

    Rows may be shorter than the header, or end in a separator. Longer rows are refused, with one exception: each row
    may begin with an extra cell that is its name, as R writes it. Names are words that all differ.

    Args:
        source: The path, or the stream.
        name: Name of the table in messages.
        separator: Column separator.
        options: Options of `pandas.read_csv`. `skiprows` is the number of rows above the header.

    Raises:
        InvalidInput: If the text cannot be read.
    """
    import pandas as pd

    encoding = options.get("encoding")
    try:
        frame = _within_header(source, separator, options)
        return _beyond_header(source, name, separator, options) if frame is None else frame
    except pd.errors.ParserError as error:
        long = _long_row(source, separator, options)
        raise InvalidInput(_unreadable(name, separator, error) if long is None else _too_long(name, *long)) from error
    except UnicodeError:
        raise InvalidInput(
            f"{name!r} is not {encoding or 'UTF-8'} text; give its --encoding{_guess(source)}, or save it as Parquet."
        ) from None
    except InvalidInput:
        raise
    except UNREADABLE as error:
        raise InvalidInput(_unreadable(name, separator, error)) from error


def _within_header(source: Any, separator: str, options: dict[str, Any]) -> pd.DataFrame | None:
    """Frame of a file; None if a row has a non-empty cell beyond the header."""
    import pandas as pd

    if _ends_in_words(source, separator, options):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # pandas warns of cells beyond the header
        try:
            return _parsed(source, sep=separator, index_col=False, **options)
        except pd.errors.ParserWarning:
            return None


def _beyond_header(source: Any, name: str, separator: str, options: dict[str, Any]) -> pd.DataFrame:
    """Frame of a file with cells beyond the header: names of rows, or separators at the ends of rows.

    Raises:
        InvalidInput: If the cells are anything else.
    """
    import pandas as pd

    frame = _parsed(source, sep=separator, **options)
    if _are_names(frame.index):
        return frame
    long = _long_row(source, separator, options)
    if long is not None:
        raise InvalidInput(_too_long(name, *long))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.ParserWarning)  # the omitted cells are empty
        return _parsed(source, sep=separator, index_col=False, **options)


def cause(error: Exception) -> str:
    """The first line of an error's text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _unreadable(name: str, separator: str, error: Exception) -> str:
    return f"{name!r} cannot be read as {'TSV' if separator == chr(9) else 'CSV'}: {cause(error)}"


def _guess(source: Any) -> str:
    """Probable encoding of a file, as a part of a message; empty if unknown."""
    import charset_normalizer

    with opened(source) as file:
        found = charset_normalizer.from_bytes(file.read(HEAD).rpartition(b"\n")[0]).best()
    return "" if found is None else f", which is probably {found.encoding}"


def _parsed(source: Any, **options: Any) -> pd.DataFrame:
    """Frame that pandas reads from the beginning of a file."""
    import pandas as pd

    frame: pd.DataFrame
    if isinstance(source, Path) and source.suffix.lower() == ".zst":  # pandas needs one more package
        with opened(source) as stream:
            frame = pd.read_csv(stream, low_memory=False, **options)
    else:
        if hasattr(source, "seek"):
            source.seek(0)
        frame = pd.read_csv(source, low_memory=False, **options)
    return frame


def _ends_in_words(source: Any, separator: str, options: dict[str, Any]) -> bool:
    """Return True if the first row has a non-empty cell beyond the header. Pandas reads "NA" there as empty."""
    with opened(source) as file:
        rows = _rows(file.read(HEAD), options.get("encoding"), separator, options.get("skiprows", 0))
        first, second = [*itertools.islice(rows, 2), [], []][:2]
    return len(second) > len(first) and bool(second[-1])


def _are_names(index: pd.Index[Any]) -> bool:
    """Return True if the index consists of names of rows: one level, all different, none a number."""
    import pandas as pd

    if index.nlevels > 1 or not index.is_unique or index.dtype.kind in "iufb":
        return False
    return bool(pd.to_numeric(index.to_series(), errors="coerce").isna().all())


def _long_row(source: Any, separator: str, options: dict[str, Any]) -> tuple[int, int, int] | None:
    """First row longer than the header: its line, its number of cells, and that of the header; None without one.

    An empty cell after the last column is a separator at the end of the row.
    """
    encoding = options.get("encoding") or "utf-8-sig"
    with opened(source) as file, io.TextIOWrapper(file, encoding, "replace", newline="") as text:
        lines = csv.reader(text, delimiter=separator)
        try:
            header = len(next(row for row in itertools.islice(lines, options.get("skiprows", 0), None) if row))
            rows = ((lines.line_num, len(row) - (len(row) == header + 1 and not row[-1])) for row in lines if row)
            return next(((line, cells, header) for line, cells in rows if cells > header), None)
        except (StopIteration, csv.Error):
            return None


def _too_long(name: str, line: int, cells: int, header: int) -> str:
    if header == 1:  # the first line is a title
        above = "line 1 looks like a title" if line == 2 else f"lines 1 to {line - 1} look like titles"
        return (
            f"{name!r} has {cells} cells in line {line} and one in line 1; {above}, so delete what is above the header."
        )
    return (
        f"{name!r} has {cells} cells in line {line}, and its header has {header}; quote cells that hold the separator, "
        "or name the missing columns in the header."
    )
