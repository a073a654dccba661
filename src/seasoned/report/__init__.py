"""The report: one self-contained HTML file about a fitted estimator.

Nothing heavy is loaded here; a public name loads its module when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seasoned._lazy import lazy_names

if TYPE_CHECKING:
    from seasoned.report.data import ReportData
    from seasoned.report.entry import report
    from seasoned.report.gather import report_data
    from seasoned.report.html import write_report
    from seasoned.report.importance import permutation_importance
    from seasoned.report.study_page import study_report
    from seasoned.report.study_render import plot_study, study_importances

__all__ = [
    "ReportData",
    "permutation_importance",
    "plot_study",
    "report",
    "report_data",
    "study_importances",
    "study_report",
    "write_report",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "ReportData": "seasoned.report.data",
        "report_data": "seasoned.report.gather",
        "permutation_importance": "seasoned.report.importance",
        "plot_study": "seasoned.report.study_render",
        "report": "seasoned.report.entry",
        "study_importances": "seasoned.report.study_render",
        "study_report": "seasoned.report.study_page",
        "write_report": "seasoned.report.html",
    },
)
