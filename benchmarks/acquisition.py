"""The learned acquisition against log-EI, on samples of the Gaussian process's prior that training has not seen.

    python benchmarks/acquisition.py --out benchmarks/results/acquisition.json

Trained on 400 problems of 96 points (seed 1), 450 candidates by CMA-ES; judged on 500 others (seed 10001), 20 trials a
search, two of them at random and the same for both. `FILE` gets the mean regret after 5, 10, 15 and 20 trials, in units
of the prior's standard deviation, of both, and their difference with its standard error. Decided before measuring: the
acquisition is switched on in searches only if its regret after 20 trials is at most that of log-EI.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import common
from seasoned.knowledge.acquisition_training import prior_samples, searched, train_acquisition
from seasoned.surrogates.learned_acquisition import Correction

LOOKS = (5, 10, 15, 20)
TRIALS = 20
POINTS = 96
HELD_OUT = (500, 10_001)


def compared(correction: Correction) -> dict[str, dict[str, float]]:
    """Means over the held-out problems."""
    problems = prior_samples(HELD_OUT[0], points=128, seed=HELD_OUT[1])
    nothing = Correction.of_vector(np.zeros(6))
    ours, usual = (searched(problems, one, TRIALS) for one in (correction, nothing))
    found = {}
    for look in LOOKS:
        gap = ours[:, look - 1] - usual[:, look - 1]
        found[str(look)] = {
            "learned": round(float(ours[:, look - 1].mean()), 4),
            "log_ei": round(float(usual[:, look - 1].mean()), 4),
            "difference": round(float(gap.mean()), 4),
            "standard_error": round(float(gap.std(ddof=1) / np.sqrt(len(gap))), 4),
        }
    return found


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=450, help="candidates that training judges")
    parser.add_argument("--problems", type=int, default=400, help="that training searches")
    options = parser.parse_args(words)
    correction = train_acquisition(
        rounds=options.rounds, problems=options.problems, points=POINTS, trials=TRIALS, seed=1
    )
    result = {"held_out": compared(correction), "weights": correction.vector().round(6).tolist()}
    print(result["held_out"])
    common.write(options.out, result)


if __name__ == "__main__":
    main()
