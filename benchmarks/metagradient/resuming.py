"""Meta-training that goes on where it was cut off: its state is saved `PIECES` times on the way."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

from seasoned.metagrad import load_learner
from seasoned.metagrad.loading import LEARNERS

if TYPE_CHECKING:
    from pathlib import Path

    from seasoned.metagrad import MetaLearner

__all__ = ["train"]

PIECES = 40


def train(folder: Path, key: dict[str, Any], learner: MetaLearner, family: Any) -> tuple[MetaLearner, float]:
    """The learner fitted to a family, and the CPU seconds of all calls that it took.

    Args:
        folder: Where the state is kept; nothing is left there at the end.
        key: The run's.
        learner: What is trained; one of a benchmark's own cannot be loaded, and is trained in one go.
        family: Tasks.
    """
    name = hashlib.sha256(f"{key} {learner!r}".encode()).hexdigest()[:16]
    state, clock = folder / f"{name}.npz", folder / f"{name}.json"
    if type(learner).__name__ not in LEARNERS:
        began = time.process_time()
        return learner.fit(family, progress=False), time.process_time() - began
    spent, done, piece = 0.0, 0, max(1, learner.training.steps // PIECES)
    if clock.exists():
        learner, spent = load_learner(state), json.loads(clock.read_text())
        done = int(learner.fitted.state.step)
    while done < learner.training.steps:
        began = time.process_time()
        done = min(done + piece, learner.training.steps)
        learner = learner.fit(family, resume=learner.fitted is not None, stop_at=done, progress=False)
        spent += time.process_time() - began
        folder.mkdir(parents=True, exist_ok=True)
        learner.save(state)
        clock.write_text(json.dumps(spent))
    clock.unlink(missing_ok=True)
    state.unlink(missing_ok=True)
    return learner, spent
