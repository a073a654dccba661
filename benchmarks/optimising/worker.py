"""Runs of one framework, in its own environment: one job a line in, one record a line out.

    python worker.py EVALUATOR_PYTHON [METADATA_FOLDER]

A framework's module in `peers/` has `PACKAGES` and a class `Optimiser(space, seed, trials, options)` with `ask()`,
which gives a flat configuration, and `tell(value)`. Of what was found, only improvements are kept.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "peers")]

from service import Service  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

THIN = 1000  # a run of more trials keeps one improvement per tenth of a per cent of its length
CUBE = [{"name": f"x{i}", "type": "float", "low": 0.0, "high": 1.0} for i in range(10)]


def quality(job: dict[str, Any], evaluator: Service) -> dict[str, Any]:
    """The best value so far, by number of evaluations."""
    place = {"op": "open", "suite": job["suite"], "problem": job["problem"], "seed": job["seed"]}
    space = evaluator.ask(place)["space"]
    curve, seconds = search(job, space, lambda config: evaluator.ask({"op": "values", "configs": [config]})[0])
    return {"curve": curve, "sampler_seconds": sum(seconds)}


def speed(job: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds of ask and tell by trial, on 10 coordinates, with an objective that takes no time.

    With `clock` "cpu" they are the process's own: what another process takes from it meanwhile does not count.
    """
    _, seconds = search(job, CUBE, lambda config: sum((value - 0.3) ** 2 for value in config.values()))
    return {"milliseconds": [round(1e3 * second, 4) for second in seconds]}


def search(
    job: dict[str, Any], space: list[dict[str, Any]], f: Callable[[dict[str, Any]], float]
) -> tuple[list[list[float]], list[float]]:
    """Improvements as pairs of evaluation and value, and the seconds of each ask and tell."""
    clock = time.process_time if job.get("clock") == "cpu" else time.perf_counter
    optimiser = importlib.import_module(job["module"]).Optimiser(space, job["seed"], job["trials"], job["options"])
    curve: list[list[float]] = []
    seconds = []
    gap = job["trials"] // 1000 if job["trials"] > THIN else 0
    try:
        for evaluation in range(1, job["trials"] + 1):
            start = clock()
            config = optimiser.ask()
            spent = clock() - start
            value = f(config)
            start = clock()
            optimiser.tell(value)
            seconds.append(spent + clock() - start)
            if not curve or value < curve[-1][1]:
                if len(curve) > 1 and evaluation - curve[-2][0] < gap:
                    curve.pop()
                curve.append([evaluation, value])
    finally:
        if hasattr(optimiser, "close"):
            optimiser.close()
    return curve, seconds


def versions(module: Any) -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in module.PACKAGES}


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a framework prints goes to the log
    evaluator = Service([sys.argv[1], HERE / "evaluator.py", *sys.argv[2:]]) if len(sys.argv) > 1 else None
    for line in sys.stdin:
        job = json.loads(line)
        try:
            found = speed(job) if evaluator is None else quality(job, evaluator)
            answer = {"answer": {**found, "versions": versions(sys.modules[job["module"]])}}
        except Exception as error:  # noqa: BLE001  # whatever a framework raises is its result
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    if evaluator is not None:
        evaluator.close()


if __name__ == "__main__":
    main()
