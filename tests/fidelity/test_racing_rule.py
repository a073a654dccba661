"""Racing over folds, beside results without folds."""

from __future__ import annotations

from seasoned import Study
from seasoned.fidelity import Racing
from seasoned.space import Float, Space


def test_a_race_goes_on_beside_a_result_without_folds():
    hard = [0.3, 0.1, 0.5, 0.2, 0.4, 0.3, 0.2, 0.6]

    def cross_validate(config, trial):
        losses = []
        for fold in range(1, trial.budget + 1):
            losses.append(hard[fold - 1] + config["x"] ** 2)
            trial.report(fold, losses[-1])
        return sum(losses) / len(losses)

    study = Study(Space(x=Float(-1, 1)), fidelity=Racing(max=8), seed=0)
    study.tell({"x": 0.3}, 0.0)
    study.optimize(cross_validate, trials=30)
    assert sum(trial.state == "pruned" for trial in study.trials) > 5
