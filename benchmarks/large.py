"""Large tables: a whole fit of a million rows, and how the seconds of fit's own steps grow with rows and columns.

    python benchmarks/large.py fit --out benchmarks/results/large-fit.json
    python benchmarks/large.py steps --out benchmarks/results/large-steps.json --figures docs/figures
    python benchmarks/large.py draw --out benchmarks/results/large-steps.json --figures docs/figures --clock cpu

`fit`: 1,000,000 rows and 50 columns of float64, two classes, 300 s, all other settings as they are by default but
`experience=None` and `random_state=0`. Said before it was measured: on time means 315 s + 2 s at most for `fit`, and
all processes together, the caller's with its table among them, are to have at most 4 GB (the sum of proportional set
sizes, every 0.2 s). The AUC on 50,000 further rows is reported; nothing is chosen by it.

`steps`: fits with one family that does hardly anything (a stump on one column at a time), so that what remains is ours:
reading the table, schema, fingerprint, folds, column plan, matrices on the disk, meta-features, search, ensemble and
conclusion; then predicting all rows, saving, the report, and the default set of features on the rows of one fold. Rows
go from 10^3 to 10^6 with 50 columns, columns from 10 to 2,000 with 10^4 rows; each size in a process of its own, the
least of `--repeats` for each step. `slope` is that of the logarithm of the seconds over the last tenfold (n log n has
1.06 there); of the processor time of the driver, which does not depend on who else is at work, beside the wall clock.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common import HERE, alone, write
from comparison.watch import watch
from optimising.chart import Axis, Line, chart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

ROWS = (1_000, 10_000, 100_000, 1_000_000)
COLUMNS = (10, 50, 200, 500, 2_000)
USUAL_ROWS, USUAL_COLUMNS = 10_000, 50
FRESH = 50_000
TRIALS = 4
COLOURS = ("#0b5fa5", "#c8452c", "#2a8a57", "#8a4fb0", "#b8860b", "#00868b", "#d0578f", "#4c4c4c", "#5c6bc0", "#7d5a3c")
MARK = "RESULT "
SPARING = 5.0  # times what a look at the memory took, until the next one: a copy of the table is there for seconds

Seconds = dict[str, tuple[float, float]]


def table(rows: int, columns: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Standard normal columns, and classes that ten of them tell with an AUC of about .9, not linearly."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, columns))
    a = X[:, :10]
    score = a[:, 0] * a[:, 1] + np.sin(2 * a[:, 2]) + a[:, 3] + 0.5 * np.abs(a[:, 4]) + 0.3 * a[:, 5:].sum(axis=1)
    return X, (score + rng.standard_normal(rows) > np.median(score)).astype(np.int64)


# ------------------------------------------------------------------------------------------------ a whole fit


def whole_fit(rows: int, columns: int, seconds: float) -> dict[str, Any]:
    """In the child: fit, and what came of it."""
    from sklearn.metrics import roc_auc_score

    from seasoned import AutoClassifier

    X, y = table(rows, columns, 0)
    start = time.perf_counter()
    model = AutoClassifier(time_limit=seconds, experience=None, random_state=0).fit(X, y)
    spent = time.perf_counter() - start
    fresh, truth = table(FRESH, columns, 1)
    before = time.perf_counter()
    auc = roc_auc_score(truth, model.predict_proba(fresh)[:, 1])
    predicting = (time.perf_counter() - before) / FRESH
    board = model.leaderboard()
    told = [[str(row.model), str(row.state), _number(row.roc_auc), _number(row.weight)] for row in board.itertuples()]
    failed = [[str(row.model), str(row.error)] for row in model.failures().itertuples()]
    return {"fit_seconds": spent, "auc": auc, "predict_ms": 1_000 * predicting, "trials": told, "failed": failed}


def _number(value: Any) -> float | None:
    """None where a trial has none."""
    return None if value is None or math.isnan(value) else float(value)


def measure_fit(options: argparse.Namespace) -> dict[str, Any]:
    """In the parent: run the child, watch its memory."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        words = ["child-fit", "--rows", options.rows, "--columns", options.columns, "--seconds", options.seconds]
        command = [sys.executable, str(Path(__file__).resolve()), *map(str, words)]
        surroundings = {**os.environ, "SEASONED_CACHE": folder}
        ended = watch(command, env=surroundings, log=log, limit=4 * options.seconds + 600, sparing=SPARING)
        text = log.read_text(errors="replace")
    found = next((json.loads(line[len(MARK) :]) for line in text.splitlines() if line.startswith(MARK)), None)
    if found is None:  # what it took until then is a result, too
        print(f"the fit ended with {ended.code}:\n{text[-3000:]}", file=sys.stderr)
        found = {"fit_seconds": ended.seconds, "failed_with": ended.code, "last_words": text[-300:]}
    limit = options.seconds
    return {
        "what": f"{options.rows} x {options.columns} float64, {limit:g} s",
        **found,
        "on_time": "failed_with" not in found and found["fit_seconds"] <= 1.05 * limit + 2,
        "peak_bytes": ended.peak_bytes,
        "in_memory": ended.peak_bytes <= 4e9,
        "other_cores": ended.others,
    }


