"""Report sections about the search: trials, failures, members, columns, past tasks, repetition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from seasoned.report._common.markup import Markup, data_table, joined, script_json, tag
from seasoned.report._common.wording import duration, family_name, number, plural, settings
from seasoned.report.figures.render import Picture, families_picture, progress_picture, weights_picture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seasoned.report._common.data import MemberRow, ReportData, TrialRow

__all__ = ["Section", "columns", "failures", "figure", "members", "repeat", "search", "similar", "tried"]

_SHOWN: Final = 10  # number of visible rows of a table; further rows are collapsed
_MAX_ROWS: Final = 500  # maximum number of rows of a table
_MAX_TASKS: Final = 10  # maximum number of similar past tasks


class Section(NamedTuple):
    """Section of the page: its anchor, its heading and its content."""

    anchor: str
    heading: str
    content: Markup


def figure(anchor: str, drawn: Picture, heading: str, caption: str) -> Markup:
    """Create a figure with its caption; the script draws the figure from the embedded data.

    Args:
        anchor: An id that is unique in the page.
        drawn: The plot.
        heading: Title of the figure.
        caption: Explanation of the figure.
    """
    source = f"{anchor}-data"
    data = tag("script", script_json({"data": drawn.data, "layout": drawn.layout}), type="application/json", id=source)
    style = f"height:{drawn.height}px"
    plot = tag("div", class_="plot", data_figure=source, style=style, role="img", aria_label=f"{heading}. {caption}")
    words = tag("figcaption", tag("h3", heading), tag("p", caption))
    return tag("figure", words, plot, data, id=anchor)


def search(data: ReportData) -> Section | None:
    """Create the section with the scores against time, and the trials of each family."""
    if not data.complete:
        return None
    way = "higher" if data.greater_is_better else "lower"
    over = progress_picture(data)
    strips = families_picture(data)
    beyond = " A triangle at the edge lies beyond it." if "triangle" in str((over.data, strips.data)) else ""
    pair = tag(
        "div",
        figure(
            "progress",
            over,
            "How the search went",
            f"Dots: configurations, in the order of the search. Line: the best so far ({way} is better).{beyond}",
        ),
        figure("families", strips, "By model family", "Each dot is a configuration; the best family is on top."),
        class_="pair",
    )
    return Section("search", "The search", pair)


def similar(data: ReportData) -> Section | None:
    """Create the section with the most similar past tasks; None for a search without experience."""
    told = data.experience
    if not told:
        return None
    found = told.get("similar")
    tasks = [one for one in found if isinstance(one, dict)][:_MAX_TASKS] if isinstance(found, list) else []
    known = {(trial.model, settings(trial.config)) for trial in data.trials}
    rows = [
        (
            _share(one.get("share")),
            _model(str(one.get("model", ""))),
            "yes" if (str(one.get("model", "")), settings(_config_of(one))) in known else "no",
            _config(_config_of(one)),
        )
        for one in tasks
    ]
    head = ("weight of the past task", "its best model", "tried here", "settings")
    content = joined([tag("p", _note(told)), data_table(head, rows, numbers=(0,))])
    return Section("experience", "Suggestions of past tasks", content)


def _note(told: Mapping[str, Any]) -> str:
    count, configurations = told.get("tasks"), told.get("configurations")
    if not isinstance(count, int) or not isinstance(configurations, int):
        return "The search used experience."
    known = f"The search knew {plural(count, 'past task')} with {plural(configurations, 'configuration')}."
    return f"{known} Below are those with the largest weights. Their best configurations were tried among others."


def _share(share: Any) -> str:
    return f"{share:.0%}" if isinstance(share, int | float) else ""


def _config_of(one: Mapping[str, Any]) -> Mapping[str, Any]:
    config = one.get("config")
    return config if isinstance(config, dict) else {}


def tried(data: ReportData) -> Section:
    """Create the leaderboard section."""
    if not data.complete:
        return Section("tried", "What was tried", tag("p", "No configuration finished."))
    head = ("rank", "model", data.metric, "time", "trial", "settings")
    rows = [
        (str(rank), _model(t.model), number(t.score), duration(t.seconds), str(t.number), _config(t.config))
        for rank, t in enumerate(data.complete[:_MAX_ROWS], start=1)
    ]
    count = len(data.complete)
    note = f"{plural(count, 'configuration')} with a score, the best first."
    note += f" The first {_MAX_ROWS} are shown." if count > _MAX_ROWS else ""
    return Section("tried", "What was tried", joined([tag("p", note), _folded(head, rows, (0, 2, 3, 4))]))


def _model(name: str) -> Markup:
    return tag("span", family_name(name), class_="name")


def _config(config: Mapping[str, Any]) -> Markup:
    return tag("span", settings(config) or "default", class_="settings")


def _folded(head: Sequence[str], rows: Sequence[tuple[str, ...]], numbers: tuple[int, ...]) -> Markup:
    """Create a table; rows after the first ten are collapsed."""
    first = data_table(head, rows[:_SHOWN], numbers=numbers)
    if len(rows) <= _SHOWN + 2:  # collapsing two rows would save no room
        return data_table(head, rows, numbers=numbers)
    others = rows[_SHOWN:]
    more = tag("details", tag("summary", f"{len(others)} more"), data_table(head, others, numbers=numbers))
    return joined([first, more])


def failures(data: ReportData) -> Section:
    """Create the section with failed and stopped trials, and the reasons."""
    if not data.failed and not data.unfinished:
        return Section("failed", "What failed", tag("p", "Nothing failed, and nothing was stopped."))
    parts: list[str | None] = []
    for note, trials in (
        ("failed; the search went on.", data.failed),
        ("stopped before the end: too far behind, or the time was up.", data.unfinished),
    ):
        if trials:
            rows = [
                (str(t.number), _model(t.model), duration(t.seconds), _reason(t), _config(t.config))
                for t in trials[:_MAX_ROWS]
            ]
            head = ("trial", "model", "time", "reason", "settings")
            parts += [tag("p", f"{plural(len(trials), 'configuration')} {note}"), _folded(head, rows, (0, 2))]
    names = [name for name, trials in (("failed", data.failed), ("was stopped", data.unfinished)) if trials]
    return Section("failed", f"What {' or '.join(names)}", joined(parts))


def _reason(trial: TrialRow) -> Markup:
    kind = "reason wrong" if trial.state == "failed" else "reason"
    known = trial.error or ("The time was up." if trial.state == "cut off" else trial.state)
    return tag("span", known, class_=kind)


def members(data: ReportData) -> Section | None:
    """Create the section with the ensemble members and their weights."""
    if not data.members:
        return None
    head = ("model", "weight", data.metric, "trial", "settings")
    ranked = sorted(data.members, key=lambda member: -member.weight)
    rows = [
        (
            _model(m.model),
            f"{m.weight:.0%}",
            number(m.score),
            "–" if m.number is None else str(m.number),  # noqa: RUF001 - a dash is meant
            _config(m.config),
        )
        for m in ranked
    ]
    if len(ranked) == 1:
        intro = tag("p", _alone(ranked[0]))
        return Section("model", "The model", joined([intro, data_table(head, rows, numbers=(1, 2, 3)), *_finish(data)]))
    intro = tag(
        "p",
        f"{len(ranked)} models predict together; each has the weight in their mean that is shown. {data.metric} is "
        f"what each reached alone.{_of_folds(ranked)}",
    )
    drawn = figure("weights", weights_picture(data), "Weights", "The weight of each model in the mean.")
    table = data_table(head, rows, numbers=(1, 2, 3))
    return Section("model", "The model", joined([intro, drawn, table, *_finish(data)]))


def _alone(member: MemberRow) -> str:
    """Return a sentence about the training rows of a single model."""
    if not member.whole:
        return (
            "One model predicts. It could not be fitted again on all rows in time, so it is the mean of those that its "
            "trial had fitted, each without a fold."
        )
    if member.model == "baseline":
        return "One model predicts, and it knows no more than how the target is distributed: there was no other."
    return "One model predicts. It was fitted again on all rows, with the settings found in the search."


def _of_folds(members: Sequence[MemberRow]) -> str:
    """Return a sentence about the members that were not fitted on all rows."""
    found = ", ".join(
        family_name(member.model) if member.number is None else f"trial {member.number}"
        for member in members
        if not member.whole
    )
    return f" Not all were fitted again on all rows: for {found} what the trial had fitted predicts." if found else ""


def _finish(data: ReportData) -> list[Markup]:
    """Return a paragraph about the steps after the mean of the members' predictions, such as calibration."""
    return [tag("p", " ".join(data.finish))] if data.finish else []


