from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import seasoned.tabular.search.search
from in_process import stay_in_process
from messy import messy
from seasoned import AutoClassifier, SearchSettings
from seasoned.errors import InvalidInput
from seasoned.tabular.budget.budget import Budget
from seasoned.tabular.fit import description, fit_table, plan
from seasoned.tabular.fit.parameters import budget_of
from seasoned.tabular.trial.arrays import stored_folds
from seasoned.tabular.trial.run_folder import RunFolder, cache_folder, clear_runs, fingerprint, list_runs

RNG = np.random.default_rng(0)

SCRIPT = """
import sys
sys.path[:0] = {path!r}
from messy import messy
from seasoned import AutoClassifier, SearchSettings
X, y = messy("binary", rows=300)
search = SearchSettings(models=["linear", "histogram"], folds=2)
AutoClassifier(trials=100, workers=1, search=search, random_state=0).fit(X, y)
"""


def finished_trials(cache):
    """How many trials the study's log holds as finished, pruned ones included."""
    for store in cache.glob("runs/*/study.db"):
        with contextlib.closing(sqlite3.connect(store)) as connection, contextlib.suppress(sqlite3.OperationalError):
            return connection.execute("SELECT count(*) FROM seasoned_events WHERE kind = 'finished'").fetchone()[0]
    return 0


def test_a_killed_fit_goes_on(cache, tmp_path):
    script = tmp_path / "fit.py"
    script.write_text(SCRIPT.format(path=sys.path))
    one_thread = {**os.environ, "SEASONED_CACHE": str(cache), "SEASONED_CPUS": "1"}
    child = subprocess.Popen([sys.executable, script], env=one_thread)
    deadline = time.monotonic() + 60
    try:
        while finished_trials(cache) < 6:
            assert time.monotonic() < deadline, "no trials within a minute"
            assert child.poll() is None
            time.sleep(0.05)
    finally:
        child.kill()
        child.wait()
    (run,) = list_runs()
    assert not run.running
    assert run.about["rows"] == 300
    kept = finished_trials(cache)
    X, y = messy("binary", rows=300)
    trials = kept + 2
    search = SearchSettings(models=["linear", "histogram"], folds=2)
    resumed = AutoClassifier(trials=trials, workers=1, search=search, random_state=0).fit(X, y, resume=True)
    board = resumed.leaderboard()
    assert board["state"].isin(["complete", "pruned"]).sum() == trials
    assert sorted(board["number"]) == list(range(trials)), "no trial is run twice or lost"
    (run,) = list_runs()
    assert run.about["ended"]
    fresh = AutoClassifier(trials=trials, workers=1, search=search, random_state=0).fit(X, y)
    np.testing.assert_array_equal(fresh.predict_proba(X), resumed.predict_proba(X))


def test_fingerprints_tell_tables_targets_and_settings_apart():
    X, y = messy("regression", rows=30)
    X, y = X[["size", "colour"]], y.to_numpy()
    first = fingerprint(X, y, {"metric": None})
    assert first == fingerprint(X.copy(), y.copy(), {"metric": None})
    others = [
        fingerprint(X.assign(size=1.0), y, {"metric": None}),
        fingerprint(X.rename(columns={"size": "s"}), y, {"metric": None}),
        fingerprint(X, y + 1, {"metric": None}),
        fingerprint(X, y, {"metric": "mae"}),
    ]
    assert len({first, *others}) == 5


def test_a_folder_is_private_and_has_one_owner(cache):
    first = RunFolder.open("key", {"rows": 1}, resume=False)
    assert first.path.stat().st_mode & 0o777 == 0o700
    second = RunFolder.open("key", {"rows": 1}, resume=True)
    assert second.path != first.path
    assert [run.running for run in list_runs()] == [True, True]
    assert clear_runs() == 0
    first.release()
    again = RunFolder.open("key", {"rows": 2}, resume=True)
    assert again.path == first.path
    assert again.about["rows"] == 1, "a resumed run keeps what it started with"
    again.release()
    second.release()
    assert clear_runs() == 2
    assert list_runs() == []


def test_of_unfinished_runs_the_latest_are_kept(cache, monkeypatch, caplog):
    monkeypatch.setattr("seasoned.tabular.trial.run_folder.MAX_UNFINISHED", 3)
    at_work = RunFolder.open("at work", {}, resume=False)
    os.utime(at_work.path / "run.json", (0, 0))
    for number in range(5):
        left = RunFolder.open(f"key {number}", {}, resume=False)
        left.release()
        for file in left.path.iterdir():
            os.utime(file, (number, number))
    assert "key 0" not in caplog.text  # a fingerprint says nothing to anybody
    assert caplog.text.count("is deleted; only the latest 3, and at most 10 GB, are kept") == 1
    assert {run.name for run in list_runs()} == {"at work", "key 1", "key 2", "key 3", "key 4"}
    again = RunFolder.open("key 1", {}, resume=True)
    assert {run.name for run in list_runs()} == {"at work", "key 1", "key 2", "key 3", "key 4"}, "the oldest goes on"
    again.release()
    monkeypatch.setattr("seasoned.tabular.trial.run_folder.MAX_UNFINISHED_BYTES", 1)
    RunFolder.open("large", {}, resume=False)
    assert {run.name for run in list_runs()} == {"at work", "large"}