# ------------------------------------------------------------------------------------------------ own steps


class Clock:
    """Wall clock and processor time by step; a step within another one counts for itself alone."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = defaultdict(float)
        self.cpu: dict[str, float] = defaultdict(float)
        self._inner: list[list[float]] = []

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """What runs inside counts for this step."""
        wall, cpu = time.perf_counter(), time.process_time()
        self._inner.append([0.0, 0.0])
        try:
            yield
        finally:
            spent = time.perf_counter() - wall, time.process_time() - cpu
            inner = self._inner.pop()
            self.wall[name] += spent[0] - inner[0]
            self.cpu[name] += spent[1] - inner[1]
            if self._inner:
                self._inner[-1][0] += spent[0]
                self._inner[-1][1] += spent[1]

    def watch(self, owner: Any, name: str, step: str) -> None:
        """From now on the function of this name counts for a step."""
        function = getattr(owner, name)

        @functools.wraps(function)
        def timed(*args: Any, **options: Any) -> Any:
            with self.step(step):
                return function(*args, **options)

        setattr(owner, name, staticmethod(timed) if isinstance(owner, type) else timed)


def watched() -> Clock:
    """A clock on the steps of `fit`, by the names under which it calls them."""
    from seasoned.tabular import estimator
    from seasoned.tabular.experience.record import ExperienceRecorder
    from seasoned.tabular.fit import description, fit_table, plan
    from seasoned.tabular.schema.schema import Schema
    from seasoned.tabular.search import search

    clock = Clock()
    for name in ("to_frame", "read_target", "warn_of_order"):
        clock.watch(estimator, name, "reading")
    clock.watch(Schema, "infer", "schema")
    for module, name, step in (
        (description, "warn_of_leaks", "schema"), (description, "fingerprint", "fingerprint"),
        (plan, "make_folds", "folds"), (plan, "_column_plan", "column plan"), (plan, "_write", "matrices"),
        (fit_table, "search", "search"), (fit_table, "finalize", "conclusion"),
    ):  # fmt: skip
        clock.watch(module, name, step)
    clock.watch(search, "choose_members", "ensemble")
    clock.watch(ExperienceRecorder, "of", "meta-features")
    return clock


def own_steps(rows: int, columns: int) -> dict[str, Any]:
    """In the child: the seconds of each step."""
    from sklearn.tree import DecisionTreeClassifier

    from seasoned import AutoClassifier, CustomModel, Float, SearchSettings, Space

    X, y = table(rows, columns, 0)
    clock = watched()
    stump = DecisionTreeClassifier(max_depth=1, max_features=1)
    family = CustomModel("stump", stump, Space(min_impurity_decrease=Float(0, 1e-6)), diet="codes")
    search = SearchSettings(models=[family], features=[])  # what these take is measured by itself
    model = AutoClassifier(trials=TRIALS, time_limit=None, experience="shipped", random_state=0, search=search)
    with clock.step("fit, the rest"):
        model.fit(X, y)
    with tempfile.TemporaryDirectory() as folder:
        with clock.step("predict"):
            model.predict_proba(X)
        with clock.step("save"):
            model.save(Path(folder) / "model.seasoned")
        with clock.step("report"):
            model.report(Path(folder) / "report.html")
    with clock.step("features"):
        features(model, X, y)
    peak = max(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return {"wall": clock.wall, "cpu": clock.cpu, "peak_bytes": peak * 1024}


def features(model: Any, X: NDArray[np.float64], y: NDArray[np.int64]) -> None:
    """The default set of features, fitted on four fifths of the rows."""
    from seasoned.tabular.features.base import Given, Rows
    from seasoned.tabular.features.pipeline import STEPS, choose_steps, fit_features, target_columns

    plan = model.fitted_.plan
    steps = [name for name in choose_steps("all") if name in STEPS]
    chosen = {"made": {**dict.fromkeys(steps, True), "columns": 20}}
    train = np.random.default_rng(0).permutation(len(X))[: 4 * len(X) // 5]
    codes = X[train]
    fit_features(
        chosen,
        Rows(Given(codes), frozenset(plan.categorical), target_columns(y[train], 2), None, 0, ()),
        codes,
        "codes",
    )


def measure_steps(options: argparse.Namespace) -> dict[str, Any]:
    """In the parent: every size in a process of its own."""
    sizes = [(rows, USUAL_COLUMNS) for rows in ROWS if rows <= options.most_rows]
    sizes += [(USUAL_ROWS, columns) for columns in COLUMNS if columns != USUAL_COLUMNS]
    runs: list[dict[str, Any]] = []
    for rows, columns in sizes:
        found = [child(rows, columns) for _ in range(options.repeats)]
        least = {
            clock: {name: min(one[clock][name] for one in found) for name in found[0][clock]}
            for clock in ("wall", "cpu")
        }
        runs.append({"rows": rows, "columns": columns, **least, "peak_bytes": min(one["peak_bytes"] for one in found)})
        total = sum(least["wall"].values())
        print(f"{rows:>9,} x {columns:<5} {total:7.2f} s, {runs[-1]['peak_bytes'] / 1e6:.0f} MB", flush=True)
    return {"repeats": options.repeats, "trials": TRIALS, "slopes": slopes(runs), "runs": runs}


def child(rows: int, columns: int) -> dict[str, Any]:
    """What `own_steps` finds in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["child-steps", "--rows", str(rows), "--columns", str(columns)]
        ended = subprocess.run(
            [sys.executable, str(Path(__file__).resolve()), *words],
            env={**os.environ, "SEASONED_CACHE": folder},
            check=True,
            capture_output=True,
            text=True,
        )
    line = next(line for line in ended.stdout.splitlines() if line.startswith(MARK))
    found: dict[str, Any] = json.loads(line[len(MARK) :])
    return found


