"""Storage in SQLite or PostgreSQL, shared by any number of processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, text

from seasoned.errors import InvalidInput, StorageError, StudyConflict
from seasoned.storage import statements
from seasoned.storage.base import Claim
from seasoned.storage.engine import Connections
from seasoned.storage.schema import SCHEMA_VERSION, events, metadata, schema, studies
from seasoned.storage.statements import Dialect
from seasoned.trials import Created, Event, Finished, SpaceChanged
from seasoned.trials.serialization import from_text, kind_of, to_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection

__all__ = ["SqlLog", "SqlStorage"]


class SqlStorage:
    """Storage of studies in a database.

    Args:
        url: `sqlite:///file.db` (created if absent), or `postgresql+psycopg://user@host/name` with the extra
            `postgres`.

    Raises:
        InvalidInput: If the URL is invalid.
        StorageError: If the database cannot be opened, or was written by a newer version.
    """

    def __init__(self, url: str) -> None:
        self._connections = Connections(url)
        with self._connections.transaction() as connection:
            self._lock(connection)
            metadata.create_all(connection)
            self._check_version(connection)

    def _lock(self, connection: Connection) -> None:
        """Allow one creator at a time: "create if absent" is not atomic in PostgreSQL; SQLite has a single writer."""
        if not self._connections.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(7326776833)"))

    def _check_version(self, connection: Connection) -> None:
        found = connection.execute(select(schema.c.version)).scalar()
        if found is None:
            connection.execute(insert(schema).values(version=SCHEMA_VERSION))
        _check_layout(found, self._connections)

    @property
    def url(self) -> str:
        """URL of the store, with its password."""
        return self._connections.url.render_as_string(hide_password=False)

    def open(self, name: str, created: Created) -> SqlLog:
        """Return the log of the study `name`, created if absent."""
        if not name or len(name) > 255:
            raise InvalidInput(f"the study name {name!r} has {len(name)} characters; use 1 to 255.")
        with self._connections.transaction() as connection:
            self._lock(connection)
            study = connection.execute(select(studies.c.id).where(studies.c.name == name)).scalar()
            if study is None:
                row = {"name": name, "length": 1, "numbers": 0, "finished": 0}
                study = connection.execute(insert(studies).values(row).returning(studies.c.id)).scalar_one()
                connection.execute(insert(events).values(_row(study, 1, created)))
        return SqlLog(self._connections, study)

    def names(self) -> Sequence[str]:
        """Return the names of all studies, in order of creation."""
        with self._connections.transaction(write=False) as connection:
            return list(connection.execute(select(studies.c.name).order_by(studies.c.id)).scalars())

    def delete(self, name: str) -> None:
        """Remove a study."""
        with self._connections.transaction() as connection:
            if connection.execute(delete(studies).where(studies.c.name == name)).rowcount == 0:
                raise StudyConflict(f"there is no study {name!r} in {self._connections.url.render_as_string()}.")

    def close(self) -> None:
        """Close this process's connections."""
        self._connections.close()


