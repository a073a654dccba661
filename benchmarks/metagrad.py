"""Learning by gradient, measured: sinusoids, Omniglot, learned optimisers, hypergradients, and speed beside peers.

    python benchmarks/metagrad.py --only sinusoid [--steps N] [--seeds N] [--out FILE]
    python benchmarks/metagrad.py --only omniglot --metadata FOLDER   # FOLDER/omniglot28 holds images and labels
    python benchmarks/metagrad.py --setup --only speed                # makes the peers' environments first

The result is one JSON object: `sinusoid` -> method -> steps -> mean error, and likewise for the others; beside each the
seeds one by one. Without --out each part writes `results/metagrad-PART.json`. Finished runs are kept in --runs and not
measured again, unless --fresh: a benchmark that was cut off goes on. `--background` takes no lock; errors do not depend
on time, and seconds are of the process. XLA runs on one thread here, so that they compare with other libraries'.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path
from typing import Any

os.environ["XLA_FLAGS"] = (  # before JAX is first used
    f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

from common import HERE, alone, write
from metagradient import hypergradient, learned, omniglot, sinusoid, speed
from metagradient.records import Records

PARTS = ("sinusoid", "omniglot", "learned", "hypergradient", "speed")


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append", help="a part; may be given more than once")
    parser.add_argument("--steps", type=int, help="meta-steps (outer steps); default: as published for each part")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", help="of the part; default: all")
    parser.add_argument("--metadata", type=Path, help="the folder with omniglot28")
    parser.add_argument("--runs", type=Path, default=HERE / "results" / "metagrad", help="where finished runs are kept")
    parser.add_argument("--fresh", action="store_true", help="measure all of it again")
    parser.add_argument("--background", action="store_true", help="take no lock")
    parser.add_argument("--block", type=float, default=3.0, help="CPU seconds of a block of `speed`")
    parser.add_argument("--setup", action="store_true", help="make the environments of the peers first")
    parser.add_argument("--out", type=Path, help="one file for all parts asked for")
    given = parser.parse_args()
    given.only = given.only or [part for part in PARTS if part != "omniglot" or given.metadata]
    if "omniglot" in given.only and given.metadata is None:
        parser.error("omniglot needs --metadata FOLDER, the folder that holds omniglot28")
    return given


def measured(part: str, given: argparse.Namespace) -> dict[str, Any]:
    """The figures of one part."""
    records = Records(given.runs / f"{part}.jsonl", fresh=given.fresh)
    if part == "hypergradient":
        return hypergradient.run(given.steps, given.seeds)
    if part == "omniglot":
        return omniglot.run(given.steps, given.seeds, records, given.metadata / "omniglot28", given.methods)
    if part == "speed":
        return speed.run(given.methods, given.metadata and given.metadata / "omniglot28", given.block)
    return {"sinusoid": sinusoid, "learned": learned}[part].run(given.steps, given.seeds, records, given.methods)


def main() -> None:
    """Runs the parts asked for and writes their figures."""
    given = arguments()
    if given.setup:
        speed.setup()
    result: dict[str, Any] = {}
    with contextlib.nullcontext() if given.background else alone():
        for part in given.only:
            found = measured(part, given)
            result |= found
            if given.out is None:
                write(HERE / "results" / f"metagrad-{part}.json", found)
    if given.out is not None:
        write(given.out, result)


if __name__ == "__main__":
    main()
