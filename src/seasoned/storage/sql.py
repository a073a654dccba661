"""Studies in SQLite or PostgreSQL, shared by any number of processes; one SQL for both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from seasoned.errors import InvalidInput, StorageError, StudyConflict
from seasoned.events import from_text, kind_of, to_text
from seasoned.storage.base import DETACHED, Claim
from seasoned.storage.engine import Connections
from seasoned.storage.tables import SCHEMA_VERSION, claims, drivers, events, metadata, schema, studies
from seasoned.trials import Created, Event, Finished, Spaced

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection, Row

__all__ = ["SqlLog", "SqlStorage"]


class SqlStorage:
    """Studies in a database.

    Args:
        url: `sqlite:///file.db` (made if absent), or `postgresql+psycopg://user@host/name` with the extra `postgres`.

    Raises:
        InvalidInput: If the URL is not understood.
        StorageError: If the database cannot be opened, or was written by a newer version.
    """

    def __init__(self, url: str) -> None:
        self._connections = Connections(url)
        with self._connections.transaction() as connection:
            if not self._connections.is_sqlite:  # "create if absent" is no atomic act there
                connection.execute(text("SELECT pg_advisory_xact_lock(7326776833)"))
            metadata.create_all(connection)
            self._check_version(connection)

    def _check_version(self, connection: Connection) -> None:
        found = connection.execute(select(schema.c.version)).scalar()
        if found is None:
            connection.execute(insert(schema).values(version=SCHEMA_VERSION))
        elif found > SCHEMA_VERSION:
            raise StorageError(
                f"the store {self._connections.url.render_as_string()} has layout {found}, and this version of "
                f"seasoned knows up to {SCHEMA_VERSION}; upgrade seasoned."
            )

    def open(self, name: str, created: Created) -> SqlLog:
        """The log of the study of that name, new or not."""
        if not name or len(name) > 255:
            raise InvalidInput(f"the study name {name!r} has {len(name)} characters; use 1 to 255.")
        with self._connections.transaction() as connection:
            study = connection.execute(select(studies.c.id).where(studies.c.name == name)).scalar()
            if study is None:
                row = {"name": name, "length": 1, "numbers": 0, "finished": 0}
                study = connection.execute(insert(studies).values(row).returning(studies.c.id)).scalar_one()
                connection.execute(insert(events).values(_row(study, 1, created)))
        return SqlLog(self._connections, study)

    def names(self) -> Sequence[str]:
        """The names of all studies, in order of creation."""
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
    """The log of one study in a database; see `EventLog`."""

    def __init__(self, connections: Connections, study: int) -> None:
        self._connections = connections
        self._study = study
        self._insert = sqlite.insert if connections.is_sqlite else postgresql.insert

    def append(self, added: Sequence[Event]) -> Sequence[bool]:
        """Append events in order; see `EventLog`."""
        taken: list[bool] = []
        with self._connections.transaction() as connection:
            length = self._lock(connection).length
            ended: list[int] = []
            for event in added:
                row = _row(self._study, length + 1, event)
                new = connection.execute(self._insert(events).on_conflict_do_nothing(), row).rowcount == 1
                taken.append(new)
                length += new
                if new and isinstance(event, Finished):
                    ended.append(event.number)
            changes = {"length": length, "finished": studies.c.finished + len(ended)}
            connection.execute(update(studies).where(studies.c.id == self._study).values(changes))
            if ended:
                self._end(connection, ended)
        return taken

    def _lock(self, connection: Connection) -> Row[Any]:
        """The study's row, ours until the transaction ends."""
        found = connection.execute(select(studies).where(studies.c.id == self._study).with_for_update()).one_or_none()
        if found is None:
            raise StorageError("the study was deleted while it ran; open it again to start afresh.")
        return found

    def _end(self, connection: Connection, numbers: Sequence[int]) -> None:
        connection.execute(delete(claims).where(claims.c.study == self._study, claims.c.number.in_(numbers)))

    def read(self, since: int = 0) -> Sequence[Event]:
        """The events after the first `since`."""
        wanted = (
            select(events.c.kind, events.c.number, events.c.content)
            .where(events.c.study == self._study, events.c.position > since)
            .order_by(events.c.position)
        )
        with self._connections.transaction(write=False) as connection:
            rows = connection.execute(wanted).all()
        return [from_text(kind, number, content) for kind, number, content in rows]

    def claim(
        self, count: int, driver: str, *, limit: int | None = None, dead: Collection[str] = ()
    ) -> Sequence[Claim]:
        """Reserve trial numbers; see `EventLog`."""
        with self._connections.transaction() as connection:
            study = self._lock(connection)
            taken = self._reclaim(connection, count, driver, dead)
            fresh = count - len(taken)
            if limit is not None:
                fresh = max(0, min(fresh, limit - study.finished - self._held(connection)))
            if fresh:
                numbers = range(study.numbers, study.numbers + fresh)
                rows = [{"study": self._study, "number": n, "driver": driver, "attempt": 1} for n in numbers]
                connection.execute(insert(claims), rows)
                grown = {"numbers": study.numbers + fresh}
                connection.execute(update(studies).where(studies.c.id == self._study).values(grown))
                taken += [Claim(number, 1) for number in numbers]
        return taken

    def _reclaim(self, connection: Connection, count: int, driver: str, dead: Collection[str]) -> list[Claim]:
        """Take over released numbers and those of dead drivers."""
        free = (
            select(claims.c.number, claims.c.driver, claims.c.attempt)
            .where(claims.c.study == self._study, or_(claims.c.driver.is_(None), claims.c.driver.in_(list(dead))))
            .order_by(claims.c.number)
            .limit(count)
        )
        taken = [Claim(row.number, row.attempt + (row.driver is not None)) for row in connection.execute(free).all()]
        for number, attempt in taken:
            here = (claims.c.study == self._study) & (claims.c.number == number)
            connection.execute(update(claims).where(here).values(driver=driver, attempt=attempt))
        return taken

    def _held(self, connection: Connection) -> int:
        attended = or_(claims.c.driver.is_(None), claims.c.driver != DETACHED)
        held = select(func.count()).select_from(claims).where(claims.c.study == self._study, attended)
        return connection.execute(held).scalar_one()

    def renew(self, driver: str) -> Mapping[str, int]:
        """Move the driver's beat; see `EventLog`."""
        mine = {"study": self._study, "driver": driver, "beat": 1}
        moved = self._insert(drivers).on_conflict_do_update(
            index_elements=["study", "driver"], set_={"beat": drivers.c.beat + 1}
        )
        holding = select(claims.c.driver).where(claims.c.study == self._study, claims.c.driver.is_not(None))
        beats = select(drivers.c.driver, drivers.c.beat).where(
            drivers.c.study == self._study, drivers.c.driver.in_(holding)
        )
        with self._connections.transaction() as connection:
            connection.execute(moved, mine)
            return {row.driver: row.beat for row in connection.execute(beats)}

    def release(self, driver: str, numbers: Collection[int] | None = None) -> None:
        """Give numbers back; see `EventLog`."""
        held = (claims.c.study == self._study) & (claims.c.driver == driver)
        with self._connections.transaction() as connection:
            if numbers is None:
                connection.execute(update(claims).where(held).values(driver=None))
                mine = (drivers.c.study == self._study) & (drivers.c.driver == driver)
                connection.execute(delete(drivers).where(mine))
            else:
                connection.execute(update(claims).where(held, claims.c.number.in_(list(numbers))).values(driver=None))


def _row(study: int, position: int, event: Event) -> dict[str, Any]:
    number = None if isinstance(event, Created | Spaced) else event.number
    return {"study": study, "position": position, "kind": kind_of(event), "number": number, "content": to_text(event)}