def test_a_run_that_is_too_large_goes_alone(cache, monkeypatch):
    monkeypatch.setattr("seasoned.tabular.trial.run_folder.MAX_UNFINISHED_BYTES", 4_000)
    for number, size in enumerate((10, 10, 5_000)):
        left = RunFolder.open(f"key {number}", {}, resume=False)
        (left.path / "study.db").write_bytes(b"x" * size)
        left.release()
        for file in left.path.iterdir():
            os.utime(file, (number, number))
    RunFolder.open("new", {}, resume=False)
    assert {run.name for run in list_runs()} == {"key 0", "key 1", "new"}


def test_runs_that_vanish_while_they_are_measured_stop_nobody(cache):
    """Fits that end at that moment remove theirs, owner's name first."""
    stop = threading.Event()

    def others():
        while not stop.is_set():
            folder = RunFolder.open("other", {}, resume=False)
            for number in range(40):
                (folder.path / "trials" / f"{number}.npy").touch()
            folder.delete()

    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(others)
        try:
            for _ in range(100):
                RunFolder.open("mine", {}, resume=False).delete()
        finally:
            stop.set()
        busy.result()


def test_clearing_removes_what_was_put_aside(cache):
    aside = cache_folder() / ".forgotten-1-key"
    aside.mkdir(parents=True)
    assert clear_runs() == 0
    assert not aside.exists()


def test_what_was_to_be_removed_is_no_run_and_goes_with_the_next(cache):
    aside = cache_folder() / ".forgotten-key"
    aside.mkdir(parents=True)
    (aside / "study.db").touch()
    assert list_runs() == []
    RunFolder.open("other", {}, resume=True).delete()
    assert not aside.exists()


HOLDS = """
import sys, time
from seasoned.tabular.trial.run_folder import RunFolder
folder = RunFolder.open("key", {}, resume=False)
(folder.path / "study.db").touch()
print(folder.path, flush=True)
time.sleep(600)
"""


def test_a_folder_is_free_again_once_its_process_is_killed(cache):
    with subprocess.Popen([sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, text=True) as other:
        path = other.stdout.readline().strip()
        beside = RunFolder.open("key", {}, resume=True)
        other.kill()
    assert str(beside.path) != path
    assert (beside.resumed, beside.beside) == (False, True)
    again = RunFolder.open("key", {}, resume=True)
    assert (str(again.path), again.resumed) == (path, True)


def test_of_many_that_begin_at_once_each_gets_a_folder_of_its_own(cache):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: RunFolder.open("key", {}, resume=False), range(8)))
    assert len({folder.path for folder in found}) == 8
    assert all(folder.path.is_dir() for folder in found)


def test_a_failed_fit_keeps_its_folder_and_an_interrupted_one_gives_a_model(cache, monkeypatch, caplog):
    X, y = messy("binary", rows=80)
    model = AutoClassifier(trials=3, workers=2, random_state=0)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("seasoned.tabular.search.search.run_study", interrupt)
        assert model.fit(X, y).predict(X).shape == (80,)
    assert "interrupted" in caplog.text

    def fail(*_, **__):
        raise RuntimeError("disk")

    monkeypatch.setattr("seasoned.tabular.search.search.run_study", fail)
    with pytest.raises(RuntimeError, match="disk"):
        model.fit(X, y)
    assert [run.running for run in list_runs()] == [False]


def test_a_resumed_run_has_a_model_before_its_first_new_trial(cache, monkeypatch):
    """What an interrupt falls back on was fitted for new trials only: all that had been finished gave the baseline."""
    X, y = messy("binary", rows=80)
    search = SearchSettings(models=["linear", "tree"], folds=2)
    model = AutoClassifier(trials=2, workers=1, random_state=0, experience=None, search=search)
    fit_members = seasoned.tabular.search.search.fit_members

    def fail(*_, **__):
        raise RuntimeError("power")

    with monkeypatch.context() as patch:
        patch.setattr("seasoned.tabular.search.search.fit_members", fail)
        with pytest.raises(RuntimeError, match="power"):
            model.fit(X, y)
    seen = []

    def look(objective, chosen, budget, early):
        seen.append(early.fitted)
        return fit_members(objective, chosen, budget, early)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("seasoned.tabular.search.search.fit_members", look)
    monkeypatch.setattr("seasoned.tabular.search.search.run_study", interrupt)
    model.fit(X, y, resume=True)
    assert seen[0] is not None
    assert seen[0][0] in {"linear", "tree"}


