"""What newcomers do with studies: look at them, queue what they know, run again after a mistake."""

from __future__ import annotations

import logging

import pytest

from seasoned import ASHA, Constrained, Float, Grid, Int, Random, Space, Study, WarmStart, minimize
from seasoned.errors import InvalidConfig, InvalidInput, Pruned, StudyConflict
from seasoned.samplers import TPE, Bayes, DifferentialEvolution, Genetic
from seasoned.storage import MemoryStorage
from seasoned.trials import SpaceChanged, TrialState

SPACE = Space(x=Float(-1, 1), n=Int(1, 5))


def loss(config):
    return config["x"] ** 2 + config["n"]


def test_looking_at_a_study_from_another_space_changes_nothing(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    running = Study(SPACE, sampler=Random(), storage=url, name="night", seed=0)
    running.optimize(loss, trials=5)
    looked = Study(Space(x=Float(-1, 1), n=Int(1, 2)), sampler=Random(), storage=url, name="night")
    assert len(looked.frame()) == 5
    assert looked.best.config["n"] <= 2
    running.optimize(loss, trials=8)
    assert len(looked.trials) == 8
    assert not any(isinstance(event, SpaceChanged) for event in running._ledger.log.read())


def test_it_moves_with_the_first_new_trial_and_says_what_counts_no_longer(caplog):
    storage = MemoryStorage()
    Study(SPACE, sampler=Random(), storage=storage, name="s", seed=0).optimize(loss, trials=6)
    narrow = Study(Space(x=Float(-1, 1), n=Int(7, 9)), sampler=Random(), storage=storage, name="s")
    with pytest.raises(StudyConflict, match="6 in another that it was in before"):
        _ = narrow.best
    with caplog.at_level(logging.WARNING, "seasoned.study"):
        trial = narrow.ask()
    assert trial.number == 6
    assert "6 of its 6 trials are not valid" in caplog.text
    assert [event.first for event in narrow._ledger.log.read() if isinstance(event, SpaceChanged)] == [6]
    narrow.tell(trial, 1.0)
    assert narrow.best.number == 6
    again = Study(Space(x=Float(-1, 1), n=Int(7, 9)), sampler=Random(), storage=storage, name="s")
    again.optimize(loss, trials=3)
    assert sum(isinstance(event, SpaceChanged) for event in again._ledger.log.read()) == 1


def test_a_stored_study_is_loaded_without_knowing_its_space(tmp_path):
    path = tmp_path / "s.db"
    Study(SPACE, storage=path, name="s", direction="maximize", seed=3).optimize(loss, trials=4)
    found = Study.load(path, "s")
    assert (found.space, found.seed, found.directions, len(found.trials)) == (SPACE, 3, ("maximize",), 4)
    with pytest.raises(StudyConflict, match="no study 't'; the names are"):
        Study.load(path, "t")
    with pytest.raises(InvalidInput, match="storage is 5; give a URL"):
        Study(SPACE, storage=5, name="s")


@pytest.mark.parametrize("kind", ["path", "url", "url with a query", "folder that is not there"])
def test_a_file_that_is_not_there_is_not_made_by_looking_into_it(tmp_path, kind):
    file = tmp_path / "none.db" if kind != "folder that is not there" else tmp_path / "none" / "s.db"
    place = {"path": file, "url with a query": f"sqlite:///{file}?timeout=3"}.get(kind, f"sqlite:///{file}")
    with pytest.raises(
        StudyConflict, match=r"the file of the storage '.*' does not exist, so there is no study 'night'"
    ):
        Study.load(place, "night")
    assert not list(tmp_path.iterdir())
    with pytest.raises(StudyConflict, match="nowhere"):
        Study.load("nowhere", "night")
    with pytest.raises(InvalidInput, match="no database URL"):
        Study.load("no:where", "night")


def test_a_path_is_a_file_as_text_and_as_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Study(SPACE, storage="runs.db", name="s", seed=0).optimize(loss, trials=2)
    assert len(Study.load(tmp_path / "runs.db", "s").trials) == 2
    with pytest.raises(InvalidInput, match="question mark"):
        Study(SPACE, storage=tmp_path / "what?" / "runs.db", name="s")
    assert [path.name for path in tmp_path.iterdir() if "runs.db" not in path.name] == []


@pytest.mark.parametrize("sampler", [Random(), Bayes(), TPE(), Genetic(), DifferentialEvolution()])
def test_what_is_enqueued_is_tried_next(sampler):
    study = Study(SPACE, sampler=sampler, seed=0, budget=30)
    study.optimize(loss, trials=3)
    known = [{"x": 0.25, "n": 2}, {"x": -0.5, "n": 4}]
    assert [trial.number for trial in study.enqueue(*known)] == [3, 4]
    asked = study.ask()
    assert dict(asked.config) == known[0]
    study.tell(asked, loss(asked.config))
    study.optimize(loss, trials=12)
    assert [dict(trial.config) for trial in study.trials[3:5]] == known
    assert all(trial.state is TrialState.COMPLETE for trial in study.trials)
    assert len(study.trials) == 12


def test_a_script_that_is_run_again_need_not_queue_again():
    study = Study(SPACE, sampler=Random(), seed=0)
    known = [{"x": 0.25, "n": 2}, {"x": -0.5, "n": 4}]
    assert len(study.enqueue(*known, known[0], again=False)) == 2
    study.optimize(loss, trials=3)
    assert study.enqueue(*known, again=False) == []
    assert len(study.enqueue(known[0])) == 1
    failed = study.tell({"x": 0.75, "n": 1}, error="the disk was full")
    assert [trial.config for trial in study.enqueue(failed.config, known[1], again=False)] == [failed.config]


def test_an_objective_of_the_parameters_themselves_is_refused_in_a_sentence():
    study = Study(SPACE, seed=0)
    with pytest.raises(InvalidInput, match=r"takes x, n, and is called with one configuration, a dict"):
        study.optimize(lambda x, n: x + n, trials=3)
    study.optimize(lambda config, n=1: config["x"] + n, trials=1)


def test_a_search_that_fails_at_last_keeps_its_best(caplog):
    tried = []

    def breaking(config):
        tried.append(config["x"])
        if len(tried) > 30:
            raise OSError("No space left on device")
        return config["x"]

    best = minimize(breaking, Space(x=Float(0, 1)), trials=300, seed=0, progress=False)
    assert best.value == min(tried[:30])
    assert len(tried) < 100
    assert "the search ends early, with the best trial so far" in caplog.text


def test_an_interrupted_search_tells_its_best(caplog):
    def interrupted(config):
        if config["x"] < 0.2:
            raise KeyboardInterrupt
        return config["x"]

    with pytest.raises(KeyboardInterrupt):
        minimize(interrupted, Space(x=Float(0, 1)), trials=300, seed=0, progress=False)
    assert "interrupted; the best so far: (0." in caplog.text


def test_where_all_are_pruned_it_is_said():
    def pruned(config):
        raise Pruned

    study = Study(SPACE, seed=0)
    study.optimize(pruned, trials=3, progress=False)
    with pytest.raises(StudyConflict, match="no trial of the study 'study' is complete, and 3 were pruned"):
        _ = study.best


def test_what_is_enqueued_is_checked_and_fits_the_plan():
    study = Study(SPACE, sampler=Random(), seed=0)
    with pytest.raises(InvalidConfig):
        study.enqueue({"x": 0.25})
    assert not study.trials
    given_back = Study(SPACE, sampler=Random(), storage=study._storage, name="study")
    lost = given_back.ask()
    given_back._by_hand.end()  # an earlier trial waits for somebody
    assert study.enqueue({"x": 0.0, "n": 1})[0].number == lost.number + 1
    assert study.ask().config == lost.config
    plan = Study(Space(n=Int(1, 3)), sampler=Grid(), seed=0)
    plan.enqueue({"n": 3}, {"n": 3})
    with pytest.raises(
        StudyConflict, match="2 configurations are to be queued and 1 of the sampler's 3 trials are left"
    ):
        plan.enqueue({"n": 1}, {"n": 1})
    plan.optimize(lambda config: config["n"])
    assert len(plan.trials) == 3


def test_values_known_before_are_in_the_studys_direction():
    points = [[v / 10] for v in range(11)]
    values = [-((v[0] - 0.8) ** 2) for v in points]
    for direction, sign in (("maximize", 1), ("minimize", -1)):
        warm = WarmStart(points=points, values=[sign * value for value in values])
        study = Study(Space(x=Float(0, 1)), sampler=Bayes(warm_start=warm), direction=direction, seed=0)
        assert study.ask().config["x"] == pytest.approx(0.8, abs=0.11)
    relative = WarmStart(points=points, values=[-value for value in values], relative=True)
    study = Study(Space(x=Float(0, 1)), sampler=Bayes(warm_start=relative), direction="maximize", seed=0)
    assert study.ask().config["x"] == pytest.approx(0.8, abs=0.11)


def test_a_warm_start_that_comes_too_late_is_told(caplog):
    storage = MemoryStorage()
    warm = WarmStart(configurations=[{"x": 0.25, "n": 2}])
    Study(SPACE, sampler=Random(warm_start=warm), storage=storage, name="s")
    Study(SPACE, sampler=Random(warm_start=warm), storage=storage, name="s")
    assert not caplog.text
    Study(SPACE, sampler=Random(warm_start=WarmStart(configurations=[{"x": 0.5, "n": 2}])), storage=storage, name="s")
    assert "began without this warm start" in caplog.text


def test_a_run_with_nothing_left_to_do_says_so(caplog):
    study = Study(SPACE, sampler=Random(), seed=0)
    study.optimize(lambda config: config["missing"], trials=3)
    assert caplog.text.count("test_first_steps.py, line ") == 3, "where it failed"
    caplog.clear()
    study.optimize(loss, trials=3)
    assert "holds 3 finished trials already (3 of them failed): with trials=3 nothing is run" in caplog.text


def test_objectives_with_a_wrong_signature_are_refused_before_they_run():
    study = Study(SPACE, sampler=Random(), seed=0)
    with pytest.raises(InvalidInput, match="does not take a configuration alone"):
        study.optimize(lambda x, n, more: 1.0, trials=3)
    with pytest.raises(InvalidInput, match="does not take the trial"):
        Study(SPACE, sampler=Random(), fidelity=ASHA(), seed=0).optimize(loss, trials=3)
    assert not study.trials
    study.optimize(lambda config, weight=2.0: weight * loss(config), trials=1)


def test_optunas_way_to_prune_is_understood():
    class TrialPruned(Exception):
        pass

    def objective(config):
        if config["n"] > 2:
            raise TrialPruned
        return Constrained(loss(config), constraints=[0.0])

    study = Study(SPACE, sampler=Random(), seed=0)
    study.optimize(objective, trials=12)
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}


def test_what_is_enqueued_comes_before_the_warm_start_and_takes_none_of_it():
    first = [{"x": 0.1, "n": 1}, {"x": 0.2, "n": 2}, {"x": 0.3, "n": 3}]
    study = Study(SPACE, sampler=Random(warm_start=WarmStart(configurations=first)), seed=0)
    study.optimize(loss, trials=1)
    own = [{"x": 0.8, "n": 4}, {"x": 0.9, "n": 4}]
    assert [trial.number for trial in study.enqueue(*own)] == [1, 2]
    assert study.enqueue() == []
    study.optimize(loss, trials=7)
    assert [dict(trial.config) for trial in study.trials[:5]] == [first[0], *own, *first[1:]]
