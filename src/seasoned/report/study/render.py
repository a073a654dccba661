"""Plotly figures of a study, with a common style."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.report.figures.render import ACCENT, BASE, MUTED, safe
from seasoned.report.figures.search import score_range
from seasoned.report.study import figures
from seasoned.space.parameters import MISSING, Categorical, identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd
    import plotly.graph_objects as go  # type: ignore[import-untyped]  # plotly is untyped

    from seasoned.report.study.figures import Axis, LearningCurve
    from seasoned.study import Study
    from seasoned.trials import Trial

__all__ = ["KINDS", "MOST", "MOST_CURVES", "plot_study", "study_importances"]

MOST: Final = 1_500
"""Maximum number of trials in a figure; one third each are the best, the latest, and an even selection."""
MOST_CURVES: Final = 300
"""Maximum number of learning curves in a figure; pruned trials are dropped first."""

_MAX_PARALLEL_PARAMETERS: Final = 12  # maximum number of parameters in a parallel plot; more labels would overlap
_WRAP: Final = 4  # number of subplots in a row
_STATES: Final = {  # colour, line style and end mark of learning curves by state, in drawing order
    "pruned": ("#a9b2be", "solid", "x-thin-open"),
    "failed": ("#c0504d", "dot", "x"),
    "running": ("#4d9e6f", "dot", "triangle-right"),
    "paused": ("#8a63b0", "dash", "square-open"),
    "complete": (BASE, "solid", "circle"),
}
_GOOD, _POOR = "#12365c", "#e8eef5"  # dark is good


def plot_study(
    study: Study, kind: str = "history", *, parameters: Sequence[str] | None = None, objective: int = 0
) -> go.Figure:
    """Create a figure of a study; see `Study.plot`."""
    if kind not in KINDS:
        raise InvalidInput(f"the figure {kind!r} is unknown; give one of {sorted(KINDS)}.")
    return KINDS[kind](study, _complete(study, objective), parameters, objective)


def study_importances(study: Study, objective: int = 0) -> pd.Series[float]:
    """Return the importance of each parameter; see `Study.importances`."""
    import pandas as pd

    found = figures.importances(_complete(study, objective), study.space, objective)
    return pd.Series(list(found.total), index=list(found.names), name="importance")


def _complete(study: Study, objective: int) -> list[Trial]:
    """Return the complete trials of the current space.

    Raises:
        InvalidInput: The study has no such objective.
    """
    if not 0 <= objective < len(study.directions):
        raise InvalidInput(f"objective is {objective}, but the study has {len(study.directions)}; count from 0.")
    return [trial for trial in study.trials if trial.values is not None and study.space.contains(trial.config)]


def _history(study: Study, trials: Sequence[Trial], _: Sequence[str] | None, objective: int) -> go.Figure:
    found = figures.curve(trials, study.directions[objective], objective)
    figure = _blank(xaxis_title="trial", yaxis_title=_name(study, objective))
    kept = np.array(found.feasible, dtype=np.bool_)
    numbers, values, best = np.array(found.numbers), np.array(found.values), np.array(found.best)
    shown = np.zeros(len(numbers), dtype=np.bool_)
    shown[_places(trials, study, objective)] = True
    for name, group, marker in (
        ("trial", shown & kept, _mark(BASE, 0.55)),
        ("infeasible", shown & ~kept, {"color": MUTED, "symbol": "x-thin-open", "size": 7}),
    ):
        if name == "trial" or group.any():
            figure.add_scatter(x=numbers[group], y=values[group], mode="markers", name=name, marker=marker)
    line = {"color": ACCENT, "width": 2, "shape": "hv"}
    steps = np.append(True, best[1:] != best[:-1]) if len(best) else np.zeros(0, dtype=np.bool_)
    steps[-1:] = True  # a stepped line needs only its corners
    figure.add_scatter(x=numbers[steps], y=best[steps], mode="lines", name="best so far", line=line)
    spanned = values[kept] if kept.any() else values  # infeasible values must not set the range
    figure.update_yaxes(range=_span(spanned, study.directions[objective]))
    return figure


def _slice(study: Study, trials: Sequence[Trial], parameters: Sequence[str] | None, objective: int) -> go.Figure:
    from plotly.subplots import make_subplots  # type: ignore[import-untyped]  # plotly is untyped

    trials = [trials[place] for place in _places(trials, study, objective)]
    found = figures.axes(trials, study.space, parameters)
    across = max(1, min(_WRAP, len(found)))
    rows = max(1, -(-len(found) // across))
    grid = make_subplots(
        rows, across, shared_yaxes=True, vertical_spacing=0.35 / rows, horizontal_spacing=0.16 / across
    )
    figure = _styled(grid, height=90 + 260 * rows, showlegend=False)
    figure.update_layout(
        title={"text": "darker: later trials", "font": {"size": 12}, "x": 0.01, "y": 0.99, "yanchor": "top"}
    )
    values = _values(trials, objective)
    numbers = [trial.number for trial in trials]
    for index, one in enumerate(found):
        used = [place for place, value in enumerate(one.values) if value is not MISSING]
        colour = {
            "color": [numbers[place] for place in used],
            "colorscale": [[0, "#c6d7ea"], [1, "#12365c"]],
            "size": 6,
        }
        texts = [f"trial {numbers[place]}" for place in used]
        x = _shown(one, [one.values[place] for place in used])
        place = {"row": index // across + 1, "col": index % across + 1}
        figure.add_scatter(x=x, y=values[used], mode="markers", marker=colour, text=texts, name=safe(one.name), **place)
        figure.update_xaxes(title_text=safe(_shortened(one.name)), **_axis_of(one), **place)
    figure.update_yaxes(range=_span(values, study.directions[objective]))
    figure.update_yaxes(title_text=_name(study, objective), col=1)
    return figure


def _parallel(study: Study, trials: Sequence[Trial], parameters: Sequence[str] | None, objective: int) -> go.Figure:
    if parameters is None and len(study.space) > _MAX_PARALLEL_PARAMETERS and len(trials) >= figures.FEWEST:
        order = figures.importances(trials, study.space, objective).names
        parameters = sorted(order[:_MAX_PARALLEL_PARAMETERS], key=[d.name for d in study.space.dimensions].index)
    trials = [trials[place] for place in _places(trials, study, objective)]
    found = figures.axes(trials, study.space, parameters)
    found = found[:_MAX_PARALLEL_PARAMETERS] if parameters is None else found
    values = _values(trials, objective)
    low, high = _span(values, study.directions[objective])
    clipped = np.clip(values, low, high)
    line = {
        "color": clipped,
        "colorscale": _scale(study, objective),
        "showscale": True,
        "colorbar": _bar(study, objective),
    }
    dimensions = [{"label": _name(study, objective), "values": clipped}, *(_dimension(one) for one in found)]
    figure = _blank(margin={"l": 70, "r": 60, "t": 110, "b": 40}, height=460)
    figure.add_parcoords(line=line, dimensions=dimensions, labelangle=-15, labelside="top")
    return figure


def _dimension(one: Axis) -> dict[str, Any]:
    """Return one axis of a parallel plot; inactive parameters lie below all values."""
    if one.choices:
        place_of = _places_of(one)
        places = [place_of(value) if value is not MISSING else -1 for value in one.values]
        labels = _texts(one)
        ticks: list[float] = list(range(len(labels)))
    else:
        numbers = [None if v is MISSING else float(np.log10(v) if one.log else v) for v in one.values]
        known = [number for number in numbers if number is not None] or [0.0]
        low, width = min(known), (max(known) - min(known)) or 1.0
        places = [low - 0.15 * width if number is None else number for number in numbers]  # type: ignore[misc]
        ticks = np.linspace(low, low + width, 5).tolist()
        labels = [f"{10**tick:.3g}" if one.log else f"{tick:.3g}" for tick in ticks]
    if any(value is MISSING for value in one.values):
        ticks, labels = [min(places), *ticks], ["not used", *labels]
    return {"label": safe(_shortened(one.name)), "values": places, "tickvals": ticks, "ticktext": labels}


def _pair(study: Study, trials: Sequence[Trial], parameters: Sequence[str] | None, objective: int) -> tuple[str, str]:
    """Return two parameters: those given, or the most important one and the next that can be active with it.

    Raises:
        InvalidInput: Other than two different parameters are given, or the space has no two of them.
    """
    if parameters is None:
        first, *others = figures.importances(trials, study.space, objective).names
        names = [first, *(name for name in others if figures.together(study.space, first, name))][:2]
    else:
        names = list(parameters)
    if len(names) != 2 or names[0] == names[1]:
        raise InvalidInput(f"the figure has two parameters, not {names}; give parameters=(one, other).")
    return names[0], names[1]


def _contour(study: Study, trials: Sequence[Trial], parameters: Sequence[str] | None, objective: int) -> go.Figure:
    names = _pair(study, trials, parameters, objective)
    first, second = figures.axes(trials, study.space, names)
    surface = figures.contour(trials, study.space, names, objective)
    figure = _blank(xaxis_title=safe(first.name), yaxis_title=safe(second.name), showlegend=False)
    sides = {"x": _shown(first, surface.x), "y": _shown(second, surface.y)}
    drawn = {"z": surface.mean, "colorscale": _scale(study, objective), **sides}
    drawn["colorbar"] = _bar(study, objective)
    if first.choices or second.choices:
        figure.add_heatmap(**drawn)
    else:
        figure.add_contour(**drawn, line={"width": 0.5}, ncontours=20)
    used = [
        place
        for place in _places(trials, study, objective)
        if not any(one.values[place] is MISSING for one in (first, second))
    ]
    x, y = (_shown(one, [one.values[i] for i in used]) for one in (first, second))
    marker = {"color": "white", "size": 6, "line": {"color": "#333", "width": 1}}
    figure.add_scatter(x=x, y=y, mode="markers", marker=marker, text=[f"trial {trials[i].number}" for i in used])
    figure.update_xaxes(**_axis_of(first))
    figure.update_yaxes(**_axis_of(second))
    return figure


def _rank(study: Study, trials: Sequence[Trial], parameters: Sequence[str] | None, objective: int) -> go.Figure:
    names = _pair(study, trials, parameters, objective)
    values, places = _values(trials, objective), _places(trials, study, objective)
    signed = values if study.directions[objective] == "minimize" else -values
    ranks = np.searchsorted(np.sort(signed), signed) / max(len(signed), 1)  # share of trials that are better
    trials = [trials[place] for place in places]
    first, second = figures.axes(trials, study.space, names)
    used = [i for i in range(len(trials)) if not any(one.values[i] is MISSING for one in (first, second))]
    x, y = (_shown(one, [one.values[i] for i in used]) for one in (first, second))
    bar = {"title": {"text": "rank"}, "thickness": 14, "outlinewidth": 0, "tickvals": [0, 0.5, 1]}
    bar["ticktext"] = ["best", "median", "worst"]
    scale = [[0.0, _GOOD], [0.5, BASE], [1.0, _POOR]]
    marker = {
        "color": ranks[places][used].tolist(),
        "colorscale": scale,
        "cmin": 0,
        "cmax": 1,
        "colorbar": bar,
        "size": 8,
    }
    figure = _blank(xaxis_title=safe(first.name), yaxis_title=safe(second.name), showlegend=False)
    texts = [f"trial {trials[i].number}: {values[places[i]]:.6g}" for i in used]
    figure.add_scatter(x=x, y=y, mode="markers", marker=marker, text=texts)
    figure.update_xaxes(**_axis_of(first))
    figure.update_yaxes(**_axis_of(second))
    return figure


def _distribution(study: Study, trials: Sequence[Trial], _: Sequence[str] | None, objective: int) -> go.Figure:
    values, shares = figures.distribution(trials, objective)
    figure = _blank(xaxis_title=_name(study, objective), yaxis_title="share of trials with at most this value")
    figure.add_scatter(x=values, y=shares, mode="lines", line={"color": BASE, "width": 2, "shape": "hv"})
    figure.update_xaxes(range=_span(values, study.directions[objective]))
    figure.update_yaxes(range=[0, 1.02])
    return figure


def _hypervolume(study: Study, trials: Sequence[Trial], *_: object) -> go.Figure:
    if len(study.directions) < 2:
        raise InvalidInput("a hypervolume needs several objectives, and the study has one; use plot('history').")
    found = figures.volumes(trials, study.directions)
    worst = ", ".join(f"{value:.4g}" for value in found.reference)
    figure = _blank(xaxis_title="trial", yaxis_title=f"hypervolume up to ({worst})" if found.numbers else "hypervolume")
    line = {"color": ACCENT, "width": 2, "shape": "hv"}
    figure.add_scatter(x=found.numbers, y=found.values, mode="lines", line=line)
    return figure


def _importance(study: Study, trials: Sequence[Trial], parameters: Sequence[str] | None, objective: int) -> go.Figure:
    figures.axes([], study.space, parameters)  # raises for unknown names
    found = figures.importances(trials, study.space, objective)
    shown = [i for i, name in enumerate(found.names) if parameters is None or name in parameters][::-1]
    names = [safe(_shortened(found.names[i], 40)) for i in shown]
    alone = np.array([found.alone[i] for i in shown])
    more = np.array([found.total[i] for i in shown]) - alone
    figure = _blank(barmode="stack", height=130 + 26 * len(shown), xaxis_title="share of the variance explained")
    rows = list(range(len(shown)))  # indices, because shortened names may be equal
    figure.add_bar(x=alone, y=rows, orientation="h", name="alone", marker_color=BASE)
    figure.add_bar(x=more, y=rows, orientation="h", name="with others", marker_color="#b9cfe6")
    figure.update_layout(legend_traceorder="normal")
    figure.update_xaxes(range=[0, max(0.1, 1.05 * float((alone + more).max(initial=0.0)))])
    figure.update_yaxes(automargin=True, tickvals=rows, ticktext=names)
    return figure


def _front(study: Study, trials: Sequence[Trial], _: Sequence[str] | None, objective: int) -> go.Figure:
    if len(study.directions) < 2:
        raise InvalidInput("a front needs several objectives, and the study has one; use plot('history').")
    across = objective or 1
    x, y = _values(trials, 0), _values(trials, across)
    front = {trial.number for trial in study.front}
    on_front = np.array([trial.number in front for trial in trials], dtype=np.bool_)
    feasible = np.array([trial.feasible for trial in trials], dtype=np.bool_)
    texts = np.array([f"trial {trial.number}" for trial in trials])
    shown = on_front.copy()
    shown[_places(trials, study, objective)] = True
    feasible, broken = feasible & shown, ~feasible & shown
    figure = _blank(xaxis_title=_name(study, 0), yaxis_title=_name(study, across))
    groups = [("infeasible", broken & ~on_front, {"color": MUTED, "symbol": "x-thin-open", "size": 7})]
    groups.append(("dominated", feasible & ~on_front, _mark(BASE, 0.45)))
    groups.append(("Pareto front", on_front, {"color": ACCENT, "size": 8}))
    for name, mask, marker in groups:
        if mask.any():
            order = np.argsort(x[mask], kind="stable")
            mode = "lines+markers" if name == "Pareto front" and len(study.directions) == 2 else "markers"
            line = {"color": ACCENT, "width": 1.5, "shape": "hv" if study.directions[0] == "minimize" else "vh"}
            data = {"x": x[mask][order], "y": y[mask][order], "text": texts[mask][order]}
            figure.add_scatter(**data, mode=mode, name=name, marker=marker, line=line)
    return figure


def _curves(study: Study, *_: object) -> go.Figure:
    valid = [trial for trial in study.trials if study.space.contains(trial.config)]
    last = None if study.fidelity is None else study.fidelity.levels[-1]
    found = figures.learning_curves(valid, study.directions[0], study.paused, last)
    if not found:
        raise InvalidInput("no trial has reported a step; give the study a rule of fidelity, such as fidelity=ASHA().")
    found = _some_curves(found)
    figure = _blank(xaxis_title="step", yaxis_title=_name(study, 0), legend_itemsizing="constant")
    for state, (colour, dash, symbol) in _STATES.items():
        _add_curves(figure, state, [one for one in found if one.state == state and not one.best], colour, dash, symbol)
    _add_curves(figure, "best", [one for one in found if one.best], ACCENT, "solid", "circle", width=2.5)
    ends = np.array([value for one in found for value in (one.values[0], one.values[-1])])
    figure.update_yaxes(range=_span(ends[np.isfinite(ends)], study.directions[0]))
    steps = [step for one in found for step in one.steps]
    if min(steps) > 0 and max(steps) >= 20 * min(steps):  # rungs grow geometrically
        figure.update_xaxes(
            type="log", **({"dtick": 1} if study.fidelity is None else {"tickvals": study.fidelity.levels})
        )
    return figure


def _some_curves(found: tuple[LearningCurve, ...]) -> tuple[LearningCurve, ...]:
    """Return the best curve, and as many others as fit in a page; pruned ones are dropped first."""
    if len(found) <= MOST_CURVES:
        return found
    kept = _evenly([one for one in found if one.state != "pruned"], MOST_CURVES)
    kept += _evenly([one for one in found if one.state == "pruned"], MOST_CURVES - len(kept))
    chosen = {one.number for one in kept}
    return tuple(one for one in found if one.best or one.number in chosen)


def _evenly(found: Sequence[LearningCurve], most: int) -> list[LearningCurve]:
    if len(found) <= most:
        return list(found)
    return [found[int(place)] for place in np.unique(np.linspace(0, len(found) - 1, most).round())] if most else []


def _add_curves(
    figure: go.Figure,
    name: str,
    curves: Sequence[LearningCurve],
    colour: str,
    dash: str,
    symbol: str,
    *,
    width: float = 1.2,
) -> None:
    """Add curves of one style as one line with gaps, and a mark at the end of each curve."""
    if not curves:
        return
    x = [step for one in curves for step in (*one.steps, None)]
    y = [value for one in curves for value in (*one.values, None)]
    texts = [f"trial {one.number}" for one in curves for _ in range(len(one.steps) + 1)]
    sizes = [mark for one in curves for mark in (*[0] * (len(one.steps) - 1), 7, 0)]
    marker = {"symbol": symbol, "size": sizes, "color": colour, "opacity": 1}
    line = {"color": colour, "width": width, "dash": dash}
    figure.add_scatter(x=x, y=y, text=texts, mode="lines+markers", name=name, line=line, marker=marker, opacity=0.75)


KINDS: Final[Mapping[str, Callable[..., Any]]] = {
    "history": _history,
    "slice": _slice,
    "parallel": _parallel,
    "contour": _contour,
    "importance": _importance,
    "front": _front,
    "curves": _curves,
    "edf": _distribution,
    "rank": _rank,
    "hypervolume": _hypervolume,
}
"""Functions of all figures, by name."""


def _blank(**layout: Any) -> go.Figure:
    import plotly.graph_objects as go

    return _styled(go.Figure(), **layout)


def _styled(figure: go.Figure, **layout: Any) -> go.Figure:
    font = {"family": "system-ui, sans-serif", "size": 13, "color": "#2b3440"}
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    base = {"font": font, "legend": legend, "plot_bgcolor": "white", "margin": {"l": 70, "r": 20, "t": 50, "b": 60}}
    figure.update_layout(**{"template": "plotly_white", "height": 420, **base, **layout})
    figure.update_xaxes(gridcolor="#e6eaef", zeroline=False, automargin=True)
    figure.update_yaxes(gridcolor="#e6eaef", zeroline=False, automargin=True)
    return figure


def _places(trials: Sequence[Trial], study: Study, objective: int) -> list[int]:
    """Return the indices of the trials in a figure, in order."""
    if len(trials) <= MOST:
        return list(range(len(trials)))
    values, third = _values(trials, objective), MOST // 3
    signed = values if study.directions[objective] == "minimize" else -values
    order = np.lexsort((signed, np.array([trial.violation for trial in trials])))
    even = np.linspace(0, len(trials) - 1, third).round().astype(np.int64)
    latest = np.arange(len(trials) - third, len(trials))
    return [int(place) for place in np.unique(np.concatenate([order[:third], latest, even]))]


def _values(trials: Sequence[Trial], objective: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([trial.values[objective] for trial in trials if trial.values is not None], dtype=np.float64)


def _name(study: Study, objective: int) -> str:
    return "value" if len(study.directions) == 1 else f"value {objective}"


def _span(values: np.ndarray[Any, np.dtype[np.float64]], direction: str) -> tuple[float, float]:
    """Return the limits of a value axis that exclude very bad values."""
    if not len(values):
        return 0.0, 1.0
    return score_range(values.tolist(), greater_is_better=direction == "maximize")


def _mark(colour: str, opacity: float) -> dict[str, Any]:
    return {"color": colour, "size": 7, "opacity": opacity}


def _scale(study: Study, objective: int) -> list[list[Any]]:
    """Return the colour scale from the smallest to the largest value."""
    ends = (_GOOD, _POOR) if study.directions[objective] == "minimize" else (_POOR, _GOOD)
    return [[0.0, ends[0]], [0.5, BASE], [1.0, ends[1]]]


def _bar(study: Study, objective: int) -> dict[str, Any]:
    return {"title": {"text": _name(study, objective)}, "thickness": 14, "outlinewidth": 0}


def _shown(one: Axis, values: Sequence[Any]) -> list[Any]:
    """Return values for an axis; categories become text."""
    if not one.choices:
        return list(values)
    place_of, labels = _places_of(one), _labels(one)
    return [labels[place_of(value)] for value in values]


def _places_of(one: Axis) -> Callable[[Any], int]:
    """Return a function from a value to its index among the choices.

    A value of an earlier space may be equal but not identical to a choice, such as 1 and 1.0.
    """
    known, parameter = {identity(choice): place for place, choice in enumerate(one.choices)}, Categorical(one.choices)

    def place(value: Any) -> int:
        found = known.get(identity(value))
        return known[identity(parameter.clean(value, one.name))] if found is None else found

    return place


def _texts(one: Axis) -> list[str]:
    """Return the choices as distinct texts: "1" and 1, None and "None" differ."""
    plain = [str(choice) for choice in one.choices]
    count = Counter(plain)
    return [repr(choice) if count[text] > 1 else text for choice, text in zip(one.choices, plain, strict=True)]


def _labels(one: Axis) -> list[str]:
    """Return the texts of the choices, escaped because plotly interprets tags."""
    return [safe(text) for text in _texts(one)]


def _axis_of(one: Axis) -> dict[str, Any]:
    if one.choices:
        return {"type": "category", "categoryorder": "array", "categoryarray": _labels(one)}
    if not one.log:
        return {}
    known = [value for value in one.values if value is not MISSING] or [1.0]
    wide = max(known) > 30 * min(known)  # one tick per decade, if at least two ticks remain
    return {"type": "log", **({"dtick": 1, "exponentformat": "power"} if wide else {})}


def _shortened(name: str, most: int = 24) -> str:
    """Shorten a dotted name at its beginning, because its end identifies the parameter."""
    return name if len(name) <= most else f"…{name[-most + 1 :]}"
