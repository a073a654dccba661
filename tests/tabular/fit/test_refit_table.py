"""`refit`: the same models on other rows."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from in_process import estimator, stay_in_process
from messy import messy
from seasoned import CustomModel, Float, Metric, Space, load
from seasoned.errors import InvalidInput
from seasoned.report.model.collect import report_data
from seasoned.tabular.fit.refit_table import trial_of
from seasoned.tabular.trial.seed_average import Repeated, fits_of
from seasoned.tabular.trial.trial_row import TrialRow


def the_task(task):
    return "regression" if task == "regression" else "classification"


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_on_the_same_rows_it_gives_the_same_model(here, task):
    X, y = messy(task)
    model = estimator(the_task(task), ["linear", "lightgbm", "histogram", "tree"]).fit(X, y)
    before, members = model.fitted_.predict(X), model.fitted_.members
    assert model.refit(X, y) is model
    np.testing.assert_allclose(model.fitted_.predict(X), before, rtol=1e-9)
    assert [m.name for m in model.fitted_.members] == [m.name for m in members]
    assert [m.weight for m in model.fitted_.members] == pytest.approx([m.weight for m in members])


def test_other_rows_and_weights_count(here):
    X, y = messy("regression")
    model = estimator("regression", ["linear", "lightgbm"]).fit(X[:120], y[:120])
    first, evidence, seconds = model.predict(X), model.fitted_.validated, model.fitted_.seconds
    more = model.refit(X, y).predict(X)
    assert not np.allclose(more, first)
    assert np.mean((more[120:] - y[120:]) ** 2) < np.mean((first[120:] - y[120:]) ** 2)
    assert model.fitted_.rows == 240
    assert model.fitted_.seconds == seconds, "the search took as long as it did"
    assert model.fitted_.validated is evidence
    weighted = model.refit(X, y, sample_weight=np.linspace(1, 9, 240)).predict(X)
    assert not np.allclose(weighted, more)
    kept = np.arange(240) % 3 > 0
    some = model.refit(X, y, sample_weight=kept.astype(float)).predict(X)
    np.testing.assert_allclose(model.refit(X[kept], y[kept]).predict(X), some)


def test_a_loaded_model_is_refitted_with_its_rounds_and_saved_again(here):
    X, y = messy("binary")
    model = estimator("classification", ["lightgbm"], metric=Metric("f1", positive="yes")).fit(X[:160], y[:160])
    trial = model.fitted_.trials[0]
    assert trial.rounds > 0
    assert trial.predict_ms > 0
    model.save(here / "model.seasoned")
    again = load(here / "model.seasoned").refit(X, y)
    np.testing.assert_array_equal(again.predict(X), model.refit(X, y).predict(X))
    again.save(here / "again.seasoned")
    np.testing.assert_array_equal(load(here / "again.seasoned").predict_proba(X), again.predict_proba(X))
    assert load(here / "again.seasoned").fitted_.refitted == again.fitted_.refitted > 0
    told = {
        name: load(here / name).report(here / "r.html").read_text() for name in ("model.seasoned", "again.seasoned")
    }
    assert "fitted again, on 240 rows in" in told["again.seasoned"]
    assert "From 160 rows of the search" in told["again.seasoned"]
    assert "fitted again, on" not in told["model.seasoned"]
    assert "From 160 rows of the fit" in told["model.seasoned"]


def test_a_model_of_ones_own_is_refitted_only_where_it_is_known_how(here):
    X, y = messy("regression")
    own = CustomModel("mine", Ridge(), Space(alpha=Float(0.1, 10.0, log=True)))
    model = estimator("regression", [own]).fit(X, y)
    before = model.predict(X)
    model.save(here / "model.seasoned")
    again = load(here / "model.seasoned")
    with pytest.raises(InvalidInput, match="does not hold how 'mine' is fitted"):
        again.refit(X, y)
    np.testing.assert_array_equal(again.predict(X), before)
    np.testing.assert_allclose(model.refit(X, y).predict(X), before)


def test_what_was_fitted_with_several_seeds_is_so_again(here):
    X, y = messy("regression")
    model = estimator("regression", ["linear", "lightgbm"]).fit(X, y)
    fitted = model.fitted_
    assert {member.name for member in fitted.members} == {"linear", "lightgbm"}
    twice = [replace(m, estimator=Repeated((m.estimator, m.estimator), (0.5, 0.5))) for m in fitted.members]
    model.restore(replace(fitted, members=tuple(twice)))
    model.set_params(trials=None, time_limit=600)
    model.refit(X, y)
    fits = {member.name: len(fits_of(member.estimator)) for member in model.fitted_.members}
    assert fits == {"linear": 1, "lightgbm": 5}, "a linear model is the same with every seed"
    model.restore(fitted)
    model.refit(X, y)
    assert all(len(fits_of(member.estimator)) == 1 for member in model.fitted_.members)


def test_how_long_a_booster_trained_is_not_guessed(here):
    X, y = messy("regression")
    for family, refused in (("lightgbm", True), ("linear", False)):
        model = estimator("regression", [family]).fit(X, y)
        before = model.predict(X)
        model.restore(replace(model.fitted_, trials=()))
        if refused:
            with pytest.raises(InvalidInput, match="its trial is missing; fit again"):
                model.refit(X, y)
        else:
            np.testing.assert_allclose(model.refit(X, y).predict(X), before)


def test_what_does_not_fit_is_refused(here):
    X, y = messy("multiclass")
    model = estimator("classification").fit(X, y)
    with pytest.raises(InvalidInput, match="the model knows"):
        model.refit(X[y > 0], y[y > 0])
    with pytest.raises(InvalidInput, match="size"):
        model.refit(X.drop(columns="size"), y)
    with pytest.raises(InvalidInput, match="inconsistent numbers"):
        model.refit(X, y[:-1])


@pytest.mark.parametrize(("workers", "sentence"), [(0, "workers is 0"), (2.5, "workers is 2.5"), ("all", "'all'")])
def test_workers_that_are_none_are_refused(here, workers, sentence):
    X, y = messy("regression")
    model = estimator("regression", ["linear"]).fit(X, y)
    with pytest.raises(InvalidInput, match=sentence):
        model.set_params(workers=workers).refit(X, y)


def test_refit_passes_the_memory_of_its_members_to_the_worker_count(cache, monkeypatch):
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=80)
    model = estimator("binary", ("linear", "tree")).fit(X, y)
    asked = []
    monkeypatch.setattr(
        "seasoned.tabular.fit.refit_table.with_room_for", lambda budget, needs: asked.append(needs) or budget
    )
    model.refit(X, y)
    assert len(asked[0]) == len(model.fitted_.members)
    assert all(need > 0 for need in asked[0])


def test_refit_requires_the_groups_of_the_fit(here):
    X, y = messy("regression")
    groups = np.arange(len(X)) // 12
    model = estimator("regression", ["splines"]).fit(X, y, groups=groups)
    assert "groups=groups" in report_data(model).code
    model.save(here / "m.seasoned")
    for one in (model, load(here / "m.seasoned")):
        with pytest.raises(InvalidInput, match="groups is None"):
            one.refit(X, y)
    before = model.predict(X)
    np.testing.assert_allclose(model.refit(X, y, groups=groups).predict(X), before)
    assert model.fitted_.grouped


def test_refit_for_a_relative_error_weighs_rows_as_the_fit_does(here):
    X, y = messy("regression")
    y = np.exp(np.asarray(y, dtype=float))
    model = estimator("regression", ["tree"], metric="mape").fit(X, y)
    before = model.predict(X)
    np.testing.assert_allclose(model.refit(X, y).predict(X), before, rtol=1e-9)


def test_refit_uses_the_complete_trial_of_a_repeated_configuration():
    rows = [TrialRow(number, "tree", {"a": 1}, state) for number, state in enumerate(["failed", "complete"])]
    member = SimpleNamespace(name="tree", config={"a": 1})
    assert trial_of(SimpleNamespace(trials=rows), member).number == 1
    assert trial_of(SimpleNamespace(trials=rows[:1]), member).number == 0
    assert trial_of(SimpleNamespace(trials=[]), member) is None
