"""Options of commands that read tables, and the reading itself."""

from __future__ import annotations

import functools
import inspect
import io
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from seasoned.cli.tables.column_formats import NOTHING, TextFormat
from seasoned.cli.tables.decimal_commas import ENCODING, as_numbers, with_points
from seasoned.errors import InvalidInput
from seasoned.tabular.input.database import read_database
from seasoned.tabular.input.delimited_text import (
    HEAD,
    decimal_of,
    encoding_of,
    head_of,
    is_encoding,
    read_csv,
    separator_of,
    titles_of,
)
from seasoned.tabular.input.files import SEPARATORS, files_of, kind_of, read_table
from seasoned.tabular.input.spreadsheet import TITLES
from seasoned.tabular.schema.text_parsing import matches_format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd

__all__ = ["STDIN", "Reading", "with_reading"]

STDIN: Final = "the standard input"
_TABS: Final = ("tab", "\\t")  # spellings of the tab on a command line


@dataclass(frozen=True, slots=True)
class Reading:
    """Format of tables, as set by the user. None stands for detection by file name and first bytes.

    Attributes:
        separator: The column separator. By default the one of the file name: comma, or tab for .tsv. If that gives a
            single column, the semicolon, bar or tab that gives several.
        decimal: The decimal sign. By default the point; between semicolons, the sign of the cells.
        encoding: The encoding. By default UTF-8, or UTF-16 if the file begins with its byte order mark.
        sheet: The sheet of a spreadsheet. By default the first that is not empty.
        database: The database from which tables come instead of from files.

    Raises:
        InvalidInput: If a setting is invalid.
    """

    separator: Annotated[
        str | None,
        typer.Option(help="What stands between the columns of a text file, such as ; or tab; found by default."),
    ] = None
    decimal: Annotated[
        str | None, typer.Option(help="Decimal sign in a text file, . or , (found between semicolons).")
    ] = None
    encoding: Annotated[
        str | None, typer.Option(help="Of a text file, such as cp1252; UTF-8 or UTF-16 by default.")
    ] = None
    sheet: Annotated[
        str | None, typer.Option(help="Sheet of a spreadsheet; by default the first that is not empty.")
    ] = None
    database: Annotated[
        str | None,
        typer.Option(
            envvar="SEASONED_DATABASE",
            help="URL or file of a database: the table is a .sql file with a query, or the name of a table there.",
        ),
    ] = None

    def __post_init__(self) -> None:
        mark = self.separator
        if mark is not None and mark not in _TABS and (len(mark) != 1 or not mark.isascii() or mark in '"\r\n'):
            raise InvalidInput(f"separator is {mark!r}; it is one ASCII character such as ; or | or the word tab.")
        if self.decimal not in {None, ".", ","}:
            raise InvalidInput(f"decimal is {self.decimal!r}; it is a point or a comma.")
        if self.encoding is not None and not is_encoding(self.encoding):
            raise InvalidInput(
                f"encoding is {self.encoding!r}, which is not known; give one such as cp1252, latin-1 or utf-16."
            )

    def table(
        self, source: Path | bytes, text: Iterable[str] = (), like: TextFormat = NOTHING, **more: Any
    ) -> pd.DataFrame:
        """Read a table: of a file, of all files of a pattern, of the database, or of the bytes of the standard input.

        Args:
            source: The file, the pattern such as `sales-*.csv`, the query or name of a table, or the bytes.
            text: Columns that stay text, as written; absent ones are ignored.
            like: Text format of a model's file. A column whose cells all fit its style there stays text, because
                without the style its cells may be other numbers.
            more: Further arguments of `pandas.read_csv` for a text file.

        Raises:
            InvalidInput: If the table cannot be read, or the files of a pattern have different columns.
        """
        if self.database is not None and isinstance(source, Path) and source != Path("-"):
            return read_database(str(source), self.database)
        if isinstance(source, bytes):
            return self._text_table(source, text, like, more)
        files = files_of(source)
        frames = [self._file(file, text, like, more) for file in files]
        if len(files) == 1:
            return frames[0]
        mixed = _mixed_columns(files, frames)
        if mixed:
            frames = [self._file(file, [*text, *mixed], like, more) for file in files]
        return _stacked(frames)

    def is_text(self, source: Path | bytes) -> bool:
        """Return True if the source is delimited text, whose cells have no types."""
        if isinstance(source, bytes):
            return True
        return self.database is None and all(kind_of(file) in SEPARATORS for file in files_of(source))

    def _file(self, path: Path, text: Iterable[str], like: TextFormat, more: dict[str, Any]) -> pd.DataFrame:
        if kind_of(path) in SEPARATORS:
            return self._text_table(path, text, like, more)
        frame = read_table(path, sheet=self.sheet)
        _tell_titles(path.name, frame.attrs.pop(TITLES, None))
        return frame

    def _text_table(
        self, source: Path | bytes, text: Iterable[str], like: TextFormat, more: dict[str, Any]
    ) -> pd.DataFrame:
        """Table of delimited text. Lines above the header are left out, and a message shows them."""
        head = head_of(source) if isinstance(source, Path) else source[:HEAD]
        encoding = self.encoding or encoding_of(head, like.encoding)
        separator = self._separator(head, encoding, SEPARATORS[kind_of(source)] if isinstance(source, Path) else ",")
        shown = decimal_of(head, encoding) if separator == ";" else "."
        decimal = self.decimal or shown or ","
        styles, text = like.styles, [*text, *like.words]
        titles = titles_of(head, encoding, separator)
        options: dict[str, Any] = {"decimal": decimal, "encoding": encoding}
        options |= {"dtype": dict.fromkeys([*text, *styles], str) or None, "skiprows": len(titles), **more}
        if isinstance(source, Path):
            frame = read_table(source, separator, **options)
        else:
            frame = read_csv(io.BytesIO(source), STDIN, separator, **options)
        if titles and not more:  # the second reading of a file repeats no message
            _tell_titles(source.name if isinstance(source, Path) else STDIN, " / ".join(filter(None, titles)))
        styled = [
            name for name, style in styles.items() if name in frame.columns and matches_format(frame[name], style)
        ]
        frame = as_numbers(frame, [name for name in styles if name not in styled])
        if decimal == ",":
            frame = with_points(frame, [*text, *styled], commas=like.commas or "," in {self.decimal, shown})
        if self.encoding is not None:
            frame.attrs[ENCODING] = self.encoding
        return frame

    def _separator(self, head: bytes, encoding: str | None, usual: str) -> str:
        if self.separator is None:
            return separator_of(head, encoding, usual)
        return "\t" if self.separator in _TABS else self.separator


