"""The weird tables as their users fit them: workers, a limit of time, the usual families, experience read and kept."""

from __future__ import annotations

import logging

import pytest
from test_weird_tables import FEW, TABLES, fits_all_families, predicts_as_its_file_does

from seasoned import AutoClassifier, AutoRegressor
from seasoned.tabular.input.frames import to_frame

SECONDS = 6


@pytest.mark.slow
@pytest.mark.parametrize("table", [pytest.param(one, id=str(one)) for one in TABLES if fits_all_families(one)])
def test_a_weird_table_as_its_user_fits_it(table, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    X, y, *later = table.make()
    make = AutoRegressor if table.task == "regression" else AutoClassifier
    usual = {"time_limit": SECONDS, "experience": f"sqlite:///{tmp_path / 'own.db'}", "random_state": 0}
    with caplog.at_level(logging.WARNING, "seasoned"):
        model = make(**{**usual, **table.options}).fit(X, y, **table.roles)
    told = [record.getMessage() for record in caplog.records if record.getMessage().startswith("experience:")]
    assert not told, "experience must bear any table"
    failed = model.failures()
    spared = {"catboost"} if len(y) < FEW else set()
    assert set(failed["model"]) <= spared, failed["error"].tolist()
    new = later[0] if later else X
    predicts_as_its_file_does(model, new, tmp_path)
    few = to_frame(new).iloc[:1]
    assert len(model.predict(few)) == len(few)
