"""Plotly specifications of figures: plain dicts for plotly.js with a common style.

Colours of text and lines come from the page's style sheet, so one figure works in light, dark and print. Marks have
colours that are readable on white and on near-black. Dragging and zooming are off, so that a finger scrolls the page.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from seasoned.report._common.wording import duration, family_name, number, plural, settings, short
from seasoned.report.figures import search

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from seasoned.report._common.data import Importance, ReportData, TrialRow

__all__ = [
    "ACCENT",
    "BASE",
    "MUTED",
    "Picture",
    "axis",
    "bar_picture",
    "families_picture",
    "importance_picture",
    "picture",
    "plain",
    "progress_picture",
    "safe",
    "weights_picture",
]

BASE: Final = "#4583c4"
ACCENT: Final = "#dd8330"
MUTED: Final = "#8d97a5"
_ROW: Final = 30  # height in pixels of one bar or strip
_TICKED_TRIALS: Final = 12  # largest number of trials with one tick per trial


class Picture(NamedTuple):
    """Arguments of `Plotly.newPlot`, and the height in pixels."""

    data: list[dict[str, Any]]
    layout: dict[str, Any]
    height: int


def safe(text: str) -> str:
    """Escape text, because plotly interprets some tags (a, b, sub ...) in labels."""
    return escape(text, quote=False)


def plain(values: Iterable[float]) -> list[float | None]:
    """Return numbers for JSON, at the precision of a screen; values that are not finite become None.

    The precision is six digits, plus one digit for each power of ten by which the numbers exceed their range.

    Example:
        >>> plain([1 / 3, float("nan")]), plain([1.7e9 + 1 / 3, 1.7e9 + 2])
        ([0.333333, None], [1700000000.33333, 1700000002.0])
    """
    numbers = [float(value) for value in values]
    finite = [value for value in numbers if math.isfinite(value)]
    size, apart = max(map(abs, finite), default=0.0), max(finite, default=0.0) - min(finite, default=0.0)
    digits = 6 + (max(0, math.floor(math.log10(size / apart))) if 0 < apart < math.inf else 0)
    return [float(f"{value:.{min(digits, 17)}g}") if math.isfinite(value) else None for value in numbers]


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """Create an axis in the minimal style."""
    return {
        "title": {"text": safe(title), "standoff": 10},
        "automargin": True,
        "fixedrange": True,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        **more,
    }


def picture(data: list[dict[str, Any]], height: int, **layout: Any) -> Picture:
    """Combine the traces with the common layout; `layout` adds axes."""
    shared = {
        "height": height,
        "autosize": True,
        "margin": {"l": 8, "r": 14, "t": 10, "b": 8, "pad": 4},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13},
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": "#20262e", "bordercolor": "#20262e", "font": {"color": "#ffffff"}, "align": "left"},
    }
    return Picture(data, {**shared, **layout}, height)


def progress_picture(data: ReportData) -> Picture:
    """Plot the score of each configuration and the best score so far."""
    shown = search.progress(data)
    scores = [_score(trial) for trial in shown.trials]
    low, high = search.score_range(scores, greater_is_better=data.greater_is_better)
    beyond = [score < low or score > high for score in scores]
    away = "triangle-down" if data.greater_is_better else "triangle-up"
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": plain(shown.when),
        "y": plain(min(max(score, low), high) for score in scores),
        "marker": {"size": 9, "color": BASE, "opacity": 0.75, "symbol": [away if b else "circle" for b in beyond]},
        "hovertext": [_about(trial, data.metric) for trial in shown.trials],
        "hoverinfo": "text",
        "cliponaxis": False,
    }
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": plain(shown.when),
        "y": plain(min(max(score, low), high) for score in shown.best),
        "line": {"shape": "hv", "width": 2.5, "color": ACCENT},
        "hoverinfo": "skip",
    }
    unit = axis("seconds since the start", rangemode="tozero") if shown.in_seconds else _trial_axis(len(data.trials))
    return picture([line, dots], 320, xaxis=unit, yaxis=axis(data.metric, range=plain([low, high])))


def _trial_axis(trials: int) -> dict[str, Any]:
    ticks = {"dtick": 1} if trials <= _TICKED_TRIALS else {}
    return axis("trial", tickformat="d", range=[-0.5, max(trials - 0.5, 0.5)], **ticks)


def _score(trial: TrialRow) -> float:
    return math.nan if trial.score is None else trial.score


def _about(trial: TrialRow, metric: str) -> str:
    """Return the hover text of a trial: a few short lines."""
    words, lines = settings(trial.config).split(", "), [""]
    for word in words[:_TICKED_TRIALS]:
        fits = len(lines[-1]) + len(word) < 44
        lines = [*lines[:-1], f"{lines[-1]}{', ' if lines[-1] else ''}{word}"] if fits else [*lines, word]
    head = f"#{trial.number} {family_name(trial.model)}: {metric} {number(trial.score)} in {duration(trial.seconds)}"
    return "<br>".join(safe(short(line, 60)) for line in (head, *lines))


def families_picture(data: ReportData) -> Picture:
    """Plot the scores of the model families, one strip per family; the best family is on top."""
    strips = search.families(data)
    scores = [_score(trial) for trial in data.complete]
    low, high = search.score_range(scores, greater_is_better=data.greater_is_better)
    away = "triangle-left" if data.greater_is_better else "triangle-right"
    x, y, symbols, text = [], [], [], []
    for row, family in enumerate(strips):
        for place, trial in enumerate(family.trials):
            score = _score(trial)
            x.append(min(max(score, low), high))
            y.append(row + (place % 5 - 2) * 0.09)  # spread evenly, so that equal scores do not overlap
            symbols.append("circle" if low <= score <= high else away)
            text.append(_about(trial, data.metric))
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": plain(x),
        "y": plain(y),
        "marker": {"size": 9, "color": BASE, "opacity": 0.7, "symbol": symbols},
        "hovertext": text,
        "hoverinfo": "text",
        "cliponaxis": False,
    }
    names = [f"{safe(short(family_name(f.model), 22))}<br>{safe(_counted(f))}" for f in strips]
    rows = axis(range=[len(strips) - 0.5, -0.5], tickvals=list(range(len(strips))), ticktext=names, showgrid=False)
    return picture(
        [dots],
        max(46 * len(strips) + 70, 320),
        xaxis=axis(data.metric, range=plain([low, high]), nticks=5, tickangle=0),
        yaxis=rows,
    )


def _counted(family: search.Family) -> str:
    scored = len(family.trials)
    return f"{scored} of {scored + family.stopped + family.failed} scored"  # short text for small screens


def bar_picture(bars: search.Bars, labels: Sequence[str], hover: Sequence[str], title: str, **more: Any) -> Picture:
    """Plot horizontal bars with their names, the first one on top."""
    rows = list(range(len(bars.names)))
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": plain(bars.values),
        "y": rows,
        "width": 0.62,
        "marker": {"color": BASE},
        "hovertext": [safe(text) for text in hover],
        "hoverinfo": "text",
        "textposition": "none",
    }
    if any(bars.spread):
        trace["error_x"] = {"type": "data", "array": plain(bars.spread), "color": MUTED, "thickness": 1.5, "width": 3}
    names = axis(
        range=[len(rows) - 0.5, -0.5], tickvals=rows, ticktext=[safe(label) for label in labels], showgrid=False
    )
    return picture([trace], _ROW * len(rows) + 70, xaxis=axis(title, rangemode="tozero", **more), yaxis=names)


def weights_picture(data: ReportData) -> Picture:
    """Plot each member's weight in the mean."""
    members = sorted(data.members, key=lambda member: -member.weight)
    labels = [short(family_name(m.model), 22) + ("" if m.number is None else f" #{m.number}") for m in members]
    hover = [f"{label}: {member.weight:.0%}" for label, member in zip(labels, members, strict=True)]
    return bar_picture(search.weights(data), labels, hover, "weight", tickformat=".0%")


def importance_picture(importance: Importance, metric: str) -> Picture:
    """Plot the increase of the loss when a column is shuffled, for each column."""
    bars = search.importance_bars(importance)
    hover = [
        f"{name}: {metric} worse by {number(mean, 3)} ± {number(spread, 2)} ({plural(importance.repeats, 'shuffle')})"
        for name, mean, spread in zip(bars.names, bars.values, bars.spread, strict=True)
    ]
    labels = [short(name, 22) for name in bars.names]
    return bar_picture(bars, labels, hover, f"{metric} gets worse by")
