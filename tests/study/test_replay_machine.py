"""State machine of the log: random schedules of drivers, deaths, returning drivers and late results."""

from __future__ import annotations

import shutil
import tempfile

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from seasoned.samplers import Sobol
from seasoned.space import Float, Space
from seasoned.storage import MemoryStorage, SqlStorage
from seasoned.study.replay import Replay
from seasoned.trials import Created, Finished, StudySpec, Suggested, TrialState

SPACE = Space(x=Float(0, 1))
SPEC = StudySpec(SPACE, seed=3)


class LogMachine(RuleBasedStateMachine):
    """Drivers of one study. `holds` is what each driver believes to hold, whatever others think of it."""

    drivers = Bundle("drivers")

    def __init__(self):
        super().__init__()
        self.log = self.open_storage().open("s", Created(SPEC))
        self.started = 0
        self.believed_dead: set[str] = set()
        self.holds: dict[str, set[int]] = {}
        self.held_by: dict[int, str] = {}  # the model: who holds which number
        self.accepted: dict[int, float] = {}  # the model: number -> result that counts
        self.numbers = 0

    def open_storage(self):
        return MemoryStorage()

    @rule(target=drivers)
    def start(self):
        self.started += 1
        name = f"driver {self.started}"
        ledger = Replay(self.log, Sobol(), SPACE)
        self.holds[name] = set()
        return name, ledger

    @rule(driver=drivers, count=st.integers(1, 3), limit=st.none() | st.integers(0, 12))
    def claim(self, driver, count, limit):
        name, before = driver[0], self.numbers
        claims = self.log.claim(count, name, limit=limit, dead=self.believed_dead - {name})
        assert len(claims) <= count
        for number, attempt in claims:
            holder = self.held_by.get(number)
            assert number not in self.accepted, "a finished number was handed out"
            if number == self.numbers:
                assert (holder, attempt) == (None, 1)
                self.numbers += 1
            else:
                assert number < self.numbers, "numbers have a gap"
                assert holder in self.believed_dead | {None}, "a living driver's number was handed out"
            self.held_by[number] = name
            self.holds[name].add(number)
        if limit is not None and claims:
            idle = self.believed_dead - {name} | {None}
            busy = sum(holder not in idle for holder in self.held_by.values())
            assert len(self.accepted) + busy <= limit, "a number beyond the limit"
        if limit is not None and self.numbers > before:
            assert len(self.accepted) + len(self.held_by) <= limit, "a fresh number beyond the limit"

    @rule(driver=drivers)
    def ask(self, driver):
        name, ledger = driver
        ledger.sync()
        ledger.suggest(sorted(self.holds[name]), name)

    @rule(driver=drivers, data=st.data(), value=st.floats(-10, 10))
    def finish(self, driver, data, value):
        """Also a driver that others believe dead comes back and tells."""
        name, ledger = driver
        ledger.sync()
        asked = sorted(number for number in self.holds[name] if number in ledger.history)
        if not asked:
            return
        number = data.draw(st.sampled_from(asked))
        (taken,) = ledger.record([Finished(number, TrialState.COMPLETE, (value,))])
        assert taken == (number not in self.accepted), "the first result counts, and no other"
        self.accepted.setdefault(number, value)
        self.held_by.pop(number, None)
        self.holds[name].discard(number)

    @rule(driver=consumes(drivers))
    def kill(self, driver):
        self.believed_dead.add(driver[0])

    @rule(target=drivers, driver=consumes(drivers))
    def freeze_and_return(self, driver):
        """Others take over what it held; it does not know."""
        self.believed_dead.add(driver[0])
        return multiple(driver)

    @rule(driver=drivers)
    def release(self, driver):
        name, _ = driver
        self.log.release(name)
        for number in [n for n, holder in self.held_by.items() if holder == name]:
            self.held_by[number] = None
        self.holds[name].clear()

    @invariant()
    def the_log_tells_the_truth(self):
        fresh = Replay(self.log, Sobol(), SPACE)
        events = self.log.read()
        asked = [event.number for event in events if isinstance(event, Suggested)]
        assert len(asked) == len(set(asked)), "a trial got two configurations"
        assert len({event.config for event in events if isinstance(event, Suggested)}) == len(asked), (
            "a point came twice"
        )
        told = {trial.number: trial.value for trial in fresh.history if trial.state is TrialState.COMPLETE}
        assert told == self.accepted, "a result was lost, counted twice or overwritten"
        assert fresh.history.finished == len(self.accepted)

    def teardown(self):
        """One last driver finishes all that is open: then nothing is missing."""
        everyone = self.believed_dead | set(self.holds)
        claims = self.log.claim(1000, "last", below=self.numbers, dead=everyone)
        assert {number for number, _ in claims} == set(range(self.numbers)) - set(self.accepted)
        ledger = Replay(self.log, Sobol(), SPACE)
        ledger.suggest([number for number, _ in claims], "last")
        ledger.record([Finished(number, TrialState.COMPLETE, (0.0,)) for number, _ in claims])
        assert [trial.number for trial in ledger.history] == list(range(self.numbers))
        assert ledger.history.finished == self.numbers
        assert not self.log.claim(1, "nobody", limit=self.numbers)


class SqliteLogMachine(LogMachine):
    def open_storage(self):
        self.folder = tempfile.mkdtemp()
        self.storage = SqlStorage(f"sqlite:///{self.folder}/s.db")
        return self.storage

    def teardown(self):
        try:
            super().teardown()
        finally:
            self.storage.close()
            shutil.rmtree(self.folder)


TestMemory = LogMachine.TestCase
TestMemory.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSqlite = SqliteLogMachine.TestCase
TestSqlite.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