def slopes(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Step -> the exponents of rows and columns at the large end, by wall clock and by processor time."""
    by_rows = sorted((run for run in runs if run["columns"] == USUAL_COLUMNS), key=lambda run: run["rows"])[-2:]
    by_columns = [run for run in runs if run["rows"] == USUAL_ROWS and run["columns"] in {200, 2_000}]
    found: dict[str, Any] = {}
    for name in runs[0]["wall"]:
        found[name] = {
            f"{axis}, {clock}": round(_slope(pair, axis, clock, name), 2)
            for axis, pair in (("rows", by_rows), ("columns", by_columns))
            for clock in ("wall", "cpu")
            if len(pair) == 2
        }
    return found


def _slope(pair: Sequence[Mapping[str, Any]], axis: str, clock: str, name: str) -> float:
    one, other = (max(run[clock][name], 1e-4) for run in pair)
    return math.log(other / one) / math.log(pair[1][axis] / pair[0][axis])


def draw(result: Mapping[str, Any], folder: Path, clock: str) -> None:
    """Two figures: seconds of each step against rows, and against columns."""
    folder.mkdir(parents=True, exist_ok=True)
    for axis, other, usual in (("rows", "columns", USUAL_COLUMNS), ("columns", "rows", USUAL_ROWS)):
        runs = sorted((run for run in result["runs"] if run[other] == usual), key=lambda run: run[axis])
        names = sorted(runs[-1][clock], key=lambda name: -runs[-1][clock][name])[: len(COLOURS)]
        lines = [
            Line(name, [(run[axis], max(run[clock][name], 1e-3)) for run in runs], COLOURS[place])
            for place, name in enumerate(names)
        ]
        top = max(run[clock][name] for run in runs for name in names)
        marks = [10.0**power for power in range(-3, 4) if 10.0**power <= 2 * top]
        x = Axis(axis, runs[0][axis], runs[-1][axis], [run[axis] for run in runs], log=True)
        y = Axis(
            "seconds" if clock == "wall" else "seconds of processor time", 1e-3, max(2 * top, 1.0), marks, log=True
        )
        title = f"Own steps of a fit: {usual:,} {other}"
        (folder / f"large-{axis}.svg").write_text(chart(title, x, y, lines))


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("fit", "steps", "draw", "child-fit", "child-steps"))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--most-rows", type=int, default=max(ROWS), help="largest number of rows of `steps`")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="of the figures")
    parser.add_argument("--out", type=Path, help="where the result goes")
    parser.add_argument("--figures", type=Path, metavar="FOLDER", help="where the figures go; none if left out")
    options = parser.parse_args(words)
    if options.what == "child-fit":
        print(MARK + json.dumps(whole_fit(options.rows, options.columns, options.seconds)))
        return
    if options.what == "child-steps":
        print(MARK + json.dumps(own_steps(options.rows, options.columns)))
        return
    if options.what == "draw":
        draw(json.loads(options.out.read_text()), options.figures, options.clock)
        return
    with alone():
        result = measure_fit(options) if options.what == "fit" else measure_steps(options)
    name = "large-fit.json" if options.what == "fit" else "large-steps.json"
    write(options.out or HERE / "results" / name, result)
    if options.figures and options.what == "steps":
        draw(result, options.figures, options.clock)


if __name__ == "__main__":
    main()