class SqlLog:
    """Log of one study in a database; see `EventLog`."""

    def __init__(self, connections: Connections, study: int) -> None:
        self._connections = connections
        self._study = study
        self._dialect = Dialect.of(is_sqlite=connections.is_sqlite)

    def append(self, added: Sequence[Event]) -> Sequence[bool]:
        """Append events in order; see `EventLog`."""
        taken: list[bool] = []
        with self._connections.transaction() as connection:
            length, numbers, finished = self._lock(connection)
            for event in added:
                row = _row(self._study, length + 1, event)
                taken.append(connection.execute(self._dialect.append, row).scalar() is not None)
                length += taken[-1]
                if taken[-1] and isinstance(event, Finished):
                    finished += 1
                    connection.execute(statements.END, {"study": self._study, "number": event.number})
            self._grow(connection, length, numbers, finished)
        return taken

    def _lock(self, connection: Connection) -> tuple[int, int, int]:
        """Return the study's counters (events, numbers, finished), locked until the transaction ends."""
        found = connection.execute(statements.LOCK, {"study": self._study}).one_or_none()
        if found is None:
            raise StorageError("the study was deleted while it ran; open it again to start afresh.")
        return found.length, found.numbers, found.finished

    def _grow(self, connection: Connection, length: int, numbers: int, finished: int) -> None:
        counters = {"study": self._study, "length": length, "numbers": numbers, "finished": finished}
        connection.execute(statements.GROW, counters)

    def read(self, since: int = 0) -> Sequence[Event]:
        """Return the events after the first `since` events."""
        with self._connections.transaction(write=False) as connection:
            rows = connection.execute(statements.READ, {"study": self._study, "since": since}).all()
        return [from_text(kind, number, content) for kind, number, content in rows]

    def claim(
        self,
        count: int,
        driver: str,
        *,
        limit: int | None = None,
        below: int | None = None,
        dead: Collection[str] = (),
    ) -> Sequence[Claim]:
        """Reserve trial numbers; see `EventLog`."""
        with self._connections.transaction() as connection:
            length, numbers, finished = self._lock(connection)
            free = count
            if limit is not None:
                running = {"study": self._study, "dead": list(dead)}
                free = min(free, limit - finished - connection.execute(statements.BUSY, running).scalar_one())
            taken = self._reclaim(connection, free, driver, dead) if free > 0 else []
            fresh = count - len(taken)
            if limit is not None and fresh > 0:
                held = connection.execute(statements.HELD, {"study": self._study}).scalar_one()
                fresh = min(fresh, limit - finished - held)
            if below is not None:
                fresh = min(fresh, below - numbers)
            if fresh > 0:
                added = [Claim(number, 1) for number in range(numbers, numbers + fresh)]
                rows = [{"study": self._study, "driver": driver, **claim._asdict()} for claim in added]
                connection.execute(statements.CLAIM, rows)
                self._grow(connection, length, numbers + fresh, finished)
                taken += added
        return taken

    def _reclaim(self, connection: Connection, count: int, driver: str, dead: Collection[str]) -> list[Claim]:
        """Reserve released numbers and numbers of dead drivers."""
        wanted = {"study": self._study, "dead": list(dead), "count": count}
        free = connection.execute(statements.FREE, wanted).all()
        taken = [Claim(row.number, row.attempt + (row.driver is not None)) for row in free]
        for number, attempt in taken:
            changes = {"here": self._study, "which": number, "driver": driver, "attempt": attempt}
            connection.execute(statements.TAKE, changes)
        return taken

    def renew(self, driver: str) -> Mapping[str, int]:
        """Advance the driver's heartbeat; see `EventLog`."""
        with self._connections.transaction() as connection:
            connection.execute(self._dialect.beat, {"study": self._study, "driver": driver, "beat": 1})
            return {row.driver: row.beat for row in connection.execute(statements.BEATS, {"study": self._study})}

    def release(self, driver: str, numbers: Collection[int] | None = None) -> None:
        """Release numbers; see `EventLog`."""
        holder = {"here": self._study, "holder": driver}
        with self._connections.transaction() as connection:
            if numbers is None:
                connection.execute(statements.RELEASE_ALL, holder)
                connection.execute(statements.RETIRE, {"study": self._study, "driver": driver})
            else:
                connection.execute(statements.RELEASE, {**holder, "which": list(numbers)})


def read_logs(url: str) -> list[tuple[str, Sequence[Event]]]:
    """Return the name and events of every study in a database, in order of creation, without changing the database.

    Raises:
        InvalidInput: If the URL is invalid.
        StorageError: If the database has no tables of studies, or was written by a newer version.
    """
    connections = Connections(url, reads=True)
    try:
        with connections.transaction(write=False) as connection:
            _check_layout(connection.execute(select(schema.c.version)).scalar(), connections)
            known = list(connection.execute(select(studies.c.name, studies.c.id).order_by(studies.c.id)))
        return [(name, SqlLog(connections, study).read()) for name, study in known]
    finally:
        connections.close()


def _check_layout(found: int | None, connections: Connections) -> None:
    if found is not None and found > SCHEMA_VERSION:
        raise StorageError(
            f"the store {connections.url.render_as_string()} has layout {found}, and this version of "
            f"seasoned knows up to {SCHEMA_VERSION}; upgrade seasoned."
        )


def _row(study: int, position: int, event: Event) -> dict[str, Any]:
    number = None if isinstance(event, Created | SpaceChanged) else event.number
    return {"study": study, "position": position, "kind": kind_of(event), "number": number, "content": to_text(event)}