def test_what_is_refused_leaves_the_trials_of_a_resumed_run(cache):
    """A memory limit that is too small for the table, say: with a larger one the run goes on."""
    first = RunFolder.open("key", {}, resume=True)
    assert not first.resumed
    (first.path / "study.db").write_bytes(b"trials")
    (first.path / "trials" / "one.models").write_bytes(b"of its folds")
    (first.path / "trials" / "one.npy").write_bytes(b"of a trial")
    first.release()
    again = RunFolder.open("key", {}, resume=True)
    assert again.resumed
    assert [file.name for file in (again.path / "trials").iterdir()] == ["one.npy"]
    again.abandon()
    assert (again.path / "study.db").exists()
    assert not list_runs()[0].running
    anew = RunFolder.open("key", {}, resume=False)
    assert not anew.resumed
    anew.abandon()
    assert list_runs() == []


@pytest.mark.slow
def test_a_refused_resume_can_be_called_again(cache, tmp_path, monkeypatch):
    X, y = messy("binary", rows=120)
    search = SearchSettings(models=["linear"], folds=2)
    model = AutoClassifier(trials=3, workers=1, search=search, random_state=0, experience=None)
    with monkeypatch.context() as patch:
        patch.setattr(
            "seasoned.tabular.fit.fit_table.finalize", lambda *_: (_ for _ in ()).throw(RuntimeError("killed"))
        )
        with pytest.raises(RuntimeError, match="killed"):
            model.fit(X, y)
    kept = finished_trials(cache)
    assert kept == 3
    with monkeypatch.context() as patch:
        refuse = InvalidInput("memory_limit is too small; raise it.")
        patch.setattr("seasoned.tabular.budget.budget.Budget.check_memory", lambda self: (_ for _ in ()).throw(refuse))
        patch.setattr("seasoned.tabular.estimator.budget_of", lambda given, started: model_budget())
        with pytest.raises(InvalidInput, match="raise it"):
            model.fit(X, y, resume=True)
    assert finished_trials(cache) == kept
    assert len(model.fit(X, y, resume=True).fitted_.trials) == 3


def model_budget():
    return Budget(time.monotonic() + 600.0, 600.0, 3, 1, None, 10)


def test_a_whole_number_of_trials_may_be_written_as_a_float():
    found = budget_of(AutoClassifier(trials=10.0, time_limit=None), time.monotonic()).trials
    assert found == 10
    assert isinstance(found, int)


class Anew:
    """A splitter that says nothing of itself and holds out other rows each time."""

    def __init__(self):
        self.rng = np.random.default_rng()

    def get_n_splits(self, X=None, y=None, groups=None):
        return 1

    def split(self, X, y=None, groups=None):
        rows = self.rng.permutation(len(X))
        yield rows[100:], rows[:100]


def test_a_resumed_run_keeps_the_rows_that_its_trials_are_judged_on(cache, monkeypatch):
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=300)
    search = SearchSettings(models=["linear", "tree"])
    model = AutoClassifier(trials=2, workers=1, search=search, random_state=0, validation=Anew())

    def broken(*_, **__):
        raise RuntimeError("what comes after the search fails")

    with monkeypatch.context() as patched:
        patched.setattr(fit_table, "finalize", broken)
        with pytest.raises(RuntimeError, match="after the search"):
            model.fit(X, y)
    (folder,) = cache.glob("runs/*")
    before = stored_folds(folder)
    kept = []
    learned = fit_table.finalize
    monkeypatch.setattr(fit_table, "finalize", lambda *given: kept.append(given[1].data.folds) or learned(*given))
    model.set_params(trials=3, validation=Anew()).fit(X, y, resume=True)
    np.testing.assert_array_equal(kept[0][0][1], before[0][1])


def test_splitters_that_say_nothing_of_themselves_are_told_apart_by_their_settings():
    class Share:
        def __init__(self, share, rows):
            self.share, self.rows = share, rows

        def split(self, X, y=None, groups=None):
            raise NotImplementedError

    def key(share, rows):
        return description.validation_key(Share(share, np.array(rows)))

    assert key(0.2, [1, 2]) == key(0.2, [1, 2]), "in another process, too: it names no place in the memory"
    assert len({key(0.2, [1, 2]), key(0.4, [1, 2]), key(0.2, [1, 3])}) == 3


