"""The learned acquisition against log-EI, on problems that training has not seen.

    python benchmarks/acquisition.py --out benchmarks/results/acquisition.json

Written down before measuring. A search has so many trials, two of them at random and the same for both.

- *Lessons*: 1,200 samples of the Gaussian process's prior on 96 points (seed 1), searched for 10 and 20 trials, and
  600 problems made of the tasks that ship, without every fourth family (seed 1), 32 of a task's configurations each,
  searched for 8 and 16 trials. 500 candidates by CMA-ES.
- *Exam*, on which the eight best and log-EI are compared: as many others (seed 2).
- *Judged* on 500 samples of the prior on 128 points (seed 10001, on which an earlier acquisition was judged once and
  lost) and on 2,000 fresh ones (seed 20001), with 10, 20 and 40 trials, and on 500 problems made of the families left
  out, with 8 and 16.

`FILE` gets the mean regret at the end, in units of the prior's standard deviation, of both, and their difference with
its standard error. Decided before: searches use this correction unasked only if its regret after 20 trials is at most
that of log-EI on both sets of samples of the prior.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import common
from seasoned.knowledge.experience.evaluations import Evaluations
from seasoned.knowledge.experience.locations import shipped
from seasoned.knowledge.transfer.acquisition_training import (
    LOG_EI,
    prior_samples,
    searched,
    stored_samples,
    train_acquisition,
)
from seasoned.tabular.experience.advice import features_of
from seasoned.tabular.models.registry import choose, joint_space
from seasoned.tabular.trial.configuration import current

if TYPE_CHECKING:
    from seasoned.knowledge.transfer.acquisition_training import Problems
    from seasoned.surrogates.acquisition.learned import Correction

TRIALS = (10, 20, 40)
STORED_TRIALS = (8, 16)
STORED = 32  # configurations of a task's problem
FOURTH = 4


def stored_tasks() -> tuple[list[Evaluations], list[Evaluations]]:
    """The tasks that ship, with those of every fourth family apart: of what came to its end on them."""
    experience = shipped()
    spaces = {sort: joint_space(choose(None), sort) for sort in ("binary", "multiclass", "regression")}
    families = sorted({head.family for head in experience.heads})
    apart = set(families[::FOURTH])
    learned: list[Evaluations] = []
    left_out: list[Evaluations] = []
    for place, head in enumerate(experience.heads):
        own = experience.chosen([place])
        table, space = own.table(), spaces[head.sort]
        adapt = partial(current, space=space)
        configs = own.configs(table.configurations)
        whole = np.isfinite(table.scores[0]) & ~table.stopped[0]
        rows = [
            (found, score)
            for number, score, kept in zip(table.configurations, table.scores[0], whole, strict=True)
            if kept and (found := adapt(configs[int(number)], head.version)) is not None
        ]
        if len(rows) >= STORED:
            points = features_of([config for config, _ in rows], space)
            task = Evaluations(points, np.array([score for _, score in rows]))
            (left_out if head.family in apart else learned).append(task)
    return learned, left_out


def batches(tasks: list[Evaluations], seed: int, prior: int, stored: int) -> list[tuple[Problems, int]]:
    """Problems of both sorts, each with every number of trials."""
    drawn, past = prior_samples(prior, points=96, seed=seed), stored_samples(tasks, stored, points=STORED, seed=seed)
    return [(drawn, trials) for trials in TRIALS[:2]] + [(past, trials) for trials in STORED_TRIALS]


def compared(correction: Correction, problems: Problems, trials: int) -> dict[str, float]:
    """The regret at the end, means over problems."""
    ours, usual = (searched(problems, one, trials)[:, -1] for one in (correction, LOG_EI))
    gap = ours - usual
    return {
        "learned": round(float(ours.mean()), 4),
        "log_ei": round(float(usual.mean()), 4),
        "difference": round(float(gap.mean()), 4),
        "standard_error": round(float(gap.std(ddof=1) / np.sqrt(len(gap))), 4),
    }


def judged(correction: Correction, left_out: list[Evaluations]) -> dict[str, dict[str, dict[str, float]]]:
    """All that is reported."""
    sets = {
        "prior, seed 10001": (prior_samples(500, points=128, seed=10_001), TRIALS),
        "prior, seed 20001": (prior_samples(2_000, points=128, seed=20_001), TRIALS),
        "stored tasks": (stored_samples(left_out, 500, points=STORED, seed=10_001), STORED_TRIALS),
    }
    return {
        name: {str(count): compared(correction, problems, count) for count in trials}
        for name, (problems, trials) in sets.items()
    }


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=500, help="candidates that training judges")
    parser.add_argument("--prior", type=int, default=1_200, help="samples of the prior in the lessons")
    parser.add_argument("--stored", type=int, default=600, help="problems of past tasks in the lessons")
    options = parser.parse_args(words)
    learned, left_out = stored_tasks()
    correction = train_acquisition(
        batches(learned, 1, options.prior, options.stored),
        batches(learned, 2, options.prior, options.stored),
        rounds=options.rounds,
        seed=1,
    )
    found = judged(correction, left_out)
    better = all(
        found[name]["20"]["learned"] <= found[name]["20"]["log_ei"] for name in found if name.startswith("prior")
    )
    weights = correction.vector().round(6).tolist()
    settings = {name: getattr(options, name) for name in ("rounds", "prior", "stored")}
    result: dict[str, Any] = {**settings, "better": better, "judged": found, "weights": weights}
    print(json.dumps(found, indent=1))
    common.write(options.out, result)


if __name__ == "__main__":
    main()
