"""Report page: one self-contained HTML file without external resources."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

from seasoned._util.atomic_write import check_output_path, write_page
from seasoned.report._common.markup import Markup, joined, raw, tag
from seasoned.report._common.wording import duration, number, plural, summary, task_name
from seasoned.report.html import quality, sections

if TYPE_CHECKING:
    from pathlib import Path

    from seasoned.report._common.data import ReportData
    from seasoned.report.html.sections import Section

__all__ = ["render_page", "write_report"]


def write_report(data: ReportData, path: Path) -> Path:
    """Write the report atomically.

    Args:
        data: Data of the report.
        path: The file; an existing file is replaced in one step.

    Returns:
        The path.

    Raises:
        InvalidInput: The folder does not exist, or the path is a folder.
    """
    check_output_path(path)
    return write_page(render_page(data), path)


def render_page(data: ReportData) -> str:
    """Return the page as text."""
    found = [
        quality.predictions(data),
        quality.importance(data),
        sections.members(data),
        sections.columns(data),
        sections.search(data),
        sections.tried(data),
        sections.similar(data),
        sections.failures(data),
        sections.repeat(data),
    ]
    body = _body(data, [section for section in found if section is not None])
    scripts = [_plotly(), _resource("page.js")] if 'class="plot"' in body else []
    style = _resource("page.css")
    head = tag(
        "head",
        raw('<meta charset="utf-8">'),
        raw('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        raw(f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">'),
        raw('<meta name="generator" content="seasoned">'),
        tag("title", _title(data)),
        tag("style", raw(style)),
    )
    all_scripts = [tag("script", raw(script)) for script in scripts]
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', body, *all_scripts), lang='en')}\n"


def _policy(scripts: list[str]) -> str:
    """Return the content security policy: only our own scripts run, and no resource is fetched.

    The policy is a second defence in addition to escaping.
    """
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    allowed = " ".join(f"'sha256-{text}'" for text in hashes) or "'none'"
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'"


def _plotly() -> str:
    """Return plotly.js in full, because the package contains no smaller build."""
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]  # plotly is untyped

    script: str = get_plotlyjs()
    return script


def _resource(name: str) -> str:
    return files("seasoned.report").joinpath(name).read_text(encoding="utf-8")


def _title(data: ReportData) -> str:
    return "Model report" if data.target is None else f"Model report: {data.target}"


def _body(data: ReportData, found: list[Section]) -> Markup:
    links = [tag("li", tag("a", section.heading, href=f"#{section.anchor}")) for section in found]
    main = [
        tag("section", tag("h2", section.heading, id=f"{section.anchor}-heading"), section.content,
            id=section.anchor, aria_labelledby=f"{section.anchor}-heading")
        for section in found
    ]  # fmt: skip
    noscript = tag("noscript", tag("p", "The figures need JavaScript; all the rest of this page does not."))
    made = "Made by seasoned" if data.created is None else f"Made by seasoned on {data.created}"
    return joined(
        [
            _header(data),
            tag("nav", tag("ul", *links), aria_label="Sections"),
            tag("main", noscript, *main),
            tag("footer", tag("p", f"{made}. This file fetches nothing and can be passed on as it is.{_held(data)}")),
        ]
    )


def _held(data: ReportData) -> str:
    """Return a note about values of single rows in the page."""
    if data.task != "regression" or data.predictions is None:
        return ""
    return " It holds true and predicted values of single rows, which its figures show."


def _header(data: ReportData) -> Markup:
    used = sum(not column.dropped for column in data.columns)
    seconds = [trial.seconds for trial in data.trials if trial.seconds is not None]
    score = data.final_score
    if score is None and not data.recut:
        score = next((trial.score for trial in data.complete), None)
    given = data.given
    clock = f"wall clock of the {'fit' if data.refit_seconds is None else 'search'}"
    tiles = [
        (f"{data.metric} in validation", number(score)),
        *([(f"{data.metric} on {plural(len(given.truth), 'given row')}", number(given.score))] if given else []),
        ("configurations tried", f"{len(data.trials):,}"),
        ("failed", f"{len(data.failed):,}"),
        (clock, duration(data.fit_seconds)) if data.fit_seconds is not None
        else ("computing time of the trials", duration(sum(seconds))),
        ("columns used", f"{used} of {len(data.columns)}"),
        *([("rows", f"{data.rows:,}")] if data.rows is not None else []),
    ]  # fmt: skip
    return tag(
        "header",
        tag("p", task_name(data).capitalize(), class_="eyebrow"),
        tag("h1", _title(data)),
        tag("p", summary(data), class_="lead"),
        tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in tiles), class_="tiles"),
    )