def test_folders_of_others_are_none_of_ours(cache, monkeypatch):
    """`runs` is what many tools call theirs: nothing of it is listed, forgotten or removed."""
    monkeypatch.setattr("seasoned.tabular.trial.run_folder.MAX_UNFINISHED", 0)
    cache_folder().mkdir(parents=True)
    for number in range(3):
        other = cache_folder() / f"exp{number}"
        other.mkdir()
        (other / "weights.bin").write_bytes(b"dear")
    RunFolder.open("a" * 24, {"rows": 3}, resume=False).release()
    RunFolder.open("b" * 24, {"rows": 3}, resume=False).release()
    assert len(list_runs()) == 1
    assert clear_runs() == 1
    assert sorted(path.name for path in cache_folder().iterdir() if path.is_dir()) == ["exp0", "exp1", "exp2"]
    assert all((cache_folder() / f"exp{number}" / "weights.bin").exists() for number in range(3))


def test_a_resume_that_finds_nothing_says_so(cache, monkeypatch, caplog):
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=120)
    search = SearchSettings(models=["linear"], folds=2)
    AutoClassifier(trials=1, workers=1, search=search, random_state=0, experience=None).fit(X, y, resume=True)
    assert "found no run of this table, target and settings that is free to be resumed" in caplog.text


@pytest.mark.parametrize("vectors", [True, False])
def test_a_resumed_run_has_the_text_that_its_trials_had(cache, monkeypatch, vectors):
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=200)
    rng = np.random.default_rng(0)
    words = np.array([f"word{number}" for number in range(60)])
    X = X.assign(note=[" ".join(rng.choice(words, 12)) for _ in range(len(X))])
    model = AutoClassifier(
        trials=1, workers=1, search=SearchSettings(models=["linear"], folds=2), random_state=0, experience=None
    )
    plans = []

    def broken(fitted, *_, **__):
        plans.append(fitted.plan)
        raise RuntimeError("stopped")

    learn = plan.plan_from_file

    def cut_short(*given):
        if not vectors:
            raise MemoryError("too large")
        return learn(*given)

    with monkeypatch.context() as patched:
        patched.setattr(fit_table, "finalize", broken)
        patched.setattr(plan, "plan_from_file", cut_short)
        with pytest.raises(RuntimeError, match="stopped"):
            model.fit(X, y)
    model.fit(X, y, resume=True)
    again = model.fitted_.plan
    assert [encoder.to_json() if hasattr(encoder, "to_json") else str(encoder) for encoder in plans[0].encoders] == [
        encoder.to_json() if hasattr(encoder, "to_json") else str(encoder) for encoder in again.encoders
    ]
    assert again.transform(X[:3], "dense").shape == plans[0].transform(X[:3], "dense").shape
    assert (again.transform(X[:3], "dense").shape[1] > 30) == vectors


@pytest.mark.slow
def test_an_opening_that_was_interrupted_goes_on_as_if_it_had_not_been(cache, monkeypatch):
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=150)
    search = SearchSettings(models=["linear", "tree", "histogram", "extra_trees", "forest"], folds=3)
    options = {"trials": 6, "workers": 1, "search": search, "random_state": 0, "experience": None}
    whole = AutoClassifier(**options).fit(X, y)
    ended, clock = [], seasoned.tabular.search.search.ElapsedTimes.__call__

    def interrupted(self, study, trial):
        clock(self, study, trial)
        ended.append(trial.number)
        if len(ended) == 2:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(seasoned.tabular.search.search.ElapsedTimes, "__call__", interrupted)
        first = AutoClassifier(**options).fit(X, y)
    assert first.stopped_by_ == "SIGINT"
    assert len(first.fitted_.trials) < 5
    again = AutoClassifier(**options).fit(X, y, resume=True)
    assert [trial.state for trial in again.fitted_.trials] == [trial.state for trial in whole.fitted_.trials]
    np.testing.assert_array_equal(again.predict_proba(X), whole.predict_proba(X))


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


def test_a_resume_that_cannot_learn_its_text_vectors_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=200)
    words = np.array([f"word{number}" for number in range(60)])
    X = X.assign(note=[" ".join(RNG.choice(words, 12)) for _ in range(len(X))])
    model = AutoClassifier(
        trials=1, workers=1, search=SearchSettings(models=["linear"], folds=2), random_state=0, experience=None
    )
    with monkeypatch.context() as patched:
        patched.setattr(fit_table, "finalize", failing(RuntimeError("stopped")))
        with pytest.raises(RuntimeError, match="stopped"):
            model.fit(X, y)
    with monkeypatch.context() as patched:
        patched.setattr(plan, "plan_from_file", failing(MemoryError("too large")))
        with pytest.raises(InvalidInput, match="which this run's trials had, could not be learned again"):
            model.fit(X, y, resume=True)
    model.fit(X, y, resume=True)
    assert model.fitted_.plan.transform(X[:3], "dense").shape[1] > 30
