"""Promotion at rungs: incremental decisions agree with the plain definitions, on histories of every kind."""

from __future__ import annotations

import math
import random

import pytest

from seasoned import Float, Random, Space, Study
from seasoned.fidelity import ASHA, Decision, Hyperband, SuccessiveHalving
from seasoned.fidelity.rungs import Rungs
from seasoned.storage import MemoryStorage
from seasoned.trials import Config, Finished, Reassigned, Reported, StudySpec, Suggested, TrialState
from study_parts import ledger_of

LINE = Space(x=Float(0, 1))


PROMOTING = {
    "asha": ASHA(max=9, promote=True),
    "asha, eta of 2.5": ASHA(max=30, eta=2.5, promote=True),
    "hyperband": Hyperband(max=9, promote=True),
    "groups": SuccessiveHalving(max=9),
    "small groups": SuccessiveHalving(min=2, max=20, eta=2, size=4),
    "groups that leave one at once": SuccessiveHalving(max=9, size=2),
}


def rungs_of(state):
    return state if isinstance(state, Rungs) else state.rungs


def plainly(rule, state, number, step):
    """The definitions, which look at whole rungs and whole groups."""
    rungs = rungs_of(state)
    standing = rungs.standings[number]
    if step not in standing.steps or standing.verdict is not Decision.PAUSE:
        return standing.verdict
    if isinstance(rule, SuccessiveHalving):
        return in_its_group(rule, rungs, number)
    bracket, levels = standing.ladder
    table = rungs.table(bracket, levels[standing.reached - 1])
    best = table[: int(len(table) / rule.eta)]
    return Decision.PROMOTE if (standing.value, number) in best and standing.value < math.inf else Decision.PAUSE


def in_its_group(rule, rungs, number):
    bracket, levels = rungs.standings[number].ladder
    start = rungs.first + bracket * rule.group
    members = set(range(start, start + rule.group))
    for level in levels[: rungs.standings[number].reached]:
        table = rungs.table(bracket, level)
        ended = {other for other in members if other in rungs.standings and rungs.standings[other].ended}
        if not members <= {other for _, other in table} | ended:
            return Decision.PAUSE
        count = max(1, int(len(members) / rule.eta))
        competing = [entry for entry in table if entry[1] in members]  # whoever skipped a rung is on its table, too
        members = {other for value, other in competing[:count] if value < math.inf}
    return Decision.PROMOTE if number in members else Decision.STOP


def history(rule, seed, first=0, trials=14):
    """Events as many drivers leave them: steps skipped and repeated, trials that fail, diverge, run on unasked."""
    rng = random.Random(seed)
    numbers = list(range(first, first + trials))
    steps = dict.fromkeys(numbers, 0)
    waiting, running = rng.sample(numbers, trials), []
    while waiting or running:
        if waiting and (not running or rng.random() < 0.3):
            running.append(waiting.pop())
            yield Suggested(running[-1], Config())
            continue
        number = rng.choice(running)
        if rng.random() < 0.12 or steps[number] >= rule.max:
            running.remove(number)
            state = rng.choice(list(TrialState)[1:])
            yield Finished(number, state, (0.5,) if state is TrialState.COMPLETE else None)
            continue
        steps[number] = max(0, steps[number] + rng.choice([-1, 1, 1, 1, 2, 3, 9]))
        yield Reported(number, steps[number], rng.choice([rng.random(), rng.random(), 0.25, math.nan, math.inf]))


def agree(rule, state, latest, seen):
    """Assert that the decisions of the state are the plain ones, and that exactly the decided trials are due."""
    plain = {number: plainly(rule, state, number, step) for number, step in latest.items()}
    assert {number: rule.decide(state, number, step) for number, step in latest.items()} == plain
    standings = rungs_of(state).standings
    paused = {number for number in latest if standings[number].verdict is Decision.PAUSE}
    assert rule.ready(state) == {number for number in paused if plain[number] is not Decision.PAUSE}
    seen.update(plain.values())


