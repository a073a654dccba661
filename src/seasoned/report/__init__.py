"""Reports: one self-contained HTML file about a fitted estimator or a study.

Public names are imported on first use, so importing this package is fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seasoned._util.lazy_imports import lazy_names

if TYPE_CHECKING:
    from seasoned.report._common.data import ReportData
    from seasoned.report.entry import report
    from seasoned.report.explain.permutation_test import permutation_importance
    from seasoned.report.html.page import write_report
    from seasoned.report.model.collect import report_data
    from seasoned.report.study.page import study_report
    from seasoned.report.study.render import plot_study, study_importances

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
        "ReportData": "seasoned.report._common.data",
        "report_data": "seasoned.report.model.collect",
        "permutation_importance": "seasoned.report.explain.permutation_test",
        "plot_study": "seasoned.report.study.render",
        "report": "seasoned.report.entry",
        "study_importances": "seasoned.report.study.render",
        "study_report": "seasoned.report.study.page",
        "write_report": "seasoned.report.html.page",
    },
)
