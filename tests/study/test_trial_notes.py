"""Notes of trials: from the objective or by hand to the log and to the frame."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from seasoned import ASHA, Categorical, Choice, Float, Space, Study
from seasoned.errors import InvalidInput, Pruned
from seasoned.samplers import Random
from seasoned.trials import Finished, TrialState
from seasoned.trials.notes import as_notes
from seasoned.trials.serialization import from_text, to_text

SPACE = Space(x=Float(0, 1))


def noted(config, trial):
    trial.checkpoint.joinpath("model.bin").write_bytes(b"x")
    trial.note(epochs=np.int64(3 + trial.number), path=Path("m") / f"{trial.number}.bin")
    if trial.number == 2:
        raise Pruned("enough")
    return config["x"]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_objective_with_two_arguments_receives_its_trial(tmp_path, workers):
    url = f"sqlite:///{tmp_path / 's.db'}"
    study = Study(SPACE, sampler=Random(), seed=0, storage=url, name="s", checkpoints=tmp_path / "c")
    study.optimize(noted, trials=4, workers=workers)
    again = Study(SPACE, sampler=Random(), storage=url, name="s")
    for trial in again.trials:
        assert trial.notes == {"epochs": 3 + trial.number, "path": str(Path("m") / f"{trial.number}.bin")}
    frame = again.frame()
    assert frame["note.epochs"].tolist() == [3, 4, 5, 6]
    assert again.trials[2].state is TrialState.PRUNED
    kept = sorted(int(path.parent.name) for path in tmp_path.glob("c/*/*/model.bin"))
    assert kept == [0, 1, 3], "of what was pruned nothing stays"


def test_notes_are_stored_under_a_fidelity_rule():
    def trains(config, trial):
        trial.note(steps=trial.budget)
        for step in range(trial.step + 1, trial.budget + 1):
            trial.report(step, config["x"] + 1 / step)
        return config["x"]

    study = Study(SPACE, sampler=Random(), seed=0, fidelity=ASHA(max=9))
    study.optimize(trains, trials=6)
    assert all(trial.notes == {"steps": 9} for trial in study.trials)


def test_notes_by_hand_are_stored_in_the_log():
    study = Study(SPACE, sampler=Random(), seed=0)
    told = study.tell(study.ask(), 0.5, notes={"score": math.nan, "shape": [2, {"a": (1, 2)}], "done": True})
    assert told.notes == {"score": None, "shape": (2, {"a": (1, 2)}), "done": True}
    event = Finished(3, TrialState.COMPLETE, (1.0,), notes=told.notes)
    assert from_text("finished", 3, to_text(event)) == event
    assert "notes" not in to_text(Finished(3, TrialState.COMPLETE, (1.0,)))
    assert from_text("finished", 3, '{"state":"complete","values":[1.0]}').notes == {}


def test_notes_that_a_log_cannot_hold_are_refused():
    with pytest.raises(InvalidInput, match=r"the note 'model\.tree' is <object"):
        as_notes({"model": {"tree": object()}})

    def keeps(config, trial):
        trial.note(table=np.zeros(3))
        return 0.0

    study = Study(SPACE, sampler=Random(), seed=0)
    study.optimize(keeps, trials=1)
    assert "the note 'table'" in study.trials[0].error


def test_the_column_of_a_note_does_not_hide_a_parameter():
    study = Study(Space(note=Choice(a=Space(b=Categorical([1, 2])))), sampler=Random(), seed=0)
    study.optimize(lambda config, trial: trial.note(**{"a.b": "kept"}) or 0.0, trials=2)
    assert study.frame()["note.a.b"].tolist() == ["kept", "kept"]
    assert set(study.frame()["config.note.a.b"]) <= {1, 2}


def test_a_note_may_be_a_long_double():
    study = Study(SPACE, seed=0)
    told = study.tell({"x": 0.5}, 0.1, notes={"loss": np.longdouble(0.5), "count": np.int64(3)})
    assert told.notes == {"loss": 0.5, "count": 3}