@pytest.mark.parametrize("name", PROMOTING)
def test_decisions_are_those_of_the_plain_definition_after_every_event(name):
    rule, seen = PROMOTING[name], set()
    for seed in range(40):
        first = seed % 3 * 5
        state, latest = rule.init(StudySpec(Space(), first=first)), {}
        for event in history(rule, seed, first):
            state = rule.tell(state, [event])
            if isinstance(event, Finished):
                latest.pop(event.number, None)
            elif isinstance(event, Reported) and event.step in rungs_of(state).standings[event.number].steps:
                latest[event.number] = event.step
            agree(rule, state, latest, seen)
    wanted = {Decision.PAUSE, Decision.PROMOTE, Decision.GO_ON}
    assert seen == wanted | ({Decision.STOP} if isinstance(rule, SuccessiveHalving) else set())


@pytest.mark.parametrize("name", PROMOTING)
def test_a_log_told_in_parts_leaves_the_same_state(name):
    rule, rng = PROMOTING[name], random.Random(0)
    for seed in range(10):
        log = list(history(rule, seed))
        whole, part = rule.tell(rule.init(StudySpec(Space())), log), rule.init(StudySpec(Space()))
        while log:
            cut = rng.randint(1, 9)
            part, log = rule.tell(part, log[:cut]), log[cut:]
        assert part == whole


@pytest.mark.parametrize("name", PROMOTING)
def test_due_trials_give_the_same_study_as_all_paused_trials(name, monkeypatch):
    def train(config, trial):
        return (config["x"] - 0.3) ** 2 + 1 / trial.budget

    def log():
        study = Study(Space(x=Float(0, 1)), fidelity=PROMOTING[name], sampler=Random(), seed=3)
        study.optimize(train, trials=40)
        told = [event for event in ledger_of(study).log.read() if not isinstance(event, Finished | Suggested)]
        return [event.number if isinstance(event, Reassigned) else event for event in told], [
            (trial.state, trial.error, trial.value) for trial in study.trials
        ]

    kept = log()
    monkeypatch.setattr(type(PROMOTING[name]), "ready", lambda rule, state: None)
    assert log() == kept


def test_promotions_are_decided_from_few_trials(monkeypatch):
    looks = []
    decide = ASHA.decide
    monkeypatch.setattr(ASHA, "decide", lambda *given: looks.append(given) or decide(*given))
    study = Study(Space(x=Float(0, 1)), fidelity=ASHA(max=27, promote=True), sampler=Random(), seed=3)
    study.optimize(lambda config, trial: config["x"] + 1 / trial.budget, trials=300)
    reports = sum(len(trial.reports) for trial in study.trials)
    assert len(looks) < 3 * (300 + reports)  # each paused one was asked at each turn: some 130,000


def stepwise(config, trial):
    for step in range(trial.step + 1, trial.budget + 1):
        trial.report(step, config["x"] + 1.0 / step)
    return config["x"] + 1.0 / trial.budget


@pytest.mark.parametrize("count", [12, 18, 20])
def test_a_resumed_study_promotes_the_trials_that_are_due(count):
    """A trial that was taken over is not given up where all numbers were asked."""

    def ended(storage):
        study = Study.load(storage, "s", sampler=Random(), fidelity=ASHA(max=4, eta=2, promote=True))
        return [(trial.number, trial.state, trial.reports) for trial in study.trials]

    results = []
    for interrupted in (False, True):
        storage = MemoryStorage()
        rule = ASHA(max=4, eta=2, promote=True)
        study = Study(LINE, sampler=Random(), seed=0, storage=storage, name="s", fidelity=rule)
        last = []

        def watched(config, trial, last=last, study=study, interrupted=interrupted):
            if interrupted and not last and len(study.trials) == count and trial.step:
                last.append(trial.number)
                raise KeyboardInterrupt
            return stepwise(config, trial)

        if interrupted:
            with pytest.raises(KeyboardInterrupt):
                study.optimize(watched, trials=count)
            study = Study.load(storage, "s", sampler=Random(), fidelity=rule)
        study.optimize(watched, trials=count)
        results.append(ended(storage))
    assert results[0] == results[1]