def with_reading(command: Callable[..., None]) -> Callable[..., None]:
    """Decorate a command: in place of its parameter `reading` it has the options of `Reading`."""
    signature = inspect.signature(command, eval_str=True)
    own = [part for name, part in signature.parameters.items() if name != "reading"]
    hints = inspect.get_annotations(Reading, eval_str=True)
    kind = inspect.Parameter.KEYWORD_ONLY
    options = [
        inspect.Parameter(field.name, kind, default=None, annotation=hints[field.name]) for field in fields(Reading)
    ]

    @functools.wraps(command)
    def run(*args: Any, **given: Any) -> None:
        reading = Reading(**{option.name: given.pop(option.name, None) for option in options})
        command(*args, reading=reading, **given)

    run.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    run.__annotations__ = {part.name: part.annotation for part in [*own, *options]}
    return run


def _tell_titles(name: str, titles: str | None) -> None:
    if titles is not None:
        typer.echo(f"{name}: the lines above the header are left out: {titles[:100]!r}", err=True)


def _mixed_columns(files: list[Path], frames: list[pd.DataFrame]) -> list[str]:
    """Columns that are text in some files and not in others.

    Raises:
        InvalidInput: If two files have different columns.
    """
    first = frames[0]
    for file, frame in zip(files, frames, strict=True):
        strange = first.columns.symmetric_difference(frame.columns)
        if len(strange):
            where, other = (files[0], file) if strange[0] in first.columns else (file, files[0])
            raise InvalidInput(
                f"{where.name!r} has a column {strange[0]!r}, and {other.name!r} has none; files that are read "
                "together have the same columns."
            )
    kinds = {name: {frame[name].dtype.kind in "biuf" for frame in frames if len(frame)} for name in first.columns}
    return [name for name, found in kinds.items() if len(found) > 1]


def _stacked(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Rows of all frames, with the columns in the order of the first and the attributes of the last."""
    import pandas as pd

    stacked = pd.concat([frame[frames[0].columns] for frame in frames], ignore_index=True)
    stacked.attrs = frames[-1].attrs
    return stacked
