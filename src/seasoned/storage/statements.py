"""SQL statements of a log, built once, because building a statement costs several times its execution.

Bound names: `study` and `here` are the study's id; `driver` and `holder` a driver's name; `number` and `which` a
trial's number (`which` in RELEASE is a list); `dead` is a list of drivers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import (
    BindParameter,
    Delete,
    Insert,
    Select,
    Update,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from seasoned.storage.base import ASK_TELL, DETACHED
from seasoned.storage.schema import claims, drivers, events, studies

if TYPE_CHECKING:
    from sqlalchemy.sql.dml import ReturningInsert

__all__ = [
    "BEATS",
    "BUSY",
    "CLAIM",
    "END",
    "FREE",
    "GROW",
    "HELD",
    "LOCK",
    "READ",
    "RELEASE",
    "RETIRE",
    "TAKE",
    "Dialect",
]

_study: Final[BindParameter[int]] = bindparam("study")
_claims_here: Final = claims.c.study == bindparam("here")  # in updates, a bound name must differ from column names

_attended: Final = and_(claims.c.driver != DETACHED, ~claims.c.driver.startswith(ASK_TELL))

LOCK: Final[Select[int, int, int]] = (
    select(studies.c.length, studies.c.numbers, studies.c.finished).where(studies.c.id == _study).with_for_update()
)
"""Return the study's counters; the row is locked until the transaction ends."""

GROW: Final[Update] = (
    update(studies)
    .where(studies.c.id == _study)
    .values(length=bindparam("length"), numbers=bindparam("numbers"), finished=bindparam("finished"))
)
"""Set the study's counters."""

READ: Final[Select[str, int, str]] = (
    select(events.c.kind, events.c.number, events.c.content)
    .where(events.c.study == _study, events.c.position > bindparam("since"))
    .order_by(events.c.position)
)
"""Return the events after a position."""

FREE: Final[Select[int, str, int]] = (
    select(claims.c.number, claims.c.driver, claims.c.attempt)
    .where(
        claims.c.study == _study,
        or_(claims.c.driver.is_(None), claims.c.driver.in_(bindparam("dead", expanding=True))),
    )
    .order_by(claims.c.number)
    .limit(bindparam("count"))
)
"""Return released numbers and numbers of dead drivers, the smallest first."""

TAKE: Final[Update] = (
    update(claims)
    .where(_claims_here, claims.c.number == bindparam("which"))
    .values(driver=bindparam("driver"), attempt=bindparam("attempt"))
)
"""Assign a number to a driver."""

HELD: Final[Select[int]] = (
    select(func.count()).select_from(claims).where(claims.c.study == _study, or_(claims.c.driver.is_(None), _attended))
)
"""Count the reserved, unfinished numbers, without detached ones and ones of `ask()`."""

BUSY: Final[Select[int]] = (
    select(func.count())
    .select_from(claims)
    .where(claims.c.study == _study, _attended, ~claims.c.driver.in_(bindparam("dead", expanding=True)))
)
"""Count the numbers of living drivers, without detached ones and ones of `ask()`."""

CLAIM: Final[Insert] = insert(claims)
"""Reserve a fresh number."""

END: Final[Delete] = delete(claims).where(claims.c.study == _study, claims.c.number == bindparam("number"))
"""End the lease on a finished number."""

RELEASE: Final[Update] = (
    update(claims)
    .where(
        _claims_here, claims.c.driver == bindparam("holder"), claims.c.number.in_(bindparam("which", expanding=True))
    )
    .values(driver=None)
)
"""Release some numbers of a driver."""

RELEASE_ALL: Final[Update] = (
    update(claims).where(_claims_here, claims.c.driver == bindparam("holder")).values(driver=None)
)
"""Release all numbers of a driver."""

RETIRE: Final[Delete] = delete(drivers).where(drivers.c.study == _study, drivers.c.driver == bindparam("driver"))
"""Delete a driver's heartbeat."""

_holding: Final = select(claims.c.driver).where(claims.c.study == _study, claims.c.driver.is_not(None))

BEATS: Final[Select[str, int]] = select(drivers.c.driver, drivers.c.beat).where(
    drivers.c.study == _study, drivers.c.driver.in_(_holding)
)
"""Return the heartbeats of all drivers with reserved numbers."""


class Dialect(NamedTuple):
    """Statements with equal SQL in SQLite and PostgreSQL, but with different classes in SQLAlchemy.

    Attributes:
        append: Insert an event and return its position, unless the trial already has an event of the kind.
        beat: Insert a driver with its first heartbeat, or advance its heartbeat.
    """

    append: ReturningInsert[int]
    beat: Insert

    @staticmethod
    def of(*, is_sqlite: bool) -> Dialect:
        """Return the statements for SQLite or PostgreSQL."""
        spell = sqlite.insert if is_sqlite else postgresql.insert
        beat = spell(drivers).on_conflict_do_update(
            index_elements=["study", "driver"], set_={"beat": drivers.c.beat + 1}
        )
        return Dialect(spell(events).on_conflict_do_nothing().returning(events.c.position), beat)
