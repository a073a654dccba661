"""Plotly specifications of the diagnostic figures of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.report._common.wording import number, plural
from seasoned.report.figures.render import ACCENT, BASE, MUTED, Picture, axis, picture, plain

if TYPE_CHECKING:
    from seasoned.report.figures.diagnostics import Calibration, Curve, Histogram, Pairs

__all__ = ["calibration_picture", "pairs_picture", "precision_recall_picture", "residuals_picture", "roc_picture"]


def _rows(count: float) -> str:
    """Format a number of rows, or a sum of weights."""
    return plural(round(count), "row") if count == round(count) else f"{number(count, 3)} rows, weighted"


def _diagonal(low: float, high: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": plain([low, high]),
        "y": plain([low, high]),
        "line": {"color": MUTED, "width": 1.5, "dash": "dot"},
        "hoverinfo": "skip",
    }


def _curve(curve: Curve, shape: str, x_name: str, y_name: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": plain(curve.x),
        "y": plain(curve.y),
        "line": {"color": BASE, "width": 2.5, "shape": shape},
        "hovertext": [f"{x_name} {x:.0%}<br>{y_name} {y:.0%}" for x, y in zip(curve.x, curve.y, strict=True)],
        "hoverinfo": "text",
    }


def _share_axis(title: str, **more: Any) -> dict[str, Any]:
    return axis(title, range=[-0.02, 1.02], tickformat=".0%", dtick=0.25, **more)


def roc_picture(curve: Curve) -> Picture:
    """Plot the ROC curve: true-positive rate against false-positive rate."""
    line = _curve(curve, "linear", "false alarms", "found")
    return picture(
        [_diagonal(0, 1), line],
        340,
        xaxis=_share_axis("false positive rate"),
        yaxis=_share_axis("true positive rate (recall)"),
    )


def precision_recall_picture(curve: Curve, prevalence: float) -> Picture:
    """Plot precision against recall."""
    level = {**_diagonal(0, 1), "y": plain([prevalence, prevalence])}
    line = _curve(curve, "vh", "found", "right")  # a backward step, as in the sum of the average precision
    return picture([level, line], 340, xaxis=_share_axis("recall"), yaxis=_share_axis("precision"))


def calibration_picture(found: Calibration, what: str) -> Picture:
    """Plot the reliability diagram, with the number of rows in each bin underneath.

    Args:
        found: The bins.
        what: Subject of the probability, for the axis title.
    """
    rows = [plural(int(count), "row") for count in found.counts]
    hover = [
        f"predicted {p:.0%}, observed {o:.0%}<br>{low:.0%} to {high:.0%} (95 %), {n}"
        for p, o, low, high, n in zip(found.predicted, found.observed, found.low, found.high, rows, strict=True)
    ]
    up, down = np.maximum(found.high - found.observed, 0), np.maximum(found.observed - found.low, 0)
    spread = {"type": "data", "array": plain(up), "arrayminus": plain(down), "thickness": 1.5, "width": 3}
    dots = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": plain(found.predicted),
        "y": plain(found.observed),
        "error_y": {**spread, "symmetric": False, "color": MUTED},
        "line": {"color": BASE, "width": 2},
        "marker": {"size": 8, "color": BASE},
        "hovertext": hover,
        "hoverinfo": "text",
    }
    bars = {
        "type": "bar",
        "x": plain(found.predicted),
        "y": found.counts.tolist(),
        "yaxis": "y2",
        "width": 0.05,
        "marker": {"color": MUTED},
        "hovertext": rows,
        "hoverinfo": "text",
        "textposition": "none",
    }
    return picture(
        [_diagonal(0, 1), dots, bars],
        380,
        xaxis=_share_axis(f"predicted probability {what}", anchor="y2"),
        yaxis=_share_axis("observed share", domain=[0.28, 1]),
        yaxis2=axis("rows", domain=[0, 0.18], nticks=3, rangemode="tozero"),
    )


def pairs_picture(found: Pairs) -> Picture:
    """Plot predicted against true numbers, with a dotted line at equality."""
    everything = np.concatenate([found.truth, found.predicted])
    low, high = float(everything.min()), float(everything.max())
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": plain(found.truth),
        "y": plain(found.predicted),
        "marker": {"size": 6, "color": BASE, "opacity": 0.45},
        "hovertext": [
            f"true {number(t)}<br>predicted {number(p)}" for t, p in zip(found.truth, found.predicted, strict=True)
        ],
        "hoverinfo": "text",
    }
    line = {**_diagonal(low, high), "line": {"color": ACCENT, "width": 2, "dash": "dot"}}
    return picture([dots, line], 380, xaxis=axis("true"), yaxis=axis("predicted"))


def residuals_picture(found: Histogram) -> Picture:
    """Plot the histogram of errors."""
    middle = (found.edges[:-1] + found.edges[1:]) / 2
    bars = {
        "type": "bar",
        "x": plain(middle),
        "y": found.counts.tolist(),
        "marker": {"color": BASE},
        "hovertext": [
            f"error {number(a, 3)} to {number(b, 3)}<br>{_rows(n)}"
            for a, b, n in zip(found.edges[:-1], found.edges[1:], found.counts, strict=True)
        ],
        "hoverinfo": "text",
        "textposition": "none",
    }
    return picture([bars], 380, bargap=0.06, xaxis=axis("error: predicted - true"), yaxis=axis("rows"))
