"""Study of a search: it is closed after an error."""

from __future__ import annotations

import pytest

from in_process import estimator, stay_in_process
from messy import messy
from seasoned.tabular.fit import fit_table


def test_search_closes_its_study_after_an_error(cache, monkeypatch):
    stay_in_process(monkeypatch)
    closed = []
    close = fit_table.search.__globals__["Study"].close
    monkeypatch.setattr(fit_table.search.__globals__["Study"], "close", lambda study: closed.append(1) or close(study))
    monkeypatch.setattr(fit_table.search.__globals__["FoldRace"], "__call__", lambda *_: 1 / 0)
    X, y = messy("binary", rows=80)
    with pytest.raises(ZeroDivisionError):
        estimator("classification").fit(X, y)
    assert closed
