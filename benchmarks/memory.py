"""What fits take in memory beside what is foreseen (`seasoned.tabular.trial.memory_estimate`), family by family.

    python benchmarks/memory.py --out benchmarks/results/memory.json

Each case is a process of its own: random rows, mapped from the disk as in a trial, of which four fifths are trained on
and one is predicted; libraries are loaded beforehand, and what the process's own memory (anonymous pages, looked at
every 3 ms) then grows by at most is the measurement. Few boosting rounds, for they do not take more memory the longer
they go on; forests with 20 and 40 trees. The constants of `memory_estimate.py` are sizes of data structures, looked at
on these very cases and rounded up; the aim, set beforehand, is never below nine tenths and never above four times.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common import HERE, alone, write

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = [
    *((name, *size) for name in ("lightgbm", "xgboost", "histogram", "catboost") for size in (
        (100_000, 50, 2, 0, {"rounds": 15}), (20_000, 400, 0, 0, {"rounds": 15}), (100_000, 20, 10, 5, {"rounds": 5}),
    )),
    *((name, 50_000, *size) for name in ("forest", "extra_trees") for size in (
        (20, 2, 0, {"rounds": 20}), (20, 2, 0, {"rounds": 40}), (10, 0, 0, {"rounds": 20}), (10, 10, 0, {"rounds": 20}),
        (10, 2, 0, {"rounds": 20, "min_samples_leaf": 20}),
    )),
    ("tree", 100_000, 50, 2, 0, {}), ("tree", 200_000, 10, 0, 0, {}),
    *((name, *size) for name, given in (
        ("linear", {}), ("splines", {}), ("neighbours", {}), ("mlp", {"rounds": 1}),
    ) for size in ((100_000, 50, 2, 0, given), (20_000, 400, 0, 0, given), (100_000, 20, 10, 0, given))),
]  # fmt: skip
LEVELS = 30


def child(name: str, rows: int, columns: int, classes: int, levels: int, given: dict[str, Any]) -> dict[str, Any]:
    """In a process of its own: what one fit takes, and what was foreseen."""
    from seasoned.tabular.models._common.base import Job, predict
    from seasoned.tabular.models.registry import find
    from seasoned.tabular.trial.memory_estimate import DataShape, estimate_bytes

    model, task = find(name), "regression" if not classes else "binary" if classes == 2 else "multiclass"
    config = {**model.space(task).default, **given}
    job = Job(task, classes, 0, categorical=tuple(range(levels)))
    rng = np.random.default_rng(0)
    warm, targets = rng.standard_normal((200, 4)), rng.standard_normal(200)
    labels = np.arange(200) % classes if classes else targets
    estimator = model.build(config, Job(task, classes, 0))
    model.fit(estimator, (warm, labels), (warm[:50], labels[:50]), None)
    predict(estimator, warm, classes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        y = make(path, rows, columns, classes, levels)
        X = np.load(path, mmap_mode="r")
        order = rng.permutation(rows)
        train, valid = np.sort(order[rows // 5 :]), np.sort(order[: rows // 5])

        def fit() -> None:
            kept, beside = X[train], X[valid]
            built = model.build(config, job)
            model.fit(built, (kept, y[train]), (beside, y[valid]), None)
            predict(built, beside, classes)

        taken = peak(fit)
    expected = estimate_bytes(name, config, DataShape(len(train), len(valid), columns, classes, levels))
    return {"bytes": taken, "foreseen": expected}


def make(path: Path, rows: int, columns: int, classes: int, levels: int) -> np.ndarray[Any, Any]:
    """Rows on the disk, and their target, which the last two columns tell in part."""
    rng = np.random.default_rng(1)
    matrix = np.lib.format.open_memmap(path, "w+", np.float64, (rows, columns))
    for start in range(0, rows, 20_000):
        part = matrix[start : start + 20_000]
        part[:] = rng.standard_normal(part.shape)
        part[:, :levels] = rng.integers(0, LEVELS, (len(part), levels))
    score = matrix[:, -1] + matrix[:, -2] + rng.standard_normal(rows)
    matrix.flush()
    cuts = np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]) if classes else []
    return np.digitize(score, cuts) if classes else np.array(score)


def peak(work: Callable[[], None]) -> int:
    """Bytes by which this process's own memory grows at most while something works."""
    gc.collect()
    before, highest, over = own_memory(), 0, threading.Event()

    def look() -> None:
        nonlocal highest
        while not over.wait(0.003):
            highest = max(highest, own_memory())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        work()
    finally:
        over.set()
        thread.join()
    return highest - before


def own_memory() -> int:
    """Anonymous pages in memory, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def run(case: tuple[Any, ...]) -> dict[str, Any]:
    """One case in a fresh process."""
    name, rows, columns, classes, levels, given = case
    sizes = {"rows": rows, "columns": columns, "classes": classes, "levels": levels}
    words = [word for option, value in sizes.items() for word in (f"--{option}", str(value))]
    command = [sys.executable, "-W", "ignore", __file__, "child", name, *words, "--config", json.dumps(given)]
    start = time.perf_counter()
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(ended.stdout.splitlines()[-1])
    ratio = found["foreseen"] / found["bytes"]
    print(
        f"{name:12} {rows:>7} x {columns:<4} {found['bytes'] / 1e6:7.0f} MB, foreseen {ratio:.2f} times that",
        flush=True,
    )
    return {"family": name, **sizes, "config": given, **found, "ratio": ratio, "seconds": time.perf_counter() - start}


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("all", "child"), default="all")
    parser.add_argument("name", nargs="?", help="the family of `child`")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--classes", type=int, default=2, help="0 for regression")
    parser.add_argument("--levels", type=int, default=0, help="columns that hold level codes")
    parser.add_argument("--config", type=json.loads, default={}, help="JSON, beside the family's default")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "memory.json")
    options = parser.parse_args(words)
    if options.what == "child":
        given = options.rows, options.columns, options.classes, options.levels, options.config
        print(json.dumps(child(options.name, *given)))
        return
    with alone():
        runs = [run(case) for case in CASES]
    ratios = [one["ratio"] for one in runs]
    write(options.out, {"lowest": min(ratios), "highest": max(ratios), "runs": runs})


if __name__ == "__main__":
    main()
