"""The benchmark of relative warm starts: its tasks, and that it writes what it says."""

from __future__ import annotations

import json

import numpy as np
import pytest

import relative_starts


def test_past_tasks_are_alike_or_the_opposite():
    best = []
    for alike, opposite in zip(*(relative_starts.past_tasks(kind) for kind in ("alike", "opposite")), strict=True):
        assert np.array_equal(alike.points, opposite.points)
        assert alike.scores == pytest.approx(-opposite.scores)
        best.append(alike.points[np.argmin(alike.scores)])
    assert np.mean(best, axis=0) == pytest.approx(0.7, abs=0.25)


def test_it_writes_what_is_asked_for(tmp_path, capsys):
    out = tmp_path / "out.json"
    relative_starts.main(["--out", str(out), "--samplers", "Random", "--seeds", "2"])
    found = json.loads(out.read_text())["Random"]
    assert set(found) == {"none", *relative_starts.PASTS}
    assert found["alike"]["quantile"]["5"] < found["none"]["none"]["5"] < found["opposite"]["quantile"]["5"]
    assert "Random" in capsys.readouterr().out
