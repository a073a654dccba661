"""Results of trials: the records in a run folder."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.tabular.trial.results import Records, TrialRecord


def test_a_failed_write_of_a_record_keeps_the_previous_record(tmp_path, monkeypatch):
    (tmp_path / "trials").mkdir()
    records = Records(tmp_path)
    records.write({"a": 1}, np.ones(3), TrialRecord(None, 0.1))

    def cut_off(file, array):
        file.write(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr(np, "save", cut_off)
    with pytest.raises(OSError, match="full"):
        records.write({"a": 1}, np.zeros(3), TrialRecord(None, 0.1))
    assert records.out_of_fold({"a": 1}).tolist() == [1, 1, 1]
