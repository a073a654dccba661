"""Line charts as small SVG files, with each line's name at its end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 470, 36, 350  # of the plot
SPACING = 14  # between names
STYLE = "font-family:sans-serif;font-size:12px;fill:#222"


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        name: Its label.
        points: Pairs of x and y.
        colour: As SVG has it.
        dashed: Whether it is drawn dashed.
        steps: Whether it keeps its value until the next point.
    """

    name: str
    points: Sequence[tuple[float, float]]
    colour: str = "#222"
    dashed: bool = False
    steps: bool = False


@dataclass(frozen=True)
class Axis:
    """One axis: its title, its ends, the values with a mark, and whether it is logarithmic."""

    title: str
    low: float
    high: float
    marks: Sequence[float]
    log: bool = False

    def place(self, value: float, start: float, end: float) -> float:
        """Where a value lies between two coordinates; values beyond the ends lie at them."""
        scale = math.log if self.log else float
        value = min(self.high, max(self.low, value))
        return start + (end - start) * (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))


def chart(title: str, x: Axis, y: Axis, lines: Sequence[Line]) -> str:
    """The picture, as the text of an SVG file."""
    across, up = (LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">',
        f'<title>{escape(title)}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<g style="{STYLE}">',
        f'<text x="{LEFT}" y="22" font-weight="bold">{escape(title)}</text>',
        f'<text x="{across:g}" y="{BOTTOM + 38}" text-anchor="middle">{escape(x.title)}</text>',
        f'<text transform="translate(16 {up:g}) rotate(-90)" text-anchor="middle">{escape(y.title)}</text>',
        *_marks(x, y),
    ]
    ends = _apart([y.place(line.points[-1][1], BOTTOM, TOP) for line in lines])
    for line, end in zip(lines, ends, strict=True):
        dash = ' stroke-dasharray="5 3"' if line.dashed else ""
        last = x.place(line.points[-1][0], LEFT, RIGHT)
        height = y.place(line.points[-1][1], BOTTOM, TOP)
        parts += [
            f'<path d="{_path(line, x, y)}" fill="none" stroke="{line.colour}" stroke-width="1.8"{dash}/>',
            f'<path d="M{last:.1f} {height:.1f}L{RIGHT + 14} {end:.1f}" stroke="{line.colour}" stroke-width=".6"/>',
            f'<text x="{RIGHT + 18}" y="{end + 4:.1f}" style="fill:{line.colour}">{escape(line.name)}</text>',
        ]
    return "\n".join([*parts, "</g>", "</svg>"]) + "\n"


def _marks(x: Axis, y: Axis) -> list[str]:
    parts = []
    for mark in x.marks:
        at = x.place(mark, LEFT, RIGHT)
        parts.append(f'<path d="M{at:.1f} {TOP}V{BOTTOM}" stroke="#ddd"/>')
        parts.append(f'<text x="{at:.1f}" y="{BOTTOM + 18}" text-anchor="middle">{mark:g}</text>')
    for mark in y.marks:
        at = y.place(mark, BOTTOM, TOP)
        parts.append(f'<path d="M{LEFT} {at:.1f}H{RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{mark:g}</text>')
    return parts


def _path(line: Line, x: Axis, y: Axis) -> str:
    """Lines from point to point; of points at the same height only the corners."""
    places = [(f"{x.place(a, LEFT, RIGHT):.1f}", f"{y.place(b, BOTTOM, TOP):.1f}") for a, b in line.points]
    found = [f"M{places[0][0]} {places[0][1]}"]
    height = places[0][1]
    for place, (across, up) in enumerate(places[1:], start=2):
        if not line.steps:
            found.append(f"L{across} {up}")
        elif up != height or place == len(places):
            found.append(f"H{across}" + (f"V{up}" if up != height else ""))
            height = up
    return "".join(found)


def _apart(heights: Sequence[float]) -> list[float]:
    """Heights of the names: near their lines' ends, without touching, inside the plot."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    found = list(heights)
    for before, after in pairwise(order):
        found[after] = max(found[after], found[before] + SPACING)
    limit = float(BOTTOM)
    for place in reversed(order):
        found[place] = min(found[place], limit)
        limit = found[place] - SPACING
    return found
