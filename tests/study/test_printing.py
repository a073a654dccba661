"""Studies, trials and experience say in a line or two what they are."""

from __future__ import annotations

import seasoned
from seasoned import ASHA, Float, Random, Space, Study
from seasoned.knowledge import Experience, past_study

SPACE = Space(x=Float(0, 1), y=Float(0, 1))


def study_of(objective, trials, **options):
    study = Study(SPACE, sampler=Random(), seed=0, name="net", **options)
    study.optimize(objective, trials=trials, progress=False)
    return study


def some_fail(config):
    if config["x"] > 0.5:
        raise ValueError("too far")
    return config["x"]


def test_a_study_says_its_name_its_size_its_trials_and_the_best():
    study = study_of(some_fail, 6)
    states = [trial.state.value for trial in study.trials]
    counts = f"{states.count('complete')} complete, {states.count('failed')} failed"
    assert repr(study) == f"Study('net': 2 parameters, minimize, 6 trials ({counts}))"
    first, second = str(study).splitlines()
    assert first == f"study 'net': 2 parameters, minimize, 6 trials ({counts})"
    assert second == f"best value {study.best.value:.6g} in trial {study.best.number}: {study.best.config}"
    assert str(Study(SPACE)) == "study 'study': 2 parameters, minimize, 0 trials"


def test_a_study_of_several_objectives_counts_its_front():
    study = study_of(lambda config: (config["x"], -config["x"]), 4, direction=("minimize", "maximize"))
    assert str(study).splitlines()[-1] == f"{len(study.front)} trials on the front"
    assert "minimize/maximize" in repr(study)


def test_a_maximum_is_printed_as_it_was_returned():
    assert "best value 0.5 in trial 0" in str(study_of(lambda config: 0.5, 1, direction="maximize"))


def test_a_trial_counts_its_reports():
    def stepwise(config, trial):
        for step in range(1, trial.budget + 1):
            trial.report(step, config["x"])
        return 0.25

    (trial,) = study_of(stepwise, 1, fidelity=ASHA(max=9)).trials
    assert repr(trial).startswith("Trial(0, complete, 0.25, ")
    assert f"9 reports, {trial.config})" in repr(trial)
    (failed,) = study_of(lambda config: config["z"], 1).trials
    assert "failed, \"KeyError: 'z'\"" in repr(failed)


def test_only_failed_trials_have_an_error_in_the_table():
    study = study_of(some_fail, 3)
    study.tell(study.ask(), pruned="stopped at step 9")
    frame = study.frame()
    assert frame["error"].notna().tolist() == (frame["state"] == "failed").tolist()
    assert study.trials[-1].error == "stopped at step 9"


def test_experience_says_how_much_it_holds_and_from_where():
    experience = Experience.of_studies([past_study(study_of(some_fail, 4))])
    assert repr(experience) == "Experience(1 studies, 4 trials: 1 from 'study')"
    assert repr(Experience.of_studies([])) == "Experience(0 studies, 0 trials)"


def test_all_samplers_and_rules_are_at_the_top():
    for room in (seasoned.samplers, seasoned.fidelity):
        public = {
            name for name in room.__all__ if name not in {"Sampler", "Suggestion", "Decision", "Fidelity", "LiveTrial"}
        }
        assert public <= set(seasoned.__all__)
