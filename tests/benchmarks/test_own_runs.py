"""Benchmark of a user's own fits: blocks, the verdict, and resumption, on invented fits."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest

import own_runs


def fit(source, place, warm, cold, losses=(0.5, 0.5)):
    """Curves as (seconds, loss); each has a trial every second."""
    sides = {"warm": warm, "cold": cold}
    return {
        "source": source,
        "place": place,
        **{
            name: {"curve": curve, "elapsed": [1.0, 2.0, 3.0, 10.0], "loss": loss, "tasks": 3 if place else None}
            for (name, curve), loss in zip(sides.items(), losses, strict=True)
        },
    }


def test_a_block_has_rows_of_its_own_and_the_second_another_target(tmp_path):
    frame = pd.DataFrame({f"c{n}": np.arange(90) * (n + 1.0) for n in range(10)} | {"y": ["a", "b", "c"] * 30})
    frame.to_parquet(tmp_path / "t.parquet")
    entry = {"file": "t.parquet", "target": "y", "task": "multiclass"}
    blocks = [own_runs.block(tmp_path, entry, number) for number in range(3)]
    first = [set(X.iloc[:, 0] / (int(X.columns[0][1:]) + 1)) for X, _ in blocks]
    assert sum(map(len, first)) == len(set.union(*first)) == 90
    assert [X.shape[1] for X, _ in blocks] == [8, 8, 8]
    assert set(blocks[1][1]) == {"class a", "class b", "class c"}
    assert set(blocks[0][1]) == set(blocks[2][1]) == {"a", "b", "c"}


def test_what_is_never_reached_takes_all_of_the_fit():
    result = {"curve": [[1.0, 0.9], [3.0, 0.7]], "elapsed": [1.0, 2.0, 3.0, 10.0]}
    assert own_runs.reached(result, 0.7) == (3.0, 3.0)
    assert own_runs.reached(result, 0.5) == (10.0, 4.0)


def test_the_speedup_is_of_each_source_and_has_an_interval():
    slow, quick = [[10.0, 0.5]], [[2.0, 0.5]]
    fits = [fit(source, place, quick if place == 2 else slow, slow) for source in "abc" for place in range(3)]
    found = own_runs.summary(fits)
    assert found["speedup"] == {"sources": 3, "median": 5.0, "interval": [5.0, 5.0]}
    assert found["fit 3"]["warm"] == {"seconds": 2.0, "trials": 2.0}
    assert found["fit 3"]["warm_reached"] == 3
    assert found["guided"] == 6


def test_harm_is_told_by_rows_held_out_and_by_a_loss_that_both_reach():
    ahead, behind = [[1.0, 0.8], [2.0, 0.5]], [[2.0, 0.8], [10.0, 0.6]]
    found = own_runs.summary([fit("a", 0, ahead, behind, (0.4, 0.5)), fit("b", 0, behind, ahead, (0.6, 0.5))])
    assert found["held_out"]["better"] == found["held_out"]["worse"] == 1
    later = found["seconds_to_what_both_reach"]
    assert (later["better"], later["worse"]) == (1, 1), "0.6 is reached after 2 s and after 10 s"
    failed = {"source": "c", "place": 0, "warm": {"error": "it failed"}, "cold": fit("c", 0, ahead, ahead)["cold"]}
    assert own_runs.summary([failed])["failed"] == {"warm": 1, "cold": 0}


def test_the_loss_of_rows_held_out_is_that_of_the_sort():
    assert own_runs.held_out_loss(pd.Series([1.0, 3.0]), np.array([1.0, 1.0]), None) == pytest.approx(2**0.5)
    p = np.array([[0.8, 0.2], [0.3, 0.7]])
    assert own_runs.held_out_loss(pd.Series(["a", "b"]), p, ["a", "b"]) == -1.0


def test_an_interrupted_comparison_goes_on_with_the_store_as_it_was(tmp_path, monkeypatch):
    """The third fit is interrupted after it has added to the store; the next call begins with that fit."""
    (tmp_path / "manifest.json").write_text(json.dumps({"datasets": []}))
    out, calls = tmp_path / "own.json", []

    def fitted(options, source, number, store):
        if store is not None:
            path = out.with_suffix(".db")
            path.write_text((path.read_text() if path.exists() else "") + f"{source}{number} ")
            calls.append((source, number))
        elif len(calls) == 3:
            raise KeyboardInterrupt
        return {"curve": [[1.0, 0.5]], "elapsed": [1.0], "loss": 0.5, "tasks": None}

    monkeypatch.setattr(own_runs, "fitted", fitted)
    monkeypatch.setattr(own_runs.signal, "signal", lambda *_: None)  # this process is the tests'
    monkeypatch.setattr(own_runs.common, "all_families", lambda: None)
    words = ["own_runs.py", "--datasets", str(tmp_path), "--sources", "a,b", "--trials", "3", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(KeyboardInterrupt):
        own_runs.main()
    assert len(json.loads(out.read_text())["fits"]) == 2
    assert len(out.with_suffix(".db").read_text().split()) == 3, "what a killed fit leaves behind"
    own_runs.main()
    assert len(json.loads(out.read_text())["fits"]) == 6
    assert len(out.with_suffix(".db").read_text().split()) == len(set(calls)) == 6
    own_runs.main()
    assert len(calls) == 7, "all is there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "own.db", "own.json"]
    monkeypatch.setattr(sys, "argv", [*words, "--budget", "30"])
    with pytest.raises(SystemExit, match="give another --out"):
        own_runs.main()
