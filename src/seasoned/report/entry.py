"""Entry point of reports on fitted estimators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seasoned._util.atomic_write import check_output_path
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
        estimator: A fitted AutoClassifier or AutoRegressor; a loaded one works too.
        path: The file to write; an existing file is replaced.
        X: Rows for the evaluation, preferably rows that were not in the training data. With these rows the report shows
            prediction errors and column importance.
        y: The target of these rows.
        unseen: False for rows of the fit: they are used for column importance only.
        sample_weight: Weights of these rows, for all figures and the metric; None for equal weights.
        seconds: Time limit of the importance measurement in seconds. A short limit reduces shuffles, rows or columns,
            and the page reports the reduction. None for no limit.
        progress: True shows a progress line, False hides it; None shows it on a terminal and in a notebook.

    Returns:
        The path of the file.

    Raises:
        InvalidInput: Only one of X and y is passed, they do not match the model, or the folder cannot be used.
        StorageError: The file could not be written, for example on a full disk.

    Example:
        >>> from seasoned.report import report
        >>> report(model, "report.html", X_test, y_test)  # doctest: +SKIP
        PosixPath('report.html')
    """
    check_output_path(Path(path))
    options: Any = {"unseen": unseen, "sample_weight": sample_weight, "seconds": seconds, "progress": progress}
    return write_report(report_data(estimator, X, y, **options), Path(path))
