"""From curves to figures: pure functions.

A cell is one run as the measures see it: the improvements less the problem's optimum. All figures are of gaps: the best
value so far less the optimum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import rankdata, wilcoxon

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BUDGET = 200
CHECKPOINTS = (25, 50, 100, 200)
TARGETS = tuple(10 ** (2 - step / 5) for step in range(51))  # COCO's: 100, ..., 1e-8
CLIP = (1e-3, 10.0)
FLOOR = 1e-8  # gaps below are equal, as in COCO
COCO = ("bbob5", "bbob10", "mixint5", "mixint10")  # suites whose values COCO's targets are made for
GROUPS = {
    "separable": range(1, 6),
    "moderate": range(6, 10),
    "ill-conditioned": range(10, 15),
    "multi-modal": range(15, 20),
    "weak structure": range(20, 25),
}


@dataclass(frozen=True)
class Cell:
    """One run.

    Attributes:
        gaps: Pairs of evaluation and gap, improvements only; empty for a failed run.
        trials: How long the run was.
        random: Evaluation -> gap of the median of 200 random searches; what a failed run scores.
        error: Why it failed.
    """

    gaps: tuple[tuple[int, float], ...]
    trials: int
    random: Mapping[int, float]
    error: str | None = None

    def at(self, evaluation: int) -> float:
        """The gap after so many evaluations."""
        if self.error is not None:
            return self.random[evaluation]
        best = math.inf
        for place, gap in self.gaps:
            if place > evaluation:
                break
            best = gap
        return best


Key = tuple[str, str]  # suite and problem
Cells = dict[Key, dict[int, Cell]]  # then seed


def area(cell: Cell, budget: int = BUDGET, *, logarithmic: bool = True) -> float:
    """Area under the empirical distribution of run times over COCO's 51 targets, between 0 and 1.

    A target reached at evaluation t contributes 1 - log t / log B, as in COCO's figures, or 1 - (t - 1) / B.
    """
    if cell.error is not None:
        return 0.0
    total = 0.0
    for target in TARGETS:
        reached = next((place for place, gap in cell.gaps if gap <= target and place <= budget), None)
        if reached is not None:
            total += 1 - (math.log(reached) / math.log(budget) if logarithmic else (reached - 1) / budget)
    return total / len(TARGETS)


def common_seeds(all_cells: Sequence[Cells], key: Key, evaluation: int) -> list[int]:
    """Seeds for which all have a run of that length on the problem."""
    seeds = set.intersection(
        *({seed for seed, cell in cells.get(key, {}).items() if cell.trials >= evaluation} for cells in all_cells)
    )
    return sorted(seeds)


def means(cells: Cells, key: Key, seeds: Sequence[int], evaluation: int) -> float:
    """The seed-mean gap."""
    return float(np.mean([cells[key][seed].at(evaluation) for seed in seeds]))


def ratio(cells: Cells, key: Key, seeds: Sequence[int], evaluation: int) -> float:
    """r: the seed-mean gap over random search's on the same instances, clipped."""
    random = float(np.mean([cells[key][seed].random[evaluation] for seed in seeds]))
    found = means(cells, key, seeds, evaluation)
    return min(CLIP[1], max(CLIP[0], found / random)) if random > 0 else CLIP[1]


def geometric(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


def mean_ranks(frameworks: Mapping[str, Cells], keys: Sequence[Key], evaluation: int) -> dict[str, float]:
    """Mean over problems of the rank of the seed-mean gap; 1 is best, equals share their ranks."""
    rows = []
    for key in keys:
        seeds = common_seeds(list(frameworks.values()), key, evaluation)
        rows.append(rankdata([max(FLOOR, means(cells, key, seeds, evaluation)) for cells in frameworks.values()]))
    return dict(zip(frameworks, np.mean(rows, axis=0).tolist(), strict=True))


def versus(ours: Cells, peer: Cells, keys: Sequence[Key], evaluation: int) -> dict[str, Any] | None:
    """Ours against a peer where both ran: wins, two-sided Wilcoxon over problems, ratios, areas."""
    pairs = [(key, common_seeds([ours, peer], key, evaluation)) for key in keys]
    pairs = [(key, seeds) for key, seeds in pairs if seeds]
    if not pairs:
        return None
    a, b = ([max(FLOOR, means(c, key, seeds, evaluation)) for key, seeds in pairs] for c in (ours, peer))
    differences = np.log(a) - np.log(b)
    return {
        "problems": len(pairs),
        "seeds": max(len(seeds) for _, seeds in pairs),
        "wins": int((differences < 0).sum()),
        "losses": int((differences > 0).sum()),
        "p": signed_rank(differences),
        "ours": geometric([ratio(ours, key, seeds, evaluation) for key, seeds in pairs]),
        "theirs": geometric([ratio(peer, key, seeds, evaluation) for key, seeds in pairs]),
        "area": mean_area(ours, pairs, evaluation),
        "their_area": mean_area(peer, pairs, evaluation),
    }


def mean_area(cells: Cells, pairs: Sequence[tuple[Key, Sequence[int]]], budget: int) -> float | None:
    """Mean area up to so many evaluations; None where COCO's targets say nothing."""
    if any(key[0] not in COCO for key, _ in pairs):
        return None
    return float(np.mean([area(cells[key][seed], budget) for key, seeds in pairs for seed in seeds]))


def signed_rank(differences: Any, alternative: str = "two-sided") -> float:
    """The p of the Wilcoxon signed-rank test; 1 if nothing differs."""
    if not np.any(differences):
        return 1.0
    return float(wilcoxon(differences, alternative=alternative).pvalue)


def beats_random(cells: Cells, random: Cells, suite: str) -> dict[str, float]:
    """BBOB's group -> one-sided p that the gap is smaller than a random search's, paired over function instances."""
    found = {}
    for group, numbers in GROUPS.items():
        differences = []
        for number in numbers:
            key = (suite, f"f{number}")
            for seed in common_seeds([cells, random], key, BUDGET):
                ours, theirs = (max(FLOOR, c[key][seed].at(BUDGET)) for c in (cells, random))
                differences.append(math.log(ours) - math.log(theirs))
        if differences:
            found[group] = signed_rank(np.array(differences), "less")
    return found


def reached(cells: Cells, key: Key, target: float, evaluation: int) -> str:
    """How many of the seeds came so close within so many evaluations."""
    runs = [cell for cell in cells.get(key, {}).values() if cell.trials >= evaluation]
    return f"{sum(cell.at(evaluation) < target for cell in runs if cell.error is None)}/{len(runs)}"
