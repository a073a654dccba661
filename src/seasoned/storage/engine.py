"""Database connections that are safe with many processes, forks, full disks and Ctrl-C.

SQLite uses a WAL journal, so readers never wait; on network disks WAL is unsafe and not used. Every write transaction
takes its lock at the beginning (`BEGIN IMMEDIATE`), because a later upgrade of a lock fails at once under load instead
of waiting.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import signal
import sqlite3
import threading
import time
import weakref
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil
import sqlalchemy
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from seasoned.errors import InvalidInput, MissingExtra, StorageError
from seasoned.storage.url import mask_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from sqlalchemy import Connection, Engine, RootTransaction
    from sqlalchemy.engine import URL

__all__ = ["Connections", "delay_interrupt", "file_of", "store_exists", "url_of"]

_log = logging.getLogger("seasoned.storage")

_SCHEME: Final = re.compile(r"[A-Za-z][\w+.-]+:")  # a single letter is a Windows drive
_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "lustre", "gpfs", "beegfs", "ceph", "cifs", "smb3", "smbfs", "afs", "fuse.sshfs"}
)
_PATIENCE: Final = 60.0  # seconds to wait for a server's answer, and for other writers


class Connections:
    """Transactions on one database, from any thread and from forked processes.

    Args:
        url: A database URL: `sqlite:///file.db`, `postgresql+psycopg://user@host/name`.
        patience: Seconds to wait for a server's answer, or for other writers.
        reads: True to open a SQLite file read-only, which also preserves its journal mode.

    Raises:
        InvalidInput: If the URL is invalid.
        MissingExtra: If the driver is not installed.
        StorageError: If the database cannot be opened.
    """

    def __init__(self, url: str, patience: float = _PATIENCE, *, reads: bool = False) -> None:
        self.url = _parse(url)
        self.patience = patience
        self._reads = reads
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine: Engine | None = None
        self._owner = 0

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[Connection]:
        """Open a transaction: committed at the end of the block, rolled back if the block raises; delays Ctrl-C.

        Raises:
            StorageError: For any error of the database, with its cause and a hint.
        """
        with delay_interrupt():
            try:
                with self._connect().connect() as connection, self._begun(connection, write=write):
                    yield connection
            except DBAPIError as error:
                raise StorageError(self._explain(error)) from error

    def _begun(self, connection: Connection, *, write: bool) -> RootTransaction:
        return connection.execution_options(seasoned_reads=not write).begin()

    def close(self) -> None:
        """Close all connections of this process."""
        if self._engine is not None and self._owner == os.getpid():
            self._engine.dispose()
        self._engine = None

    def _connect(self) -> Engine:
        """Engine of this process; a forked process must not use the connections of its parent."""
        if self._engine is None or self._owner != os.getpid():
            if self._engine is not None:
                self._engine.dispose(close=False)
            self._engine, self._owner = self._create(), os.getpid()
            weakref.finalize(self, _dispose, self._engine, self._owner)
        return self._engine

    def _create(self) -> Engine:
        whole = max(1, round(self.patience))
        wait: dict[str, float] = {"connect_timeout": whole, "tcp_user_timeout": 1000 * whole}
        if self.is_sqlite:
            wait = {"timeout": self.patience}
        own = {name: value for name, value in wait.items() if name not in self.url.query}  # the URL has priority
        options: dict[str, Any] = {"connect_args": own, "pool_pre_ping": not self.is_sqlite}  # a ping finds closed ones
        reads = self.is_sqlite and (self._reads or not is_writable(Path(str(self.url.database))))
        if reads:
            creator = partial(_open_to_read, Path(str(self.url.database)), self.patience)
            options = {"creator": creator, "poolclass": sqlalchemy.pool.NullPool}  # each connection checks for writers
        try:
            engine = sqlalchemy.create_engine(self.url, **options)
        except ModuleNotFoundError as error:
            raise MissingExtra.of(
                error.name or "psycopg", f"the store {mask_password(self.url.render_as_string())}"
            ) from error
        if self.is_sqlite:
            shared = not reads and _lies_on_network(Path(str(self.url.database)))
            if shared:
                _log.info(
                    "%s lies on a network disk, where SQLite's quick journal is not safe: a slower one is used, and "
                    "only for processes of one machine; take PostgreSQL for several.",
                    mask_password(self.url.render_as_string()),
                )
            prepare = _prepare_reader if reads else _sqlite_preparer(self.patience, "delete" if shared else "wal")
            event.listen(engine, "connect", prepare)
            event.listen(engine, "begin", _begin_sqlite)
        else:
            event.listen(engine, "begin", partial(_begin_on_server, f"SET LOCAL lock_timeout = {1000 * whole}"))
        return engine

    def _explain(self, error: DBAPIError) -> str:
        lines = str(error.orig).strip().splitlines()
        cause = lines[0] if lines else type(error.orig).__name__
        hint = "see that the database is reachable and writable"
        if "full" in cause or "No space" in cause:
            hint = "free some disk space and run again: what was stored is safe"
        elif "unable to open" in cause:
            hint = "see that its folder exists and is writable"
        elif "not a database" in cause or "malformed" in cause:
            hint = "the file is damaged or no SQLite database: give another or restore a copy"
        elif "locked" in cause or "lock timeout" in cause:
            hint = f"another program held it for over {self.patience:.0f} s: end that program"
        return f"the store {mask_password(self.url.render_as_string())} failed: {cause}; {hint}."


def _dispose(engine: Engine, owner: int) -> None:
    """Close the idle connections of an engine, in the process that opened them."""
    if owner == os.getpid():
        engine.dispose()


@contextmanager
def delay_interrupt() -> Iterator[None]:
    """Delay the first SIGINT until the end of the block; from the second signal, call its handler at once.

    A Ctrl-C inside a transaction would leave it open as long as its connection is referenced, and the exception's
    traceback references it. So the store would stay locked while the caller cleans up, and no trial could be released.

    Python calls handlers only in the main thread, so the block has no effect in other threads. It also has no effect if
    the signal is ignored or its handler is not a Python function.

    Example:
        >>> reached = []
        >>> try:
        ...     with delay_interrupt():
        ...         signal.raise_signal(signal.SIGINT)
        ...         reached.append("the end of the block")
        ... except KeyboardInterrupt:
        ...     reached.append("the handler")
        >>> reached
        ['the end of the block', 'the handler']
    """
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield
        return
    came: list[tuple[int, FrameType | None]] = []

    def keep(number: int, frame: FrameType | None) -> None:
        came.append((number, frame))
        if len(came) > 1:
            usual(number, frame)

    signal.signal(signal.SIGINT, keep)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if len(came) == 1:
            usual(*came.pop())


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite URL, for any driver and query; None for a server, an invalid URL, and a `file:` URI.

    Example:
        >>> file_of("sqlite:///runs.db?timeout=30").name, file_of("postgresql://me@server/team")
        ('runs.db', None)
    """
    try:
        parsed = sqlalchemy.make_url(url)
    except (ArgumentError, ValueError):
        return None
    named = parsed.database if parsed.get_backend_name() == "sqlite" else None
    return Path(named) if named and not named.startswith("file:") else None  # a URI may contain options


