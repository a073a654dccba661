"""A search of one number in three families, and what past tasks say of it."""

from __future__ import annotations

import numpy as np

from seasoned.knowledge.advice.similar_tasks import SimilarTasks
from seasoned.space import Choice, Float, Space
from seasoned.tabular.experience.advice import TaskAdvice, TaskDescription
from seasoned.tabular.search.advised_sampler import AdvisedSampler
from seasoned.tabular.search.family_bandit import FamilyBandit
from seasoned.trials import Finished, StudySpec, Suggested, TrialState, WarmStart

SPACE = Space(
    model=Choice(
        one=Space(x=Float(0, 1, default=0.5)), two=Space(x=Float(0, 1, default=0.5)), three=Space(x=Float(0, 1))
    )
)
DEFAULTS = tuple({"model": {name: dict(space.default)}} for name, space in SPACE.parameters["model"].options.items())
POOL = tuple({"model": {name: {"x": x / 8}}} for name in ("one", "two", "three") for x in range(9))
SCENE = TaskDescription({}, -0.5, "binary", "roc_auc", (1000, 10), 5, "f")
FEATURES = 34


def loss(config, centre=0.8, best="two"):
    """Losses from -0.9 (the best) upwards; -0.5 is what the same prediction for all rows has."""
    ((family, settings),) = config["model"].items()
    return -0.9 + 0.2 * abs(settings["x"] - centre) + (0.0 if family == best else 0.08)


def guide(scores=None, seconds=None, weights=None):
    rng = np.random.default_rng(0)
    if scores is None:
        true = np.array([[loss(config) for config in POOL]])
        scores = (true + 0.01 * rng.normal(size=(20, len(POOL))) + 0.5) / 0.5
    count = len(scores)
    seconds = np.ones_like(scores) if seconds is None else seconds
    weights = np.full(count, 1 / count) if weights is None else weights
    metafeatures = np.full((count, FEATURES), 3.0)  # log10 of 1,000 rows among them
    names = tuple(f"t{number}" for number in range(count))
    recalled = SimilarTasks(
        POOL, scores, seconds, np.zeros(scores.shape, bool), weights, metafeatures, names, {"id": "0"}
    )
    return TaskAdvice(recalled, SCENE, SPACE, 60.0)


def sampler(found=None, *, timed=False):
    first = WarmStart(configurations=DEFAULTS[:1])
    return AdvisedSampler(FamilyBandit(), found or guide(), DEFAULTS, timed, warm_start=first)


def finish(log, number, cost=loss):
    asked = next(event for event in log if isinstance(event, Suggested) and event.number == number)
    if number % 11 == 6:
        return Finished(number, TrialState.FAILED, None, 0.5, "it failed")
    if number % 11 == 8:
        return Finished(number, TrialState.PRUNED, None, 0.5, "it was poor")
    return Finished(number, TrialState.COMPLETE, (cost(asked.config),), 1.0)


def play(found, count, state=None, cost=loss):
    """Two drivers: each trial is asked before the one before it ends."""
    state = found.init(StudySpec(SPACE, seed=3, warm_start=found.warm_start)) if state is None else state
    log = []
    for number in range(count):
        (suggestion,), _ = found.ask(state, [number])
        events = [Suggested(number, suggestion.config, suggestion.tag)]
        if number:
            events.append(finish(log, number - 1, cost))
        state = found.tell(state, events)
        log += events
    return log, state
