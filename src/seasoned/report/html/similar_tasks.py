"""Report section about experience: similar past tasks and their suggestions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from seasoned.report._common.markup import data_table, joined, tag
from seasoned.report._common.wording import family_name, plural, settings
from seasoned.report.html.sections import Section

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seasoned.report._common.data import ReportData

__all__ = ["similar"]

_MAX_TASKS: Final = 10


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
            str(one.get("name", "")),
            _share(one.get("share")),
            tag("span", family_name(str(one.get("model", ""))), class_="name"),
            "yes" if (str(one.get("model", "")), settings(_config(one))) in known else "no",
            tag("span", settings(_config(one)) or "default", class_="settings"),
        )
        for one in tasks
    ]
    head = ("past task", "counts", "best there", "tried here", "settings")
    return Section(
        "experience", "What past tasks suggested", joined([tag("p", _note(told)), data_table(head, rows, numbers=(1,))])
    )


def _note(told: Mapping[str, Any]) -> str:
    count, configurations = told.get("tasks"), told.get("configurations")
    if not isinstance(count, int) or not isinstance(configurations, int):
        return "The search used experience."
    bore = f"{plural(count, 'past task')} with {plural(configurations, 'configuration')} bore on this table."
    return f"{bore} These counted most; what did well there was mixed with a search without experience."


def _share(share: Any) -> str:
    return f"{share:.0%}" if isinstance(share, int | float) else ""


def _config(one: Mapping[str, Any]) -> Mapping[str, Any]:
    config = one.get("config")
    return config if isinstance(config, dict) else {}
