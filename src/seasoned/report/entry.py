"""The one call that makes a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seasoned._util.atomic_write import check_place
from seasoned.report.explain.model_importance import SECONDS
from seasoned.report.html.page import write_report
from seasoned.report.model.collect import report_data

__all__ = ["report"]


def report(
    estimator: Any,
    path: str | Path,
    X: Any = None,
    y: Any = None,
    *,
    unseen: bool = True,
    sample_weight: Any = None,
    seconds: float | None = SECONDS,
    progress: bool | None = None,
) -> Path:
    """Write one self-contained HTML file about a fitted estimator.

    Args:
        estimator: A fitted AutoClassifier or AutoRegressor, a loaded one included.
        path: The file to write; an existing one is replaced.
        X: Rows to judge the model on, preferably rows that it has not seen. With them the report shows the errors, and
            which columns matter.
        y: The target of these rows.
        unseen: Whether the model has not seen these rows; rows of its fit only tell which columns matter.
        sample_weight: How much each of these rows counts, in all figures and in the metric; the same if None.
        seconds: Time to measure which columns matter: with less there are fewer shuffles, rows or columns, and the
            page says so; None for no limit.
        progress: Whether to show a line meanwhile; None shows it on a terminal and in a notebook.

    Returns:
        The path of the file.

    Raises:
        InvalidInput: If only one of X and y is given, they do not fit the model, or its folder cannot be used.
        StorageError: If the file could not be written, as where the disk is full.

    Example:
        >>> from seasoned.report import report
        >>> report(model, "report.html", X_test, y_test)  # doctest: +SKIP
        PosixPath('report.html')
    """
    check_place(Path(path))
    options: Any = {"unseen": unseen, "sample_weight": sample_weight, "seconds": seconds, "progress": progress}
    return write_report(report_data(estimator, X, y, **options), Path(path))
