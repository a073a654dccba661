"""Opening of the race: the first trials are compared with all, later ones with their own family too."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from seasoned.tabular.search.racing import FoldRace, lag_deviation
from seasoned.tabular.trial.results import ALL, Records, TrialRecord
from seasoned.trials import TrialState


class Objective:
    predict_limit = None

    def __init__(self) -> None:
        self.bars = []
        self.data = SimpleNamespace(folds=[(np.arange(75), np.arange(25))])
        self.records = SimpleNamespace(of=self.record, set_bars=self.bars.append)

    @staticmethod
    def record(config):
        ((_, settings),) = config["model"].items()
        return TrialRecord(None, 1.0, (settings["loss"],))

    def baseline_losses(self):
        return (1.0,)


def ended(number, loss, state=TrialState.COMPLETE, family="tree"):
    return SimpleNamespace(number=number, value=loss, config={"model": {family: {"loss": loss}}}, state=state)


def test_a_live_race_is_strict_once_its_opening_has_ended_whatever_ends_between():
    objective = Objective()
    race = FoldRace(objective, True, 2)
    race(None, ended(1, 0.4))
    race(None, ended(7, 0.3))  # begun while the opening still ran
    assert [bars[ALL].share for bars in objective.bars] == pytest.approx([0.2, 0.2])
    race(None, ended(0, None, TrialState.RUNNING))  # of a run that is resumed
    assert race.share == pytest.approx(0.2)
    race(None, ended(0, None, TrialState.FAILED))
    assert objective.bars[-1][ALL].share == pytest.approx(0.1)
    assert objective.bars[-1][ALL].best == (0.3,)
    race(None, ended(8, 0.2))
    assert (objective.bars[-1][ALL].share, objective.bars[-1][ALL].best) == (pytest.approx(0.1), (0.2,))


def test_a_race_that_is_not_live_moves_when_it_is_told():
    objective = Objective()
    race = FoldRace(objective, False, 1)
    race(None, ended(0, 0.4))
    assert not objective.bars
    race.close_defaults([ended(0, 0.4)])
    assert [bars[ALL].share for bars in objective.bars] == pytest.approx([0.1])


def test_families_are_met_before_they_are_raced_against_themselves():
    objective = Objective()
    race = FoldRace(objective, True, 2)
    race(None, ended(0, 0.2))
    assert set(objective.bars[-1]) == {ALL}
    race(None, ended(1, 0.5, family="forest"))
    assert set(objective.bars[-1]) == {ALL}, "one trial has nobody of its own to lag behind"
    race(None, ended(2, 0.4, family="forest"))  # not the best of all, but of its own
    assert (objective.bars[-1]["forest"].best, objective.bars[-1]["forest"].share) == ((0.4,), 0.0)
    assert objective.bars[-1][ALL].best == (0.2,)
    race(None, ended(3, 0.6, family="forest"))
    assert objective.bars[-1]["forest"].best == (0.4,)
    assert "tree" not in objective.bars[-1]


def test_luck_within_a_family_is_what_lags_have_differed_by():
    baseline = (1.0, 1.0, 1.0)
    best = (0.5, 0.5, 0.5)
    even = (0.6, 0.6, 0.6)  # always a fifth of the gap behind
    uneven = (0.4, 0.5, 0.6)  # lags of -0.2, 0 and 0.2
    assert lag_deviation([best, even], best, baseline) == pytest.approx(0.0)
    assert lag_deviation([best, uneven], best, baseline) == pytest.approx(0.2)
    assert lag_deviation([best, even, uneven], best, baseline) == pytest.approx(0.2 / np.sqrt(2))
    assert lag_deviation([best], best, baseline) == 0.0
    assert lag_deviation([best, (None, 0.5, 0.7)], best, baseline) == pytest.approx(
        0.4 / np.sqrt(2)
    )  # folds that are known


def test_bars_are_those_of_all_and_of_ones_own(tmp_path):
    objective, records = Objective(), Records(tmp_path)
    assert records.bars("tree") == []
    objective.records.set_bars = records.set_bars
    race = FoldRace(objective, False, 3)
    race.close_defaults([ended(0, 0.2), ended(1, 0.5, family="forest"), ended(2, 0.6, family="forest")])
    assert [bar.best for bar in records.bars("forest")] == [(0.2,), (0.5,)]
    assert [bar.best for bar in records.bars("tree")] == [(0.2,)]
