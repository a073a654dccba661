"""HPO meets gradients, measured: penalties by hypergradient in linear models, and meta-learners tuned by a study.

    python benchmarks/hypertuning.py --only penalties --datasets FOLDER [--splits N] [--tables NAME ...]
    python benchmarks/hypertuning.py --only meta_learner [--steps N] [--seeds N] [--trials N]

Each part writes `results/PART.json` unless --out names another file. Finished runs are kept in --runs and not measured
again, unless --fresh: a benchmark that was cut off goes on. Label cleaning and learning rates that mend
themselves are in `metagrad.py --only hypergradient`. `--background` takes no lock: losses do not depend on time.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path

os.environ["XLA_FLAGS"] = (  # before JAX is first used
    f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

from common import HERE, alone, write
from metagradient import meta_tuning, penalties
from metagradient.records import Records

PARTS = ("penalties", "meta_learner")


def main() -> None:
    """Runs the part asked for and writes its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, required=True)
    parser.add_argument("--datasets", type=Path, help="a folder of tables with manifest.json")
    parser.add_argument("--tables", nargs="+", help="names, for developing; default: the first 20 by name")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--steps", type=int, help="meta-steps of a training")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=15)
    parser.add_argument("--runs", type=Path, default=HERE / "results" / "metagrad", help="where finished runs are kept")
    parser.add_argument("--fresh", action="store_true", help="measure all of it again")
    parser.add_argument("--background", action="store_true", help="take no lock")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.only == "penalties" and given.datasets is None:
        parser.error("penalties needs --datasets FOLDER, a folder of tables with manifest.json")
    name = {"penalties": "penalties", "meta_learner": "meta-tuning"}[given.only]
    records = Records(given.runs / f"{name}.jsonl", fresh=given.fresh)
    with contextlib.nullcontext() if given.background else alone():
        if given.only == "penalties":
            result = penalties.run(given.datasets, given.splits, records, given.tables)
        else:
            result = meta_tuning.run(given.steps, given.seeds, given.trials, records)
    write(given.out or HERE / "results" / f"{name}.json", result)


if __name__ == "__main__":
    main()
