"""When the race becomes strict: once the families have been met, whichever trial ends last."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from seasoned.tabular.race import Race
from seasoned.tabular.records import TrialRecord
from seasoned.trials import TrialState


class Objective:
    def __init__(self) -> None:
        self.bars = []
        self.data = SimpleNamespace(folds=[(np.arange(75), np.arange(25))])
        self.records = SimpleNamespace(of=lambda config: TrialRecord(None, 1.0, (config,)), set_bar=self.bars.append)

    def baseline_losses(self):
        return (1.0,)


def ended(number, loss, state=TrialState.COMPLETE):
    return SimpleNamespace(number=number, value=loss, config=loss, state=state)


def test_a_live_race_is_strict_once_its_opening_has_ended_whatever_ends_between():
    objective = Objective()
    race = Race(objective, True, 2)
    race(None, ended(1, 0.4))
    race(None, ended(7, 0.3))  # begun while the opening still ran
    assert [bar.share for bar in objective.bars] == pytest.approx([0.2, 0.2])
    race(None, ended(0, None, TrialState.RUNNING))  # of a run that is resumed
    assert race.share == pytest.approx(0.2)
    race(None, ended(0, None, TrialState.FAILED))
    assert objective.bars[-1].share == pytest.approx(0.1)
    assert objective.bars[-1].best == (0.3,)
    race(None, ended(8, 0.2))
    assert (objective.bars[-1].share, objective.bars[-1].best) == (pytest.approx(0.1), (0.2,))


def test_a_race_that_is_not_live_moves_when_it_is_told():
    objective = Objective()
    race = Race(objective, False, 1)
    race(None, ended(0, 0.4))
    assert not objective.bars
    race.close_defaults([ended(0, 0.4)])
    assert [bar.share for bar in objective.bars] == pytest.approx([0.1])