def url_of(place: str | os.PathLike[str]) -> str:
    """Return a database URL unchanged, or the URL of the SQLite file at a path.

    Raises:
        InvalidInput: If the path contains a question mark, which begins the options of a URL.

    Example:
        >>> url_of("runs.db"), url_of("postgresql+psycopg://me@server/team")
        ('sqlite:///runs.db', 'postgresql+psycopg://me@server/team')
    """
    text = os.fspath(place)
    if isinstance(place, str) and _SCHEME.match(text):
        return text
    if "?" in text:
        raise InvalidInput(f"the path {text!r} has a question mark, after which a database reads options; rename it.")
    return f"sqlite:///{text}"


def store_exists(url: str) -> bool:
    """Return True if the store exists; a server is assumed to exist."""
    file = file_of(url)
    return file is None or file.is_file()


def _parse(url: str) -> URL:
    example = "give one such as 'sqlite:///runs.db'"
    try:
        parsed = sqlalchemy.make_url(url)
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError):
        raise InvalidInput(f"storage {mask_password(url)!r} is no database URL; {example}.") from None
    if parsed.drivername == "postgresql" and importlib.util.find_spec("psycopg2") is None:
        parsed = parsed.set(drivername="postgresql+psycopg")  # the driver of the `postgres` extra
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise InvalidInput(f"storage {mask_password(url)!r} is neither SQLite nor PostgreSQL; {example}.")
    if parsed.get_backend_name() == "sqlite":
        if parsed.database in {None, "", ":memory:"}:
            raise InvalidInput(
                f"storage {mask_password(url)!r} would vanish with its connection; {example}, or leave storage out."
            )
        if str(parsed.database).startswith("file:"):
            raise InvalidInput(
                f"storage {mask_password(url)!r} names its file by a URI; give its path, {example[13:]}."
            )
        parsed = parsed.set(database=str(Path(str(parsed.database)).absolute()))  # os.chdir must not move a study
    return parsed


