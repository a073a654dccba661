"""The statements of a log, built once: building one costs several times what running it costs.

Bound names: `study` the study's id, `driver` a driver's name, `number` a trial's number, `numbers` and `dead` lists.
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

from seasoned.storage.base import BY_HAND, DETACHED
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
_claims_here: Final = claims.c.study == bindparam("here")  # in updates, a bound name must not be a column's

_attended: Final = and_(claims.c.driver != DETACHED, ~claims.c.driver.startswith(BY_HAND))

LOCK: Final[Select[int, int, int]] = (
    select(studies.c.length, studies.c.numbers, studies.c.finished).where(studies.c.id == _study).with_for_update()
)
"""The study's counters; the row is ours until the transaction ends."""

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
"""The events after a position."""

FREE: Final[Select[int, str, int]] = (
    select(claims.c.number, claims.c.driver, claims.c.attempt)
    .where(
        claims.c.study == _study,
        or_(claims.c.driver.is_(None), claims.c.driver.in_(bindparam("dead", expanding=True))),
    )
    .order_by(claims.c.number)
    .limit(bindparam("count"))
)
"""Numbers to take over, the smallest first."""

TAKE: Final[Update] = (
    update(claims)
    .where(_claims_here, claims.c.number == bindparam("which"))
    .values(driver=bindparam("driver"), attempt=bindparam("attempt"))
)
"""Take a number over."""

HELD: Final[Select[int]] = (
    select(func.count()).select_from(claims).where(claims.c.study == _study, or_(claims.c.driver.is_(None), _attended))
)
"""How many numbers are reserved and not finished, without those that are detached or asked by hand."""

BUSY: Final[Select[int]] = (
    select(func.count())
    .select_from(claims)
    .where(claims.c.study == _study, _attended, ~claims.c.driver.in_(bindparam("dead", expanding=True)))
)
"""How many numbers living drivers run, without those that are detached or asked by hand."""

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
"""Give some numbers back."""

RELEASE_ALL: Final[Update] = (
    update(claims).where(_claims_here, claims.c.driver == bindparam("holder")).values(driver=None)
)
"""Give all numbers back."""

RETIRE: Final[Delete] = delete(drivers).where(drivers.c.study == _study, drivers.c.driver == bindparam("driver"))
"""Forget a driver."""

_holding: Final = select(claims.c.driver).where(claims.c.study == _study, claims.c.driver.is_not(None))

BEATS: Final[Select[str, int]] = select(drivers.c.driver, drivers.c.beat).where(
    drivers.c.study == _study, drivers.c.driver.in_(_holding)
)
"""The beats of all drivers that hold numbers."""


class Dialect(NamedTuple):
    """The two statements that are the same in SQLite and PostgreSQL, but not in SQLAlchemy.

    Attributes:
        append: Insert an event, and return its position, unless its trial has one of the kind already.
        beat: Insert a driver with its first heartbeat, or advance its heartbeat.
    """

    append: ReturningInsert[int]
    beat: Insert

    @staticmethod
    def of(*, is_sqlite: bool) -> Dialect:
        """The statements for one of the two systems."""
        spell = sqlite.insert if is_sqlite else postgresql.insert
        beat = spell(drivers).on_conflict_do_update(
            index_elements=["study", "driver"], set_={"beat": drivers.c.beat + 1}
        )
        return Dialect(spell(events).on_conflict_do_nothing().returning(events.c.position), beat)
