"""A fit that has come to its end can have more trials or time; until then nothing of its table stays."""

from __future__ import annotations

import numpy as np
import pytest

from in_process import estimator, stay_in_process
from messy import messy
from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.locations import PastStore
from seasoned.tabular.preprocessing.text_scores import TextScores
from seasoned.tabular.trial import run_folder
from seasoned.tabular.trial.run_folder import RunFolder, list_runs

MODELS = ("linear", "tree", "histogram")


@pytest.fixture(autouse=True)
def _here(monkeypatch, cache):
    stay_in_process(monkeypatch)


def tried(model):
    return [(trial.number, trial.config, trial.loss) for trial in model.fitted_.trials]


@pytest.mark.parametrize("first", [2, 4])  # before the families have all begun, and after
@pytest.mark.slow
def test_more_trials_are_as_if_they_had_been_asked_for_at_once(first):
    X, y = messy("binary", rows=120)
    short = estimator("binary", MODELS, trials=first).fit(X, y)
    longer = estimator("binary", MODELS, trials=7).fit(X, y, resume=True)
    assert tried(longer)[:first] == tried(short)
    again = estimator("binary", MODELS, trials=7).fit(X, y, resume=True)
    assert tried(again) == tried(longer), "nothing more was asked for"
    whole = estimator("binary", MODELS, trials=7).fit(X, y)
    assert tried(whole) == tried(longer)
    np.testing.assert_array_equal(whole.predict_proba(X), longer.predict_proba(X))
    np.testing.assert_array_equal(again.predict_proba(X), longer.predict_proba(X))


def test_of_the_table_nothing_stays():
    X, y = messy("regression", rows=120)
    X["note"] = [f"a secret about row {row}, told in words" for row in range(len(X))]
    X["size"] = np.linspace(1234.5678, 2345.6789, len(X))
    estimator("regression", MODELS[:2]).fit(X, y, sample_weight=np.full(len(X), 0.4321), groups=np.arange(len(X)) // 2)
    (run,) = list_runs()
    assert run.about["ended"]
    folder = run_folder.cache_folder() / run.name
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in kept} <= {".json", ".db", ".npz", ".npy", ".none"}
    secrets = [b"secret", b"colour", np.float64(1234.5678).tobytes(), np.float64(0.4321).tobytes()]
    secrets += [np.float64(value).tobytes() for value in y]
    for path in kept:
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret in content], path
        if path.suffix == ".npz":
            assert set(np.load(path).files) <= {"t0", "v0", "t1", "v1"} | {"values", *TextScores.KINDS}


def test_what_is_refused_when_it_goes_on_leaves_no_table_either(monkeypatch):
    X, y = messy("binary", rows=120)
    estimator("binary", MODELS[:2]).fit(X, y)

    def refuse(*_):
        raise InvalidInput("too little memory")

    with monkeypatch.context() as patch:
        patch.setattr("seasoned.tabular.fit.plan.limit_workers", refuse)
        with pytest.raises(InvalidInput, match="too little"):
            estimator("binary", MODELS[:2], trials=3).fit(X, y, resume=True)
    (run,) = list_runs()
    assert run.about["ended"]
    assert not (run_folder.cache_folder() / run.name / "y.npy").exists()
    assert len(tried(estimator("binary", MODELS[:2], trials=3).fit(X, y, resume=True))) == 3


def test_as_experience_it_counts_once(tmp_path):
    url = f"sqlite:///{tmp_path / 'own.db'}"
    X, y = messy("binary", rows=120)
    estimator("binary", MODELS, experience=url).fit(X, y)
    estimator("binary", MODELS, experience=url, trials=5).fit(X, y, resume=True)
    store = PastStore(url)
    (study,) = store.read(10)
    store.close()
    assert len(study.configurations) == 8 * 5


def test_the_latest_are_kept_beside_those_that_were_stopped(monkeypatch, caplog):
    monkeypatch.setattr(run_folder, "MAX_FINISHED", 2)
    stopped = RunFolder.open("stopped", {}, resume=False)
    stopped.release()
    for number in range(4):
        RunFolder.open(f"key {number}", {}, resume=False).finish("abc")
        for file in (run_folder.cache_folder() / f"key {number}").iterdir():
            run_folder.os.utime(file, (number, number))
    RunFolder.open("new", {}, resume=False).release()
    assert {run.name for run in list_runs()} == {"stopped", "key 2", "key 3", "new"}
    assert "is deleted" not in caplog.text, "their models are there"


def test_what_was_half_written_goes_too():
    folder = RunFolder.open("key", {}, resume=False)
    trials = folder.path / "trials"
    for name in (".one.models.1562", "one.models", "one.npy", "one.json"):
        (trials / name).touch()
    folder.finish()
    assert sorted(path.name for path in trials.iterdir()) == ["one.json", "one.npy"]


def test_a_folder_that_cannot_be_cleared_goes_as_a_whole(monkeypatch):
    folder = RunFolder.open("key", {}, resume=False)
    (folder.path / "y.npy").touch()

    def busy(*_, **__):
        raise PermissionError("in use")

    with monkeypatch.context() as patch:
        patch.setattr(run_folder.Path, "unlink", busy)
        folder.finish()
    assert list_runs() == []


def test_an_ended_run_that_is_too_large_to_stay_goes_at_once(monkeypatch):
    monkeypatch.setattr(run_folder, "MAX_FINISHED_BYTES", 10_000)
    for name, size in (("large", 20_000), ("small", 10)):
        folder = RunFolder.open(name, {}, resume=False)
        (folder.path / "trials" / "one.npy").write_bytes(bytes(size))
        folder.finish()
    assert [run.name for run in list_runs()] == ["small"]