def columns(data: ReportData) -> Section:
    """Create the section about the columns: their kinds and the model inputs made from them."""
    dropped = sum(column.dropped for column in data.columns)
    note = f"{plural(len(data.columns), 'column')}; {dropped or 'none'} left out{', named first' if dropped else ''}."
    rows = [
        (
            tag("span", c.name, class_="long"),
            tag("span", c.kind, class_="kind dropped" if c.dropped else "kind"),
            c.became,
        )
        for c in sorted(data.columns, key=lambda column: not column.dropped)[:_MAX_ROWS]
    ]
    note += f" The first {_MAX_ROWS} are shown." if len(data.columns) > _MAX_ROWS else ""
    return Section(
        "columns", "The columns", joined([tag("p", note), _folded(("column", "kind", "what models get"), rows, ())])
    )


def repeat(data: ReportData) -> Section:
    """Create the section with code and versions."""
    parts: list[str | None] = []
    if data.code is not None:
        parts += [tag("pre", tag("code", data.code), tabindex="0")]
    if data.notes:
        parts += [tag("ul", *(tag("li", note) for note in data.notes))]
    if data.versions:
        rows = list(data.versions.items())
        parts += [tag("p", "Versions where this report was made:"), data_table(("package", "version"), rows)]
    return Section("repeat", "How to repeat it", joined(parts))