def is_writable(file: Path) -> bool:
    """Return True if this process may write to a file and to its folder (for the journal), or the file is absent."""
    return not file.exists() or (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))


def _open_to_read(file: Path, patience: float) -> sqlite3.Connection:
    """Open a read-only connection. A WAL database without a journal file has no writer, and is read without locks."""
    file = file.resolve()  # journals lie next to the file, not next to a link
    begun = any(file.with_name(file.name + end).exists() for end in ("-wal", "-journal"))
    still = "" if begun or not _is_wal(file) else "&immutable=1"  # a rollback journal exists only during a write
    return sqlite3.connect(f"{file.as_uri()}?mode=ro{still}", uri=True, timeout=patience, check_same_thread=False)


def _prepare_reader(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # as in `_sqlite_preparer`; the journal mode is unchanged


def _is_wal(file: Path) -> bool:
    """Return True if a SQLite file is in WAL mode, whose journal exists as long as any process has the file open."""
    try:
        with file.open("rb") as opened:
            return opened.read(20)[18:] == b"\x02\x02"
    except OSError:  # opening the file reports the cause
        return False


def _lies_on_network(file: Path) -> bool:
    """Return True if a file lies on a network disk."""
    place = file.resolve()
    try:
        mounted = [
            (len(part.mountpoint), part.fstype)
            for part in psutil.disk_partitions(all=True)
            if place.is_relative_to(part.mountpoint)
        ]
    except OSError:  # the system does not list mounted disks
        return False
    return bool(mounted) and max(mounted)[1].lower() in _NETWORK


def _sqlite_preparer(patience: float, journal: str) -> Callable[[Any, object], None]:
    """Function that configures a new connection: journal "wal" is fast, "delete" needs no shared memory."""

    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # _begin_sqlite begins transactions, not the driver
        cursor = connection.cursor()
        try:
            cursor.execute("PRAGMA foreign_keys=ON")
            # NORMAL with WAL is safe against crashes of the process; a power cut may lose the last trials.
            cursor.execute(f"PRAGMA synchronous={'NORMAL' if journal == 'wal' else 'FULL'}")
            if cursor.execute("PRAGMA journal_mode").fetchone()[0] != journal:
                _switch_journal(cursor, journal, patience)
        finally:
            cursor.close()

    return prepare


def _switch_journal(cursor: Any, journal: str, patience: float) -> None:
    """Switch the journal mode with retries, because SQLite does not wait for this lock; "delete" may fail silently."""
    if journal == "delete":
        with suppress(sqlite3.OperationalError):
            cursor.execute("PRAGMA journal_mode=delete")
        return
    deadline = time.monotonic() + patience
    while True:
        try:
            cursor.execute(f"PRAGMA journal_mode={journal}")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_on_server(patience: str, connection: Connection) -> None:
    connection.exec_driver_sql(patience)


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("seasoned_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
