"""Self-contained page about a study: the best trials and all figures for which its trials suffice."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from seasoned._util.atomic_write import check_output_path, write_page
from seasoned.report._common.markup import Markup, data_table, joined, raw, tag
from seasoned.report.study.render import MOST, MOST_CURVES, plot_study
from seasoned.trials.dataframe import flat

if TYPE_CHECKING:
    from pathlib import Path

    from seasoned.study import Study

__all__ = ["study_report"]

_TITLES = {
    "history": "How the search went",
    "curves": "How far each trial got",
    "front": "The Pareto front",
    "hypervolume": "The dominated hypervolume",
    "importance": "Which parameters matter",
    "slice": "Each parameter",
    "contour": "The two that matter most",
    "parallel": "All parameters of all trials",
}
_OF_SEVERAL = {"front", "hypervolume"}  # figures of several objectives
_SHOWN = 20  # number of trials in the table
_STYLE = """body{font:16px/1.5 system-ui,sans-serif;color:#2b3440;max-width:64rem;margin:2rem auto;padding:0 1rem}
h1,h2{line-height:1.2}h2{margin-top:2.5rem}table{border-collapse:collapse;font-size:.9rem}
th,td{padding:.3rem .8rem;border-bottom:1px solid #e6eaef;text-align:left}.number{text-align:right}
.scroll,.table{overflow-x:auto}"""


def study_report(study: Study, path: Path) -> Path:
    """Write the page; see `Study.report`."""
    check_output_path(path)
    complete = [trial for trial in study.trials if trial.values is not None and study.space.contains(trial.config)]
    parts: list[Markup] = []
    for kind, title in _TITLES.items():
        if (kind in _OF_SEVERAL) == (len(study.directions) > 1) or kind not in {*_OF_SEVERAL, "history"}:
            if kind == "curves" and not any(t.reports and study.space.contains(t.config) for t in study.trials):
                continue
            if kind in {"importance", "contour"} and (len(complete) < 4 or len(study.space) < 2):
                continue
            figure = plot_study(study, kind)
            html = figure.to_html(full_html=False, include_plotlyjs=not parts, config={"displayModeBar": False})
            parts.append(joined([tag("h2", title), raw(html)]))
    sign = 1 if study.directions[0] == "minimize" else -1
    feasible = [trial for trial in complete if not trial.violation] or complete
    ranked = sorted(feasible, key=lambda trial: (trial.violation, sign * trial.values[0]))  # type: ignore[index]
    best = (study.front if len(study.directions) > 1 else ranked)[:_SHOWN]
    rows = [
        [str(trial.number), ", ".join(f"{value:.6g}" for value in trial.values or ()), _settings(trial.config)]
        for trial in best
    ]
    said = f"{len(study.trials)} trials, of which {len(complete)} are complete; {', '.join(study.directions)}."
    if len(complete) > MOST:
        said += f" Figures show {MOST:,} of these at most: the best, the latest, and others evenly."
    if broken := sum(bool(trial.violation) for trial in complete):
        said += f" {broken} of the complete ones break a constraint"
        said += ", and none keeps all." if broken == len(complete) else ", and are not among the best below."
    if sum(bool(trial.reports) for trial in study.trials) > MOST_CURVES:
        said += f" Of curves {MOST_CURVES} are shown at most, of trials that were not pruned first."
    table = data_table(["trial", "value", "configuration"], rows)
    body = tag("body", tag("h1", f"Study {study.name}"), tag("p", said), *parts, tag("h2", "Best trials"), table)
    head = f'<meta charset="utf-8"><title>{escape(study.name)}</title><style>{_STYLE}</style>'
    return write_page(f'<!DOCTYPE html><html lang="en"><head>{head}</head>{body}</html>\n', path)


def _settings(config: dict[str, object]) -> str:
    return ", ".join(f"{k} = {f'{v:.4g}' if isinstance(v, float) else v}" for k, v in flat(config).items())
