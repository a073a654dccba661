"""Events as text: reasons of pruned trials, constraints, and stores that have only sentences."""

from __future__ import annotations

import json

import pytest

from seasoned import ASHA, Float, Space, Study
from seasoned.errors import Pruned, PruneReason
from seasoned.trials import Finished, TrialState
from seasoned.trials.serialization import from_text, to_text


@pytest.mark.parametrize("reason", PruneReason)
def test_a_prune_reason_survives_the_log(reason):
    event = Finished(4, TrialState.PRUNED, None, 0.5, "a sentence", prune_reason=reason)
    assert from_text("finished", 4, to_text(event)) == event


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("stopped at step 9", PruneReason.FIDELITY),
        ("not promoted beyond step 3", PruneReason.FIDELITY),
        ("its first 2 of 5 folds reached roc_auc 0.6, too far from the 0.9 of the best trial", PruneReason.FOLDS),
        (
            "its predictions take too long, 9 ms a row; predict_limit leaves 1 to the models",
            PruneReason.PREDICTION_TIME,
        ),
        ("a sentence of the objective", PruneReason.OBJECTIVE),
        (None, None),
    ],
)
def test_sentences_of_stores_without_reasons_are_read_as_reasons(sentence, reason):
    text = json.dumps({"state": "pruned", "error": sentence})
    assert from_text("finished", 0, text).prune_reason is reason


def test_only_pruned_trials_have_a_prune_reason():
    for state in ("complete", "failed"):
        assert from_text("finished", 0, json.dumps({"state": state, "values": [1.0]})).prune_reason is None


def test_a_study_records_the_prune_reason_of_a_trial():
    def objective(config, trial):
        if trial.number == 0:
            raise Pruned("no use")
        for step in range(1, 10):
            trial.report(step, float(trial.number))
        return float(trial.number)

    study = Study(Space(x=Float(0, 1)), fidelity=ASHA(min=1, max=9, eta=3), seed=0)
    study.optimize(objective, trials=9)
    first, *others = study.trials
    assert first.prune_reason is PruneReason.OBJECTIVE
    assert {trial.prune_reason for trial in others if trial.state is TrialState.PRUNED} == {PruneReason.FIDELITY}
    assert all(trial.prune_reason is None for trial in others if trial.state is not TrialState.PRUNED)


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ('{"state":"complete","values":[1.5],"seconds":0.1}', Finished(3, TrialState.COMPLETE, (1.5,), 0.1)),
        ('{"state":"failed","error":"e"}', Finished(3, TrialState.FAILED, error="e")),
        (
            '{"state":"complete","values":[1.0],"constraints":[0.1,-1.0]}',
            Finished(3, TrialState.COMPLETE, (1.0,), constraints=(0.1, -1.0)),
        ),
    ],
)
def test_events_keep_their_text_with_and_without_constraints(text, event):
    assert from_text("finished", 3, text) == event
    assert to_text(event) == text
