"""Pictures of docs/incontext.md: two moons, the training curve, and regret with and without the network.

    python benchmarks/incontext_figures.py --figures docs/figures --networks FILE.npz [FILE.npz ...] --runs FOLDER

`incontext-moons.svg` has the probability of the second class after 60 rows of scikit-learn's two moons: of the shipped
network, of a random forest and of LightGBM, both with their defaults. `incontext-training.svg` has the loss of networks
of one training on drawn tables that no training draws, by hours of training. `incontext-regret.svg` has the regret of
`Bayes` by trials, with the network and with the Gaussian process, from the runs that `optimisers.py` keeps in a folder:
the gap to the optimum over that of random search after 50 trials, a geometric mean over all problems that both ran, of
COCO, live surrogates and recorded tables.
"""

from __future__ import annotations

import argparse
import json
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.datasets import make_moons
from sklearn.ensemble import RandomForestClassifier

from common import HERE
from optimiser_figures import kept
from optimising.chart import STYLE, Axis, Line, chart
from optimising.measures import CLIP, FLOOR
from optimising.problems import instances
from optimising.summary import cells_of, open_problem
from seasoned.incontext.batches import BUCKETS
from seasoned.incontext.estimators import InContextClassifier
from seasoned.incontext.network import Network
from seasoned.incontext.prior import draw_table
from seasoned.incontext.training import validation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optimising.measures import Cell

ROWS, CELLS, SIDE, GAP = 60, 32, 192, 24  # training rows, cells of a side, pixels of a side and between pictures
LEVELS = 12  # shades
EDGES = (-1.8, 2.8, -1.3, 1.8)  # of the plane: left, right, low, high
BLUE, RED = np.array([11, 95, 165]), np.array([200, 68, 44])
SEEDS, TRIALS = 5, 50  # of the runs
SURROGATES = {
    "seasoned-bayes-log-ei": ("Gaussian process", "#c8452c"),
    "seasoned-bayes-incontext": ("in-context network", "#0b5fa5"),
    "random": ("random search", "#4c4c4c"),
}
MARKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5)


def moons(out: Path) -> None:
    """Write the picture of two moons."""
    X, y = make_moons(ROWS, noise=0.25, random_state=0)
    left, right, low, high = EDGES
    across, up = np.meshgrid(_centres(left, right), _centres(high, low))
    plane = np.column_stack([across.ravel(), up.ravel()])
    models = {
        "in-context network": InContextClassifier(),
        "random forest": RandomForestClassifier(random_state=0),
        "LightGBM": LGBMClassifier(random_state=0, verbose=-1),
    }
    width, height = len(models) * (SIDE + GAP) + GAP, SIDE + 2 * GAP + 10
    title = f"Probability of the second class after {ROWS} rows of two moons"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f'<title>{escape(title)}</title><rect width="{width}" height="{height}" fill="#fff"/><g style="{STYLE}">',
    ]
    for place, (name, model) in enumerate(models.items()):
        share = model.fit(X, y).predict_proba(plane)[:, 1].reshape(CELLS, CELLS)
        parts.append(f'<g transform="translate({GAP + place * (SIDE + GAP)} {GAP + 10})">')
        parts += [f'<text y="-8" font-weight="bold">{escape(name)}</text>', *_shades(share), *_dots(X, y), "</g>"]
    out.write_text("\n".join([*parts, "</g></svg>"]) + "\n", encoding="utf-8")


def _centres(first: float, last: float) -> np.ndarray:
    return first + (np.arange(CELLS) + 0.5) * (last - first) / CELLS


def _shades(share: np.ndarray) -> list[str]:
    """Rectangles of the plane: neighbours of one shade in a row are one rectangle."""
    size, found = SIDE / CELLS, []
    for line, row in enumerate(np.round(share * LEVELS).astype(int)):
        for shade, cells in groupby(enumerate(row), key=lambda cell: cell[1]):
            places = [place for place, _ in cells]
            mixed = BLUE + (RED - BLUE) * shade / LEVELS
            pale = 255 - (255 - mixed) * (0.15 + 0.6 * abs(2 * shade / LEVELS - 1))
            colour = "#" + "".join(f"{round(part):02x}" for part in pale)
            found.append(
                f'<rect x="{places[0] * size:g}" y="{line * size:g}" width="{len(places) * size + 0.3:g}" '
                f'height="{size + 0.3:g}" fill="{colour}"/>'
            )
    return found


