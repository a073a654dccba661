"""What a configuration adds to the models chosen so far, and what becomes of one that adds nothing."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from advised import DEFAULTS, POOL, SCENE, SPACE, guide

from seasoned import AutoRegressor, SearchSettings
from seasoned.errors import Pruned
from seasoned.tabular.bar import Bar, further_behind, least_of_stopped
from seasoned.tabular.company import ADDS_NOTHING, adds_nothing, can_tell, keep_company
from seasoned.tabular.experienced import Experienced
from seasoned.tabular.guide import Guide
from seasoned.tabular.objective import CrossValidation
from seasoned.tabular.records import ALL, Records, TrialRecord
from seasoned.tabular.steering import Promising
from seasoned.trials import Asked, Config, Finished, StudySpec, TrialState

RECORD = TrialRecord(None, 1.0)


class Squares:
    """As much of an objective as the question needs: squared errors, five folds of equal numbers."""

    def __init__(self, folder, rows=100):
        rng = np.random.default_rng(0)
        self.truth = rng.normal(size=rows)
        self.records = Records(folder)
        self.folds = 5
        self.data = SimpleNamespace(known_rows=lambda: np.arange(rows))
        (folder / "trials").mkdir()

    def loss_on(self, rows, predicted):
        return float(np.mean((self.truth[rows] - predicted) ** 2))


@pytest.fixture
def objective(tmp_path):
    return Squares(tmp_path)


def test_errors_elsewhere_add_something_and_the_same_errors_made_larger_do_not(objective):
    rows = np.arange(100)
    errors = np.random.default_rng(1).normal(size=(2, 100)) * 0.3
    company = objective.truth + errors[0]
    same, other = objective.truth + 1.2 * errors[0], objective.truth + 1.2 * errors[1]
    assert objective.loss_on(rows, other) > objective.loss_on(rows, company), "alone it is worse"
    assert adds_nothing(objective, rows, company, same)
    assert not adds_nothing(objective, rows, company, other)
    assert not adds_nothing(objective, rows, company, company), "as good is not worse"


def test_an_undefined_loss_stops_nobody(objective):
    objective.loss_on = lambda rows, predicted: None
    assert not adds_nothing(objective, np.arange(3), np.zeros(3), np.ones(3))


def test_the_company_is_the_weighted_mean_and_is_not_left_where_one_is_lost(objective, tmp_path):
    configs = [{"depth": depth} for depth in (1, 2)]
    for config, value in zip(configs, (1.0, 3.0), strict=True):
        objective.records.write({"model": {"tree": config}}, np.full(100, value), RECORD)
    rows = [({"model": "tree", "config": config}, weight) for config, weight in zip(configs, (0.75, 0.25), strict=True)]
    assert objective.records.company is None
    keep_company(objective, [*rows, ({"model": "tree", "config": {"depth": 3}}, 0.1)])
    assert objective.records.company is None
    keep_company(objective, rows)
    assert np.allclose(objective.records.company, 1.5)
    objective.folds = 1
    keep_company(objective, rows[:1])
    assert np.allclose(objective.records.company, 1.5), "with one fold nobody asks"


def test_a_company_that_cannot_be_written_ends_nothing(objective, monkeypatch, caplog):
    def full(self, predicted):
        raise OSError("No space left on device")

    objective.records.write({"model": {"tree": {}}}, np.zeros(100), RECORD)
    monkeypatch.setattr(Records, "set_company", full)
    with caplog.at_level("INFO", logger="seasoned.tabular"):
        keep_company(objective, [({"model": "tree", "config": {}}, 1.0)])
    assert "No space left" in caplog.text


def test_how_far_is_far_counts_in_what_the_best_has_left_to_lose_and_in_luck():
    assert further_behind([0.030], [0.02], 0.0, 1_000)
    assert not further_behind([0.0245], [0.02], 0.0, 1_000)
    assert not further_behind([0.030], [0.02], 0.0, 100), "on so few rows that is luck"
    assert not further_behind([0.5], [0.02], None, 1_000)
    assert not further_behind([float("nan")], [0.02], 0.0, 1_000)
    assert not further_behind([0.1], [0.0], 0.0, 1_000), "nothing is left to lose"
    assert least_of_stopped(0.02, 1.0, 0.0) == pytest.approx(0.025)
    assert least_of_stopped(0.9, 1.0, 0.0) == pytest.approx(0.91)
    assert least_of_stopped(0.02, 1.0, None) == pytest.approx(0.118)


def question(**other):
    """A search by the clock, of which four folds of 100 rows have models."""
    folds = [(np.arange(400), part) for part in np.split(np.arange(400), 4)]
    parts = {
        "job": SimpleNamespace(seconds=10.0),
        "predict_limit": None,
        "records": SimpleNamespace(has_quick=False),
        "data": SimpleNamespace(folds=folds, known_rows=lambda: np.arange(400)),
    }
    return SimpleNamespace(**{**parts, **other})


def test_who_is_asked_what_it_adds():
    assert can_tell(question(), 200)
    assert not can_tell(question(), 100), "few rows"
    assert not can_tell(question(job=SimpleNamespace(seconds=None)), 200), "trials are counted"
    assert not can_tell(question(predict_limit=1.0), 200), "none is quick yet"
    assert can_tell(question(predict_limit=1.0, records=SimpleNamespace(has_quick=True)), 200)
    twice = question().data.folds * 2
    shared = SimpleNamespace(folds=twice, known_rows=lambda: np.arange(400))
    assert not can_tell(question(data=shared), 200), "the chosen ones are means of several models there"


def asked(tmp_path, company, own, *, best, seconds=10.0):
    """What becomes of a trial whose first two of three folds are so."""
    truth = np.random.default_rng(0).normal(size=900)
    folds = [(np.setdiff1d(np.arange(900), part), part) for part in np.split(np.arange(900), 3)]
    data = SimpleNamespace(
        target=truth, folds=folds, folder=tmp_path, weights_of=lambda rows: None, known_rows=lambda: np.arange(900)
    )
    data.places_of = lambda rows: rows
    records = Records(tmp_path)
    records.set_bars({ALL: Bar((best,) * 3, (1.0, 1.0, 1.0), 0.2, 0.1)})
    if company is not None:
        records.set_company(company(truth))
    metric = SimpleNamespace(
        name="mse", loss=lambda y, predicted, weights: float(np.mean((y - predicted) ** 2)), score=lambda loss: loss
    )
    objective = CrossValidation(data, SimpleNamespace(n_classes=0, seconds=seconds), metric)
    found = [own(truth)[valid] for _, valid in folds[:2]]
    losses = [objective.loss_on(valid, part) for (_, valid), part in zip(folds, found, strict=False)]
    objective._check_company(losses, found)
    return losses


def shrunk(share):
    return lambda truth: truth * (1 - share)


def test_a_worse_trial_that_adds_nothing_is_stopped_and_the_reason_is_told(tmp_path):
    with pytest.raises(Pruned, match=rf"first 2 of 3 folds reached mse 0\.\d+, and {ADDS_NOTHING} so far"):
        asked(tmp_path, shrunk(0.3), shrunk(0.5), best=0.05)


@pytest.mark.parametrize(
    ("company", "own", "best"),
    [
        (None, shrunk(0.5), 0.05),  # none were chosen yet
        (shrunk(0.3), shrunk(-0.4), 0.05),  # it errs the other way
        (shrunk(0.3), shrunk(0.5), 0.22),  # hardly worse than the best trial
        (shrunk(0.3), shrunk(0.5), float("nan")),
    ],
)
def test_others_go_on(tmp_path, company, own, best):
    assert len(asked(tmp_path, company, own, best=best)) == 2


def test_a_run_whose_trials_are_counted_does_not_ask_what_an_earlier_one_by_the_clock_has_left(tmp_path):
    assert len(asked(tmp_path, shrunk(0.3), shrunk(0.5), best=0.05, seconds=None)) == 2


def noisy(rows=300):
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(rows, 4)), columns=list("abcd"))
    return X, X["a"] * 2 + X["b"] + 0.3 * rng.normal(size=rows)


def test_only_a_search_by_the_clock_asks(tmp_path, monkeypatch, here):
    seen = []
    monkeypatch.setattr("seasoned.tabular.closing.keep_company", lambda objective, chosen: seen.append(len(chosen)))
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    X, y = noisy()
    search = SearchSettings(models=["linear", "tree"], folds=3)
    AutoRegressor(trials=4, search=search, experience=None, random_state=0).fit(X, y)
    assert seen == []
    AutoRegressor(time_limit=5, search=search, experience=None, random_state=0).fit(X, y)
    assert seen


def test_what_is_told_of_a_stopped_trial_depends_on_what_it_was_stopped_for():
    """Half a way of .1 behind -.8 by the gap; of what is left to lose (.2) by what it would add."""
    found = guide()
    scene = replace(SCENE, perfect=-1.0)
    search = Experienced(Promising(), Guide(found.recalled, scene, SPACE, 60.0), DEFAULTS)
    state = search.init(StudySpec(SPACE, seed=3))
    state = search.tell(state, [Asked(0, Config(POOL[0])), Finished(0, TrialState.COMPLETE, (-0.9,), 1.0)])
    told = {}
    for reason in ("its first fold was too far from the best", f"its first fold {ADDS_NOTHING} so far"):
        events = [Asked(1, Config(POOL[12])), Finished(1, TrialState.PRUNED, None, 1.0, reason)]
        told[reason] = search.tell(state, events).advised.scores[-1]
    assert list(told.values()) == pytest.approx([-0.8 + 0.08, -0.8 + 0.05])
