"""Learning by gradient, measured: sinusoids, Omniglot, learned optimisers, hypergradients.

    python benchmarks/metagrad.py --only sinusoid|omniglot|learned|hypergradient [--steps N] [--seeds N] [--out FILE]
    python benchmarks/metagrad.py --only omniglot --metadata FOLDER   # FOLDER/omniglot28 holds images and labels

The result is one JSON object: `sinusoid` -> method -> steps -> mean error, and likewise for the others; beside each the
seeds one by one. XLA runs on one thread here, so that process time is comparable with other libraries'.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ["XLA_FLAGS"] = (  # before JAX is first used
    f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

from common import HERE, alone, write
from metagradient import hypergradient, learned, omniglot, sinusoid

PARTS = ("sinusoid", "omniglot", "learned", "hypergradient")


def main() -> None:
    """Runs the parts asked for and writes their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append", help="a part; may be given more than once")
    parser.add_argument("--steps", type=int, help="meta-steps (outer steps); default: as published for each part")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", help="of the sinusoids; default: all")
    parser.add_argument("--metadata", type=Path, help="the folder with omniglot28")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "metagrad.json")
    given = parser.parse_args()
    parts = given.only or [part for part in PARTS if part != "omniglot" or given.metadata]
    if "omniglot" in parts and given.metadata is None:
        parser.error("omniglot needs --metadata FOLDER, the folder that holds omniglot28")
    result = {}
    with alone():
        for part in parts:
            if part == "sinusoid":
                result |= {**sinusoid.run(given.steps, given.seeds, given.methods)}
            elif part == "omniglot":
                result |= omniglot.run(given.steps, given.seeds, given.metadata / "omniglot28")
            else:
                result |= {"learned": learned, "hypergradient": hypergradient}[part].run(given.steps, given.seeds)
    write(given.out, result)


if __name__ == "__main__":
    main()
