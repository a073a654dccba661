"""Tables of databases: the rows of a query, or of a table by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from seasoned import storage
from seasoned._util.optional_packages import is_installed, require
from seasoned.errors import InvalidInput, MissingExtra
from seasoned.storage.url import mask_password

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

__all__ = ["read_database"]

_DUCKDB: Final = "duckdb:"
_DUCKDB_FILE: Final = ".duckdb"


def read_database(query: str, url: str) -> pd.DataFrame:
    """Read the rows of a query.

    Args:
        query: Path of a .sql file with one SELECT statement, or the name of a table.
        url: SQLAlchemy's URL of the database, such as `postgresql://user@host/name`, or the file of SQLite or DuckDB.
            DuckDB needs the package `duckdb`. `duckdb://` is an empty database of DuckDB, whose queries read files.

    Raises:
        InvalidInput: If the database or its file is missing, or refuses the query.
        MissingExtra: If the driver is not installed.
    """
    file = Path(query)
    text = None
    if file.suffix.lower() == ".sql":
        if not file.is_file():
            raise InvalidInput(f"there is no file {query!r}; check the path.")
        text = file.read_text("utf-8-sig").strip().rstrip(";")
    if Path(url).suffix.lower() == _DUCKDB_FILE and not url.startswith(_DUCKDB):
        url = f"{_DUCKDB}///{url}"
    url = storage.url_of(url)
    return _of_duckdb(text, query, url) if url.startswith(_DUCKDB) else _of_sqlalchemy(text, query, url)


def _of_duckdb(text: str | None, table: str, url: str) -> pd.DataFrame:
    duckdb = require("duckdb", "a table of DuckDB")
    file = url.removeprefix(_DUCKDB).removeprefix("//").removeprefix("/")
    _check_file(file, url)
    try:
        with duckdb.connect(file or ":memory:", read_only=bool(file)) as connection:
            frame: pd.DataFrame = connection.execute(text or _select(table, _quoted)).df()
    except duckdb.Error as error:
        raise InvalidInput(_refusal(url, error)) from error
    return frame


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _select(table: str, quote: Callable[[str], str]) -> str:
    """Statement that reads a table, by a name such as `orders` or `shop.orders`."""
    return f"SELECT * FROM {'.'.join(map(quote, table.split('.')))}"  # noqa: S608 - the parts of the name are quoted


def _of_sqlalchemy(text: str | None, table: str, url: str) -> pd.DataFrame:
    import pandas as pd
    import sqlalchemy as sql

    try:
        parsed = sql.make_url(url)
        if parsed.get_backend_name() == "sqlite":
            _check_file(parsed.database or "", url)
        if parsed.drivername == "postgresql" and not is_installed("psycopg2"):
            parsed = parsed.set(drivername="postgresql+psycopg")  # the driver of the `postgres` extra
        engine = sql.create_engine(parsed)
    except ModuleNotFoundError as error:
        raise MissingExtra.of(str(error.name), f"the database {mask_password(url)}") from error
    except sql.exc.ArgumentError as error:  # also an unknown kind of database
        raise InvalidInput(f"{mask_password(url)!r} is no URL of a database, such as sqlite:///shop.db.") from error
    query = text or _select(table, engine.dialect.identifier_preparer.quote_identifier)
    try:
        with engine.connect() as connection:  # nothing is committed
            return pd.read_sql_query(query, connection.execution_options(no_parameters=True))
    except (sql.exc.SQLAlchemyError, pd.errors.DatabaseError) as error:
        inner = error.__cause__ if isinstance(error, pd.errors.DatabaseError) else error
        raise InvalidInput(_refusal(url, getattr(inner, "orig", inner))) from error
    finally:
        engine.dispose()


def _check_file(file: str, url: str) -> None:
    """Refuse the missing file of a database, which would otherwise be created."""
    if file not in {"", ":memory:"} and not Path(file).is_file():
        raise InvalidInput(f"there is no database file {file!r}, which {mask_password(url)!r} names; check the path.")


def _refusal(url: str, error: Any) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"{mask_password(url)!r} refuses the query: {lines[0]}"
