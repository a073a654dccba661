"""A process that answers for the problems: one JSON request a line in, one JSON answer a line out.

    python evaluator.py [METADATA_FOLDER]

`names`, `instances`: what a suite has. `open`: take up a problem; answers its space. `values`: evaluate.
`reference`: the optimum (if known, else the best of 10^5 random points and of a local search) and, at some numbers of
evaluations, the median over 200 random searches of their best value.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from problems import instances, names, problem
from units import config_at

SEARCHES, EVALUATIONS, POINTS = 200, 200, 100_000
CHECKPOINTS = (25, 50, 60, 100, 200)
ROUNDS, WIDTH, STARTS = 60, 200, 10  # of the local search: rounds, neighbours a round, starts


class Evaluator:
    """Answers requests; holds the problem that was opened last."""

    def __init__(self, metadata: Path | None) -> None:
        self._metadata = metadata
        self._problem: Any = None

    def answer(self, request: dict[str, Any]) -> Any:
        """The answer to one request."""
        match request["op"]:
            case "names":
                return names(request["suite"], self._metadata)
            case "instances":
                return instances(request["suite"], request["seeds"])
            case "open":
                self._problem = problem(request["suite"], request["problem"], request["seed"], self._metadata)
                return {"space": self._problem.space}
            case "values":
                return self._problem.values(request["configs"])
            case "reference":
                return self._reference(request["seed"])
            case operation:
                raise ValueError(f"no such operation: {operation}")

    def _reference(self, seed: int) -> dict[str, Any]:
        rng = np.random.default_rng((2, seed))
        known = self._problem.optimum
        points = rng.random((SEARCHES * EVALUATIONS if known is not None else POINTS, len(self._problem.space)))
        values = np.concatenate([self._at(points[i : i + 10_000]) for i in range(0, len(points), 10_000)])
        best = np.minimum.accumulate(values[: SEARCHES * EVALUATIONS].reshape(SEARCHES, EVALUATIONS), axis=1)
        medians = {str(count): float(np.median(best[:, count - 1])) for count in CHECKPOINTS}
        if known is None:
            starts = np.argsort(values)[:STARTS]
            known = min(self._climb(points[i], values[i], rng) for i in starts)
        return {"optimum": known, "random": medians}

    def _at(self, points: Any) -> Any:
        return np.array(self._problem.values([config_at(self._problem.space, point) for point in points]))

    def _climb(self, point: Any, value: float, rng: np.random.Generator) -> float:
        """Best value of a search that changes a few coordinates, by steps of all sizes."""
        for _ in range(ROUNDS):
            changed = rng.random((WIDTH, len(point))) < 2 / len(point)
            steps = rng.normal(size=changed.shape) * 10.0 ** rng.uniform(-4, 0, (WIDTH, 1))
            near = np.clip(np.where(changed, point + steps, point), 0, 1)
            found = self._at(near)
            if found.min() < value:
                point, value = near[found.argmin()], float(found.min())
        return float(value)


def main() -> None:
    evaluator = Evaluator(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        try:
            answer = {"answer": evaluator.answer(json.loads(line))}
        except Exception as error:  # noqa: BLE001  # the asking process decides
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
