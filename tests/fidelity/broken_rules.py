"""Rules of fidelity that break one law each, and the check that must find it."""

from __future__ import annotations

import math
import random
from dataclasses import replace

from seasoned.fidelity import ASHA, Decision, Hyperband, Median, SuccessiveHalving
from seasoned.fidelity.rungs import Rungs
from seasoned.trials import Reported, Suggested

BROKEN = {}
"""Name of the check -> rules that it must find broken, by their names."""


def breaks(check):
    def add(rule):
        BROKEN.setdefault(check, {})[rule.__name__] = rule
        return rule

    return add


class Stopping(ASHA):
    """ASHA as it is, and what its state knows."""

    def __init__(self, **settings):
        super().__init__(**{"max": 27, **settings})


@breaks("check_later_events_change_no_verdict")
class LooksWhenAsked(Stopping):
    """Judges by the rungs as they are when the driver looks, not as they were at the report."""

    def decide(self, state, number, step):
        standing = state.standings[number]
        if not 0 < standing.reached < len(self.levels):
            return Decision.GO_ON
        table = state.table(0, self.levels[standing.reached - 1])
        return Decision.GO_ON if (standing.value, number) in table[: max(1, len(table) // 3)] else Decision.STOP


@breaks("check_later_events_change_no_verdict")
class TakesItBack(Stopping):
    """Lets a trial that it stopped go on once there is a good reason: three times as many have got there."""

    def decide(self, state, number, step):
        found = super().decide(state, number, step)
        if found is Decision.STOP and len(state.table(0, self.levels[0])) > 12:
            return Decision.GO_ON
        return found


@breaks("check_tell_is_associative")
class LooksAhead(Stopping):
    """Judges each report with all those that were read together with it, the later ones too."""

    def tell(self, state, events):
        reported = [event for event in events if isinstance(event, Reported)]
        others = [event for event in events if not isinstance(event, Reported)]
        return super().tell(state, [*(e for e in others if isinstance(e, Suggested)), *reversed(reported), *others])


@breaks("check_tell_is_associative")
class CountsCalls(Stopping):
    """Its state says how often it was told."""

    def tell(self, state, events):
        return replace(super().tell(state, events), first=state.first + 1)


@breaks("check_decisions_are_a_function_of_the_log")
class RemembersElsewhere(Stopping):
    """Keeps what it knows in itself, where a second driver cannot read it."""

    def __init__(self):
        super().__init__()
        object.__setattr__(self, "_seen", {})

    def decide(self, state, number, step):
        self._seen[number] = self._seen.get(number, 0) + 1
        return Decision.STOP if self._seen[number] > 5 and step < self.max else super().decide(state, number, step)


@breaks("check_decisions_are_a_function_of_the_log")
class TossesCoins(Stopping):
    """Lets a few of those that should stop go on, by chance."""

    def decide(self, state, number, step):
        found = super().decide(state, number, step)
        return Decision.GO_ON if found is Decision.STOP and random.random() < 0.3 else found


@breaks("check_decisions_are_a_function_of_the_log")
class IsNotItself(Stopping):
    """Two rules with the same settings are not equal."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__


@breaks("check_states_do_not_change")
class ChangesOldStates(Stopping):
    """Writes into the state that it was given."""

    def tell(self, state, events):
        after = super().tell(state, events)
        state.standings.update(after.standings)
        return after


@breaks("check_asking_is_independent")
class DealsAsTheyCome(Hyperband):
    """Gives out its brackets in the order of the log, which no driver can foresee, instead of by number."""

    def tell(self, state, events):
        for event in events:
            place = len(state.standings)
            state = state.tell([event], lambda _, place=place: self._ladder(place), lambda *_: Decision.GO_ON)
        return state

    def decide(self, state, number, step):
        standing = state.standings[number]
        rung = standing.ladder.levels[max(0, standing.reached - 1)]
        return Decision.STOP if number % 2 and len(standing.ladder.levels) > 3 and rung < self.max else Decision.GO_ON


@breaks("check_asking_is_independent")
class CountsTheAsked(Stopping):
    """Stops nobody before thirty trials have begun, not before thirty have reported."""

    def tell(self, state, events):
        for event in events:
            early = len(state.standings) < 10
            state = state.tell(
                [event],
                lambda _: self._ladder,
                lambda table, entry, early=early: (
                    Decision.GO_ON if early or entry in table[: max(1, len(table) // 3)] else Decision.STOP
                ),
            )
        return state

    @property
    def _ladder(self):
        return Hyperband(max=27)._ladder(0)


@breaks("check_some_trial_completes")
class PromotesNobody(Stopping):
    """Pauses at each rung, for good."""

    def __init__(self):
        super().__init__(promote=True)

    def decide(self, state, number, step):
        found = super().decide(state, number, step)
        return Decision.PAUSE if found is Decision.PROMOTE else found

    def ready(self, state):
        return frozenset()


@breaks("check_some_trial_completes")
class PausesAtTheEnd(Stopping):
    """Lets a trial wait that has reached the last rung, too."""

    def decide(self, state, number, step):
        return Decision.PAUSE if step >= self.max else super().decide(state, number, step)


@breaks("check_some_trial_completes")
class NeedsToBeBetter(Stopping):
    """Of equal trials it lets none go on."""

    def tell(self, state, events):
        return state.tell(events, lambda _: Hyperband(max=27)._ladder(0), self._judge)

    @staticmethod
    def _judge(table, entry):
        others = [value for value, number in table if number != entry[1]]
        return Decision.GO_ON if all(entry[0] < value for value in others) and others else Decision.STOP


@breaks("check_the_best_is_never_stopped")
class StopsTheBest(Stopping):
    """Stops who leads a rung of at least ten."""

    def decide(self, state, number, step):
        standing = state.standings[number]
        if standing.verdict is Decision.GO_ON and 0 < standing.reached < len(self.levels):
            table = state.table(0, self.levels[standing.reached - 1])
            if len(table) >= 10 and table[0][1] == number:
                return Decision.STOP
        return super().decide(state, number, step)


@breaks("check_the_best_is_never_stopped")
class StopsTheBestLate(Stopping):
    """Stops who leads the last rung but one, and only there."""

    def decide(self, state, number, step):
        standing = state.standings[number]
        table = state.table(0, self.levels[-2])
        leads = len(table) > 1 and table[0][1] == number and standing.reached == len(self.levels) - 1
        return Decision.STOP if leads else super().decide(state, number, step)


@breaks("check_the_best_is_never_stopped")
class TakesWorseForBetter(Stopping):
    """Lets the worst third go on."""

    def tell(self, state, events):
        turned = [replace(event, value=-event.value) if isinstance(event, Reported) else event for event in events]
        return super().tell(state, turned)


@breaks("check_the_best_is_never_stopped")
class DropsTheBestOfAGroup(SuccessiveHalving):
    """Of a group it stops the best and promotes the others that it should."""

    def __init__(self):
        super().__init__(max=9)

    def decide(self, state, number, step):
        found = super().decide(state, number, step)
        standing = state.rungs.standings[number]
        if found is Decision.PROMOTE:
            table = state.rungs.table(standing.ladder.bracket, self.levels[standing.reached - 1])
            return Decision.STOP if len(table) > 1 and table[0][1] == number else found
        return found


@breaks("check_nothing_stops_before_the_first_level")
class StopsTooSoon(Median):
    """Compares from the first step on, whatever its `min` says."""

    def __init__(self):
        super().__init__(min=5, max=27)

    def tell(self, state, events):
        return Median(min=1, max=27).tell(state, events)


@breaks("check_stopping_saves")
class StopsNobody(Stopping):
    """Lets all run to the end."""

    def decide(self, state, number, step):
        return Decision.GO_ON


@breaks("check_stopping_saves")
class CompletesTheFirst(Stopping):
    """Lets the first trials complete and stops all others but the best of each rung, to look as if it saved."""

    def decide(self, state, number, step):
        leads = (state.standings[number].value, number) == min(state.table(0, 1))
        return Decision.GO_ON if number in {1, 4} or (leads and step < 3) else Decision.STOP


@breaks("check_not_finite_is_worst")
class TakesNaNForGood(Stopping):
    """Ranks what is not finite first."""

    def tell(self, state, events):
        good = [
            replace(event, value=-9.0) if isinstance(event, Reported) and not math.isfinite(event.value) else event
            for event in events
        ]
        return super().tell(state, good)


@breaks("check_not_finite_is_worst")
class PromotesNaN(Stopping):
    """Promotes a trial of NaN where its rung has no better one to offer."""

    def __init__(self):
        super().__init__(promote=True)

    def decide(self, state, number, step):
        found = super().decide(state, number, step)
        return Decision.PROMOTE if found is Decision.PAUSE and state.standings[number].value == math.inf else found

    def ready(self, state):
        return None


@breaks("check_reports_may_repeat_and_skip")
class CountsRepeats(Median):
    """Takes the latest report of a step, not the first."""

    def __init__(self):
        super().__init__(max=27)

    def tell(self, state, events):
        for event in events:
            state = super().tell(state, [event])
            if isinstance(event, Reported) and event.number in state.curves:
                curve = {**state.curves[event.number], event.step: event.value}
                state = replace(state, curves={**state.curves, event.number: curve})
        return state


@breaks("check_study_that_moved")
class CountsFromZero(Hyperband):
    """Takes the number itself for the place in the study."""

    def __init__(self):
        super().__init__(max=27)

    def init(self, spec):
        return Rungs(0)


@breaks("check_study_that_moved")
class RunsTooFar(Stopping):
    """Sends trials beyond the last level."""

    def budget(self, state, number):
        return self.max + 1


@breaks("check_levels")
class FallingLevels(Stopping):
    """Its levels fall."""

    @property
    def levels(self):
        return (27, 9, 3, 1)


class Keeping(Stopping):
    """Pauses and promotes as it should."""

    def __init__(self):
        super().__init__(promote=True)


@breaks("check_due_is_who_waits_no_longer")
class ForgetsSomeDue(Keeping):
    """Leaves out every second trial that is to be promoted."""

    def ready(self, state):
        return frozenset(number for number in super().ready(state) if number % 2)


@breaks("check_due_is_who_waits_no_longer")
class NamesThoseThatWait(Keeping):
    """Names trials that still wait."""

    def ready(self, state):
        return super().ready(state) | {n for n, s in state.standings.items() if s.verdict is Decision.PAUSE}


@breaks("check_due_is_who_waits_no_longer")
class NamesTheDead(Keeping):
    """Names trials that have ended."""

    def ready(self, state):
        return super().ready(state) | {n for n, s in state.standings.items() if s.ended}
