"""Past studies for the tests of experience."""

from __future__ import annotations

import numpy as np

from seasoned.knowledge import PastStudy, PastTrial
from seasoned.knowledge.experience.past_study import Head

__all__ = ["halted", "same", "scored_study", "studies", "study"]


def study(name="a", shift=0.0):
    trials = [PastTrial({"x": x / 10}, (x / 10 - 0.3) ** 2 + shift) for x in range(10)]
    return PastStudy(Head(name, name, "mine"), {}, trials)


def halted():
    """A study in which two trials were stopped; one that failed counts as failed whatever else is said of it."""
    trials = [
        PastTrial({"x": 0.1}, 0.5, 3.0),
        PastTrial({"x": 0.2}, 0.4, 1.0, stopped=True),
        PastTrial({"x": 0.3}, None, 1.0, failed=True, stopped=True),
        PastTrial({"x": 0.4}, 0.6, 3.0),
        PastTrial({"x": 0.5}, 0.45, 0.5, stopped=True),
        PastTrial({"x": 0.6}, 0.7, 3.0),
    ]
    return PastStudy(Head("a", "a", "mine"), {}, trials)


def same(one, other):
    """Equality of two experiences: the same studies, in any order."""
    order = [other.keys.index(key) for key in one.keys]
    other = other.chosen(order)
    arrays = ("metafeatures", "starts", "configurations", "scores", "seconds", "failed", "stopped")
    pairs = [(getattr(one, name), getattr(other, name)) for name in arrays]
    equal = all(np.array_equal(*pair, equal_nan=pair[0].dtype.kind == "f") for pair in pairs)
    numbers = sorted(set(one.configurations.tolist()))
    return one.id == other.id and one.heads == other.heads and equal and one.configs(numbers) == other.configs(numbers)


def scored_study(name="a", scores=(0.5, 0.4, 0.3), **head):
    return PastStudy(Head(name, name, **head), {}, [PastTrial({"x": s / 2}, s) for s in scores])


def studies():
    for task in range(3):
        trials = [PastTrial({"x": row, "name": f"n{row}"}, row / (task + 1), float(row)) for row in range(4)]
        yield PastStudy(Head(f"task {task}", f"f{task}", about={"rows": 10}), {"log_rows": float(task)}, trials)
