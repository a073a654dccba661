"""The figure of the sinusoids, as in Finn et al. 2017, from `results/metagrad-sinusoid.json`: an SVG of a few kB.

python benchmarks/metagradient/figure.py docs/metagrad-sinusoid.svg
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

RESULT = Path(__file__).parent.parent / "results" / "metagrad-sinusoid.json"
WIDTH, HEIGHT, LEFT, TOP, GAP = 250, 170, 38, 34, 46
COLOURS = {"truth": "#999999", "0": "#8fb8de", "1": "#3d7fc1", "10": "#0b3c6f", "joint": "#d1495b"}
METHODS = {
    "joint": ("joint pre-training", "#d1495b"),
    "maml": ("MAML", "#0b3c6f"),
    "first_order": ("first order", "#3d7fc1"),
    "meta_sgd": ("Meta-SGD", "#2a9d5c"),
    "maml_plus_plus": ("MAML++", "#e08e2b"),
    "anil": ("ANIL", "#7d5ba6"),
    "reptile": ("Reptile", "#777777"),
    "imaml": ("iMAML", "#b98b73"),
}


class Panel:
    """One coordinate system, as SVG elements.

    Args:
        place: Which from the left.
        x: Its range in x.
        y: Its range in y.
        title: What stands above.
    """

    def __init__(self, place: int, x: tuple[float, float], y: tuple[float, float], title: str) -> None:
        self._left, self._x, self._y = LEFT + place * (WIDTH + GAP), x, y
        self.parts = [
            f'<rect x="{self._left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#ccc"/>',
            f'<text x="{self._left + WIDTH / 2}" y="{TOP - 8}" text-anchor="middle">{title}</text>',
        ]

    def _at(self, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        across = (np.asarray(x) - self._x[0]) / (self._x[1] - self._x[0])
        up = (np.asarray(y) - self._y[0]) / (self._y[1] - self._y[0])
        return self._left + WIDTH * across, TOP + HEIGHT * (1 - np.clip(up, 0, 1))

    def ticks(self, x: Any, y: Any, texts: Any = None) -> None:
        """Numbers along the axes; `texts` for y where it is transformed."""
        for value in x:
            across, _ = self._at(value, 0)
            self.parts.append(f'<text x="{across:.0f}" y="{TOP + HEIGHT + 13}" text-anchor="middle">{value}</text>')
        for value, text in zip(y, y if texts is None else texts, strict=True):
            _, up = self._at(0, value)
            self.parts.append(f'<text x="{self._left - 4}" y="{up + 3:.0f}" text-anchor="end">{text}</text>')

    def line(self, x: Any, y: Any, colour: str, dash: str = "") -> None:
        """A line through points."""
        points = " ".join(f"{a:.0f},{b:.1f}" for a, b in zip(*self._at(x, y), strict=True))
        style = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"{style}/>')

    def points(self, x: Any, y: Any) -> None:
        """Triangles, as in the paper."""
        for a, b in zip(*self._at(x, y), strict=True):
            self.parts.append(f'<path d="M{a - 4:.0f} {b + 3:.0f}h8l-4 -7z" fill="#6a2c91"/>')


def legend(place: int, rows: list[tuple[str, str]]) -> list[str]:
    """Names in their colours, below a panel."""
    parts = []
    for number, (name, colour) in enumerate(rows):
        x = LEFT + place * (WIDTH + GAP) + number % 3 * 88
        parts.append(f'<text x="{x}" y="{TOP + HEIGHT + 32 + number // 3 * 14}" fill="{colour}">{name}</text>')
    return parts


def draw(found: dict[str, Any]) -> str:
    """Two test tasks, and the error of all methods by the number of steps."""
    seeds = found["sinusoid_seeds"]
    grid = np.linspace(-5, 5, 61)
    parts: list[str] = []
    for place in range(2):
        panel = Panel(place, (-5, 5), (-5, 5), f"test task {place + 1}: MAML and joint pre-training")
        maml, joint = (seeds[name][0]["examples"][place] for name in ("maml", "joint"))
        waves = np.c_[np.sin(maml["X"]), np.cos(maml["X"])]
        sine, cosine = np.linalg.lstsq(waves, np.array(maml["y"]))[0]
        panel.line(grid, sine * np.sin(grid) + cosine * np.cos(grid), COLOURS["truth"])
        for steps in ("0", "1", "10"):
            panel.line(grid, maml["predicted"][steps], COLOURS[steps], "" if steps == "10" else "4 3")
        panel.line(grid, joint["predicted"]["10"], COLOURS["joint"], "4 3")
        panel.points(maml["X"], maml["y"])
        panel.ticks((-5, 0, 5), (-5, 0, 5))
        parts += panel.parts
        names = {"truth": "truth", "0": "MAML, 0 steps", "1": "1 step", "10": "10 steps", "joint": "joint, 10 steps"}
        parts += legend(place, [(name, COLOURS[key]) for key, name in names.items()])
    curves = Panel(2, (0, 10), tuple(np.log10([0.005, 10])), "mean squared error by steps, mean of the seeds")
    shown = {name: style for name, style in METHODS.items() if name in seeds}
    for name, (_, colour) in shown.items():
        errors = np.mean([np.array(part["curve"], float) for part in seeds[name]], axis=0)
        curves.line(range(11), np.log10(np.nan_to_num(errors, nan=np.inf)), colour)  # what diverged leaves at the top
    marks = (0.01, 0.1, 1, 10)
    curves.ticks((0, 1, 5, 10), np.log10(marks), marks)
    parts += curves.parts + legend(2, list(shown.values()))
    width, height = LEFT + 3 * (WIDTH + GAP), TOP + HEIGHT + 66
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
    return "\n".join([f'{head} font-size="10">', '<rect width="100%" height="100%" fill="#fff"/>', *parts, "</svg>\n"])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(json.loads(RESULT.read_text())))
