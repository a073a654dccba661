"""Entry of reports: the written page, paths checked before the work, and a light import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from seasoned._util.atomic_write import write_page
from seasoned.errors import InvalidInput, StorageError
from seasoned.report import report


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_report_of_a_fitted_model_has_the_sections_of_its_task(fitted, task, tmp_path):
    model, X, y = fitted[task]
    path = report(model, tmp_path / "report.html", X, y)
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert ("Which classes are confused?" in page) == (task != "regression")
    assert ("Predicted and true" in page) == (task == "regression")
    assert ("ROC curve" in page) == (task == "binary")


def test_report_path_is_refused_before_the_work(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr("seasoned.report.entry.report_data", lambda *_, **__: pytest.fail("it has begun"))
    with pytest.raises(InvalidInput, match="a folder that exists"):
        fitted["binary"][0].report(tmp_path / "none" / "r.html")


def test_unwritable_page_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="could not be written"):
        write_page("page", tmp_path / ("r" * 255))


def test_import_of_report_loads_nothing_heavy():
    code = (
        "import sys, seasoned.report; print([n for n in ('numpy', 'pandas', 'plotly', 'sklearn') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
