"""Contract tests of storages, public, for built-in storages and plug-ins.

    @pytest.mark.parametrize("check", STORAGE_CHECKS)
    def test_contract(check, tmp_path):
        check(lambda: MyStorage(tmp_path / "store"))

Each check takes a function that opens an empty storage. A check raises AssertionError with an explanation if the
storage breaks a rule of `storage/base.py`. No test framework is needed.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from seasoned.errors import StudyConflict
from seasoned.space import Choice, Space
from seasoned.space.parameters import Categorical, Float
from seasoned.storage.base import ASK_TELL, DETACHED
from seasoned.trials import (
    Config,
    Created,
    Finished,
    Reassigned,
    Reported,
    SpaceChanged,
    StudySpec,
    Suggested,
    TrialState,
    WarmStart,
)
from seasoned.trials.trial import Remaining

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seasoned.storage.base import EventLog, Storage
    from seasoned.trials import Event

__all__ = ["STORAGE_CHECKS"]

_SPACE: Final = Space(
    x=Float(-1, 1),
    kind=Categorical(["a", 1, 1.0, True, None, ("deep", ("er", 2))]),
    branch=Choice({"ümläut ☃": Space(y=Float(1e-300, 1e300, log=True))}, other=Space()),
    forbidden=[{"kind": [1], "branch": "other"}],
)
_CREATED: Final = Created(
    StudySpec(_SPACE, ("minimize", "maximize"), 2**100, 12, WarmStart((_SPACE.default,), ((0.5,),), (1.5,), (), 0.1))
)


def _open(make: Callable[[], Storage], name: str = "study") -> EventLog:
    return make().open(name, _CREATED)


def _asked(number: int, x: float = 0.5) -> Suggested:
    config = Config({"x": x, "kind": ("deep", ("er", 2)), "branch": {"ümläut ☃": {"y": 1e-300}}})
    return Suggested(number, config, {"particle": [1, 2], "note": 'it\'s "odd"; DROP TABLE --'}, "me")


def _finished(number: int, value: float = 1.0) -> Finished:
    return Finished(number, TrialState.COMPLETE, (value, -value), 0.25)


def check_events_come_back(make: Callable[[], Storage]) -> None:
    """Check that every kind of event, with extreme floats, text and tuples, is read back equal and in order."""
    log = _open(make)
    written: list[Event] = [_asked(0), Reported(0, 3, 0.1 + 0.2), _finished(0, 5e-324), _asked(1, -1.0)]
    written += [Finished(1, TrialState.FAILED, None, None, "it's\nbroken ☠ \\"), SpaceChanged(Space(), 2), _asked(2)]
    written += [Remaining(2, 0.25), Reassigned(2, "you"), Reassigned(2, "you", begun=True)]
    written += [Finished(2, TrialState.PRUNED, None, 1e308)]
    log.append(written[:3])
    log.append(written[3:])
    assert list(log.read()) == [_CREATED, *written], "the log reads back otherwise than it was written."
    assert list(log.read(3)) == written[2:], "reading from a position gives other events."
    assert list(log.read(1 + len(written))) == [], "reading from the end gives events."
    kinds = [type(value) for value in (_CREATED.spec.space.parameters["kind"].choices)]  # type: ignore[union-attr]
    stored = log.read()[0]
    assert isinstance(stored, Created), "a log does not begin with its specification."
    back = [type(value) for value in (stored.spec.space.parameters["kind"].choices)]  # type: ignore[union-attr]
    assert back == kinds, f"categories changed their types from {kinds} to {back}."


def check_the_first_counts(make: Callable[[], Storage]) -> None:
    """Check that a second `Suggested` or `Finished` of a trial is dropped and marked False, also within one call."""
    log = _open(make)
    assert list(log.append([_asked(0), _finished(0, 1.0)])) == [True, True], "first events were dropped."
    assert list(log.append([_finished(0, 2.0), _asked(0), _asked(1), _asked(1)])) == [False, False, True, False]
    assert [event for event in log.read() if isinstance(event, Finished)] == [_finished(0, 1.0)], "a late result won."


def check_numbers_have_no_gaps(make: Callable[[], Storage]) -> None:
    """Check that fresh numbers count up from 0 over all drivers."""
    log = _open(make)
    numbers = [claim.number for driver in "abc" for claim in log.claim(2, driver)]
    assert numbers == list(range(6)), f"the numbers {numbers} have gaps or repeat."
    assert all(claim.attempt == 1 for claim in log.claim(1, "a")), "a fresh number is no first attempt."


def check_limits(make: Callable[[], Storage]) -> None:
    """Check that finished and reserved numbers stay within `limit` and `below`, and detached trials are not counted."""
    log = _open(make)
    assert len(log.claim(5, "a", limit=3)) == 3, "more numbers than the limit."
    assert not log.claim(1, "b", limit=3), "a number beyond the limit."
    log.append([_asked(0), _finished(0)])
    assert not log.claim(1, "b", limit=3), "a finished trial no longer counts."
    assert len(log.claim(2, DETACHED)) == 2, "detached numbers were refused."
    assert [claim.number for claim in log.claim(5, "b", limit=4)] == [5], "detached trials count."
    assert len(log.claim(1, f"{ASK_TELL}|c")) == 1, "a number to be told by hand was refused."
    assert [claim.number for claim in log.claim(5, "b", limit=5)] == [7], "trials asked by hand count."
    assert [claim.number for claim in log.claim(5, "b", below=9)] == [8], "`below` does not bound the numbers."
    assert not log.claim(1, "b", below=3), "a number beyond `below`."


def check_limits_of_what_was_given_back(make: Callable[[], Storage]) -> None:
    """Check that claims of released numbers and of numbers of dead drivers stay within `limit`."""
    log = _open(make)
    log.claim(4, "a")
    log.release("a")
    assert [claim.number for claim in log.claim(5, "b", limit=3)] == [0, 1, 2], "released numbers beyond the limit."
    assert not log.claim(1, "c", limit=3), "a released number beyond the limit."
    assert [claim.number for claim in log.claim(5, "c", limit=4, dead=["b"])] == [0, 1, 2, 3], "the dead count."
    log.append([_asked(0), _finished(0)])
    assert not log.claim(5, "d", limit=4), "a finished trial no longer counts."
    assert [claim.number for claim in log.claim(5, "d", limit=5)] == [4], "a fresh number within the limit is refused."


def check_the_dead_are_replaced(make: Callable[[], Storage]) -> None:
    """Check that numbers of dead drivers go to the next claim, once, as a further attempt, the smallest first."""
    log = _open(make)
    log.claim(3, "dead")
    log.append([_asked(1), _finished(1)])
    assert [tuple(claim) for claim in log.claim(1, "b", dead=["dead"])] == [(0, 2)], "the dead driver keeps its number."
    assert [tuple(claim) for claim in log.claim(2, "c", dead=["dead"])] == [(2, 2), (3, 1)], "a number went twice."
    assert [tuple(claim) for claim in log.claim(1, "d", dead=["c"])] == [(2, 3)], "attempts are not counted."
    assert list(log.append([_asked(0), _finished(0)])) == [True, True], "the dead may still tell, if they are first."
    assert [tuple(claim) for claim in log.claim(1, "e", dead=["b"])] == [(4, 1)], "a finished number was handed out."


def check_release(make: Callable[[], Storage]) -> None:
    """Check that released numbers go to the next claim without a further attempt, and detached numbers never do."""
    log = _open(make)
    log.claim(3, "a")
    log.claim(1, DETACHED)
    log.release("a", [1])
    assert [tuple(claim) for claim in log.claim(1, "b")] == [(1, 1)], "a released number is not handed out."
    log.release("a")
    assert [claim.number for claim in log.claim(3, "b")] == [0, 2, 4], "released numbers do not come first."
    log.release("b", [])
    assert [claim.number for claim in log.claim(1, "c")] == [5], "releasing nothing released something."


def check_beats(make: Callable[[], Storage]) -> None:
    """Check that each renewal advances a heartbeat, and that only drivers with reserved numbers are listed."""
    log = _open(make)
    assert dict(log.renew("idle")) == {}, "a driver without numbers is shown."
    log.claim(1, "busy")
    first = log.renew("busy")["busy"]
    assert log.renew("idle") == {"busy": first}, "another driver's renewal moved the beat."
    assert log.renew("busy")["busy"] > first, "the beat did not move."
    log.release("busy")
    assert dict(log.renew("idle")) == {}, "a released driver is shown."


def check_studies_are_apart(make: Callable[[], Storage]) -> None:
    """Check that studies of one storage share nothing, and that a reopened log keeps its first event."""
    storage = make()
    one, two = storage.open("one", _CREATED), storage.open("two", _CREATED)
    one.append([_asked(0)])
    one.claim(3, "a")
    assert list(two.read()) == [_CREATED], "an event went to another study."
    assert two.claim(1, "a")[0].number == 0, "numbers are shared between studies."
    other = Created(StudySpec(Space(), seed=3))
    assert list(storage.open("one", other).read()) == [_CREATED, _asked(0)], "opening again changed the log."
    assert list(storage.names()) == ["one", "two"], "the names are others."
    storage.delete("one")
    assert list(storage.names()) == ["two"], "a deleted study is still there."
    assert list(storage.open("one", other).read()) == [other], "a deleted study left something behind."
    try:
        storage.delete("none")
    except StudyConflict:
        return
    raise AssertionError("deleting a study that is not there went through.")


def check_threads(make: Callable[[], Storage]) -> None:
    """Check eight concurrent threads: no number twice, no event lost, one order for all readers."""
    log = _open(make)
    taken: list[int] = []

    def drive(driver: str) -> None:
        for _ in range(10):
            (claim,) = log.claim(1, driver)
            log.append([_asked(claim.number)])
            log.append([_finished(claim.number)])
            taken.append(claim.number)

    threads = [threading.Thread(target=drive, args=(f"driver {index}",)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(80)), "a number was handed out twice or never."
    events = log.read()
    assert len(events) == 161, f"{len(events)} events are in the log instead of 161."
    assert list(log.read(80)) == list(events[80:]), "two readers see different orders."


STORAGE_CHECKS: Final[Sequence[Callable[[Callable[[], Storage]], None]]] = (
    check_events_come_back,
    check_the_first_counts,
    check_numbers_have_no_gaps,
    check_limits,
    check_limits_of_what_was_given_back,
    check_the_dead_are_replaced,
    check_release,
    check_beats,
    check_studies_are_apart,
    check_threads,
)
"""All checks, for a parametrised test."""