def _dots(X: np.ndarray, y: np.ndarray) -> list[str]:
    left, right, low, high = EDGES
    across, up = SIDE * (X[:, 0] - left) / (right - left), SIDE * (high - X[:, 1]) / (high - low)
    colours = ["#{:02x}{:02x}{:02x}".format(*tuple(colour)) for colour in (BLUE, RED)]
    return [
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.6" fill="{colours[label]}" stroke="#fff" stroke-width=".8"/>'
        for a, b, label in zip(across, up, y, strict=True)
    ]


def training(networks: Sequence[Path], out: Path) -> None:
    """Write the picture of the training: loss on drawn tables of no training, by the hours in the cards."""
    points = []
    for path in networks:
        network = Network.load(path)
        check = validation(network.settings, BUCKETS[::3], draw_table)  # the sizes in the log of a training
        points.append((_hours(network.card), check(network.weights)))
    points.sort()
    hours, losses = zip(*points, strict=True)
    x = Axis("hours of training on one core", 0, max(hours), _round_marks(0, max(hours)))
    y = Axis("loss on drawn tables", min(losses), max(losses), _round_marks(min(losses), max(losses)))
    lines = [Line("", points, "#0b5fa5")]
    out.write_text(chart("Training of the network for tables", x, y, lines), encoding="utf-8")


def _hours(card: Mapping[str, Any]) -> float:
    """Hours of a network and of the networks that it began with."""
    return float(card["hours"]) + (_hours(card["began with"]) if "began with" in card else 0.0)


def _round_marks(low: float, high: float) -> list[float]:
    step = next(s for s in (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5) if (high - low) / s <= 8)
    return [round(float(mark), 6) for mark in np.arange(np.ceil(low / step), high / step + 1e-9) * step]


def regret(runs: Path, out: Path) -> None:
    """Write the picture of the regret of both surrogates."""
    peers = HERE / "results" / "peers" / "optimisers"
    records = {name: rows for name, rows in kept([runs, peers], SEEDS).items() if name in SURROGATES}
    suites = sorted({record["suite"] for rows in records.values() for record in rows})
    named = {s: {str(k): v for k, v in instances(s, list(range(SEEDS))).items()} for s in suites}
    cells = cells_of(records, json.loads((peers / "references.json").read_text(encoding="utf-8")), named)
    keys = sorted(set.intersection(*(set(one) for one in cells.values())))
    keys = [key for key in keys if open_problem(cells, key)]
    lines = []
    for name, (label, colour) in SURROGATES.items():
        shares = [[_share(cell, n) for n in range(1, TRIALS + 1)] for key in keys for cell in cells[name][key].values()]
        points = list(enumerate(np.exp(np.mean(np.log(shares), axis=0)).tolist(), 1))
        lines.append(Line(label, [(float(n), value) for n, value in points], colour))
    every = [value for line in lines for _, value in line.points]
    x = Axis("trials", 1, TRIALS, (1, 10, 20, 30, 40, 50))
    y = Axis("gap over random search's after 50 trials", min(every) * 0.9, max(every) * 1.1, MARKS, log=True)
    out.write_text(chart(f"Regret of Bayes by surrogate, {len(keys)} problems", x, y, lines), encoding="utf-8")


def _share(cell: Cell, trials: int) -> float:
    low, high = CLIP
    return min(max(cell.at(trials) / max(cell.random[TRIALS], FLOOR), low), high)


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figures", type=Path, required=True, metavar="FOLDER", help="where the pictures go")
    parser.add_argument("--networks", type=Path, nargs="+", default=[], metavar="FILE", help="networks of one training")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="runs of optimisers.py")
    options: Any = parser.parse_args(words)
    moons(options.figures / "incontext-moons.svg")
    if options.networks:
        training(options.networks, options.figures / "incontext-training.svg")
    if options.runs:
        regret(options.runs, options.figures / "incontext-regret.svg")


if __name__ == "__main__":
    main()
