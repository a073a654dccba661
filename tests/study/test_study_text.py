"""Text of a study: name, size, counts of trials, and the best trial."""

from __future__ import annotations

from random_search import PLANE, net_study, some_fail
from seasoned import Study


def test_the_text_of_a_study_names_size_trials_and_the_best():
    study = net_study(some_fail, 6)
    states = [trial.state.value for trial in study.trials]
    counts = f"{states.count('complete')} complete, {states.count('failed')} failed"
    assert repr(study) == f"Study('net': 2 parameters, minimize, 6 trials ({counts}))"
    first, second = str(study).splitlines()
    assert first == f"study 'net': 2 parameters, minimize, 6 trials ({counts})"
    assert second == f"best value {study.best.value:.6g} in trial {study.best.number}: {study.best.config}"
    assert str(Study(PLANE)) == "study 'study': 2 parameters, minimize, 0 trials"


def test_the_text_of_a_study_counts_the_front_of_several_objectives():
    study = net_study(lambda config: (config["x"], -config["x"]), 4, direction=("minimize", "maximize"))
    assert str(study).splitlines()[-1] == f"{len(study.front)} trials on the front"
    assert "minimize/maximize" in repr(study)


def test_the_text_of_a_study_shows_a_maximum_as_it_was_returned():
    assert "best value 0.5 in trial 0" in str(net_study(lambda config: 0.5, 1, direction="maximize"))
