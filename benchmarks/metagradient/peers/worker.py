"""Runs one library's loop on demand: a JSON line in (`{"steps": N}`), a JSON line out (process seconds, weights).

python worker.py MODULE PROBLEM.npz
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any

import numpy as np


def load(path: str) -> dict[str, Any]:
    """Settings, weights and tasks."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    return {**json.loads(str(arrays.pop("settings"))), **arrays}


def main() -> None:
    """Builds the loop (compiling included), then serves."""
    module, path = sys.argv[1:]
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer
    loop = importlib.import_module(module).Loop(load(path))
    for line in sys.stdin:
        began = time.process_time()
        loop.advance(json.loads(line)["steps"])
        seconds = time.process_time() - began
        weights = [array.tolist() for array in loop.weights()]
        print(json.dumps({"seconds": seconds, "weights": weights}), file=answers, flush=True)


if __name__ == "__main__":
    main()
