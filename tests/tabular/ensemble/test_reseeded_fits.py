"""Members fitted more than once: who is, how much each fit counts, and that files and predictions agree.

Whole fits by trials in this process, as if time decided: there is always enough, so the number of fits is known.
"""

from __future__ import annotations

import json
import math
import time
import zipfile
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import ExtraTreeRegressor

from in_process import estimator, stay_in_process
from seasoned import Space, load
from seasoned.errors import InvalidInput
from seasoned.tabular.ensemble import reseeded_fits
from seasoned.tabular.ensemble.fitted_model import Member
from seasoned.tabular.ensemble.reseeded_fits import folds_of
from seasoned.tabular.features.pipeline import FeaturePipeline
from seasoned.tabular.models.custom import CustomModel
from seasoned.tabular.models.registry import find
from seasoned.tabular.trial.cross_validation import CrossValidation
from seasoned.tabular.trial.seed_average import Repeated, fits_of, makers_of, predict_matrices, shares_of


@pytest.fixture(autouse=True)
def here(monkeypatch):
    stay_in_process(monkeypatch)


@pytest.fixture
def again(monkeypatch):
    monkeypatch.setattr(reseeded_fits, "is_worthwhile", lambda *_: True)
    monkeypatch.setattr(reseeded_fits, "MAX_BYTES", math.inf)
    monkeypatch.setattr(reseeded_fits, "MAX_MILLISECONDS", math.inf)


def table(rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows), "c": rng.choice(list("xyz"), rows)})
    return X, X["a"] * X["b"] + (X["c"] == "x") + 0.3 * rng.normal(size=rows)


def configs(*names: str) -> list[dict]:
    return [{"model": {name: {}}} for name in names]


class Constant:
    def __init__(self, value: float) -> None:
        self.value = value

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.value)


def test_fits_are_averaged_by_their_shares():
    several = Repeated((Constant(1.0), Constant(3.0)), (0.75, 0.25))
    np.testing.assert_allclose(predict_matrices(several, {"codes": np.zeros((4, 1))}, "codes", 0), 1.5)
    alone = Constant(2.0)
    assert (fits_of(alone), shares_of(alone)) == ((alone,), (1.0,))


@pytest.mark.parametrize(("family", "seeds"), [("linear", 1), ("lightgbm", 5)])
def test_on_few_rows_models_of_the_folds_have_half_of_the_say(again, tmp_path, family, seeds):
    X, y = table(200)
    model = estimator("regression", [family]).fit(X, y)
    (member,) = model.fitted_.members
    assert shares_of(member.estimator) == pytest.approx([*[0.5 / seeds] * seeds, 0.25, 0.25])
    model.save(tmp_path / "model.seasoned")
    np.testing.assert_array_equal(load(tmp_path / "model.seasoned").predict(X), model.predict(X))


def test_on_more_rows_all_fits_see_all_of_them_and_differ_by_their_seeds(again):
    X, y = table(1_200)
    model = estimator("classification", ["lightgbm"]).fit(X, y > 0)
    (member,) = model.fitted_.members
    fits = fits_of(member.estimator)
    assert shares_of(member.estimator) == pytest.approx([0.2] * 5)
    assert len({fit.booster.model_to_string() for fit in fits}) == 5


@pytest.mark.slow
def test_fits_are_added_as_far_as_the_file_stays_small(again, monkeypatch, tmp_path):
    X, y = table(1_200)
    model = estimator("regression", ["lightgbm"]).fit(X, y)
    (member,) = model.fitted_.members
    one = reseeded_fits.bytes_per_fit(member, member.model)  # all five are about as large
    model.save(tmp_path / "model.seasoned")
    with zipfile.ZipFile(tmp_path / "model.seasoned") as archive:
        written = [file.compress_size for file in archive.infolist() if file.filename.startswith("model-")]
    assert one == pytest.approx(np.mean(written), rel=0.25)
    monkeypatch.setattr(reseeded_fits, "MAX_RESERVE_SHARE", 1.0)
    monkeypatch.setattr(reseeded_fits, "MAX_BYTES", 3.5 * one)
    monkeypatch.setattr(reseeded_fits, "BYTES_PER_ROW", 0.0)
    (member,) = (
        estimator("regression", ["lightgbm"], time_limit=60.0).fit(X, y).fitted_.members
    )  # the limit grows with it
    assert shares_of(member.estimator) == pytest.approx([1 / 3] * 3)


def test_slow_models_are_fitted_once(again, monkeypatch):
    monkeypatch.setattr(reseeded_fits, "MAX_MILLISECONDS", 1e-9)
    X, y = table(200)
    (member,) = estimator("regression", ["lightgbm"]).fit(X, y).fitted_.members
    assert shares_of(member.estimator) == (1.0,)


def test_a_longer_fit_keeps_more_time_for_further_fits_and_may_make_more_of_them():
    data = SimpleNamespace(target=range(2_000), folds=[(range(1_000), range(1_000))])
    model = SimpleNamespace(name="linear", config={}, estimator="a model")
    fitter = SimpleNamespace(model=lambda _: SimpleNamespace(name="own", dump=lambda _: b""))
    records = SimpleNamespace(of=lambda _: SimpleNamespace(predict_ms=0.1))
    fitted = SimpleNamespace(predict_limit=None, data=data, folds=1, records=records, fitter=fitter)

    def kept(seconds):
        limit = SimpleNamespace(trials=None, seconds=seconds, workers=2, simple=False)
        return reseeded_fits.reseeding_seconds(fitted, configs("own"), [1e3], [0.01], limit)

    assert kept(20_000.0) == pytest.approx(2_000.0)  # of what all further fits take, not more
    limit = SimpleNamespace(trials=None, seconds=960.0, workers=2, simple=False)
    assert reseeded_fits.reseeding_seconds(fitted, configs("own"), [100.0], [0.01], limit) == 200.0
    assert kept(6_000.0) == pytest.approx(1_500.0)
    end = time.monotonic() + 60.0
    minute, five = (reseeded_fits.SizeBudget.of(fitted, {0: model}, seconds, end) for seconds in (20.0, 300.0))
    late = reseeded_fits.SizeBudget.of(fitted, {0: model, 1: model}, 300.0, time.monotonic())
    assert not late.take(0), "what measuring would take is not there"
    assert not late.take(1)
    assert minute.pace == pytest.approx(0.05)
    assert five.pace == pytest.approx(0.65)
    assert five.size == pytest.approx(5 * minute.size, rel=1e-3)


@pytest.mark.parametrize(("seed", "fits"), [(None, 5), (7, 1)])
def test_own_models_are_fitted_again_where_they_draw_at_random(again, seed, fits):
    X, y = table(1_200)
    own = CustomModel("own", ExtraTreeRegressor(random_state=seed, max_depth=3), Space(), "codes")
    (member,) = estimator("regression", [own]).fit(X, y).fitted_.members
    assert len(fits_of(member.estimator)) == fits


def test_features_are_made_for_each_fit(again, tmp_path):
    X, y = table(200)
    model = estimator("regression")
    model.set_params(trials=2, search=model.search.__class__(models=["linear"], folds=2, features=["arithmetic"]))
    model.fit(X, y).save(tmp_path / "model.seasoned")
    np.testing.assert_array_equal(load(tmp_path / "model.seasoned").predict(X), model.predict(X))


def test_fits_that_differ_by_their_seeds_only_share_what_makes_their_columns(again, monkeypatch, tmp_path):
    X, y = table(1_200)
    model = estimator("regression")
    search = model.search.__class__(models=["lightgbm"], folds=2, features=["arithmetic"])
    model.set_params(trials=2, search=search)
    fitted = model.fit(X, y).fitted_
    model.save(tmp_path / "model.seasoned")
    loaded = load(tmp_path / "model.seasoned").fitted_
    made = 0
    extend = FeaturePipeline.extend

    def counted(*given):
        nonlocal made
        made += 1
        return extend(*given)

    monkeypatch.setattr(FeaturePipeline, "extend", counted)
    for found in (fitted, loaded):
        several = [member.estimator for member in found.members if makers_of(member.estimator)]
        assert [len({id(one) for one in makers_of(estimator)}) for estimator in several] == [1] * len(several)
        assert max(len(fits_of(estimator)) for estimator in several) > 1
        made = 0
        found.predict(X)
        assert made == len(several)


def test_a_search_by_trials_fits_each_once_so_that_time_has_no_say():
    X, y = table(200)
    model = estimator("regression", ["lightgbm"]).fit(X, y)
    assert [len(fits_of(member.estimator)) for member in model.fitted_.members] == [1]
    limit = SimpleNamespace(trials=3, seconds=60.0, simple=False)
    assert (
        reseeded_fits.reseeding_seconds(None, configs("lightgbm"), [1.0], [0.01], limit) == 0.0
    )  # nothing else matters


def test_no_time_is_kept_for_fits_that_would_not_be_ready_in_it():
    data = SimpleNamespace(target=range(2_000), folds=[(range(1_000), range(1_000))])
    fitted = SimpleNamespace(predict_limit=None, data=data, folds=1, fitter=SimpleNamespace(model=find))
    budget = SimpleNamespace(trials=None, seconds=60.0, workers=2, simple=False)
    two = configs("lightgbm", "mlp")
    assert (
        reseeded_fits.reseeding_seconds(fitted, two, [1.0, 20.0], [0.01, 0.01], budget) == 4.8
    )  # one of both can be again
    assert reseeded_fits.reseeding_seconds(fitted, two, [4.1, 20.0], [0.01, 0.01], budget) == 0.0
    assert (
        reseeded_fits.reseeding_seconds(fitted, two, [1.0, 20.0], [0.1, 0.1], budget) == 0.0
    )  # predictions are slow enough


def test_time_is_kept_for_those_only_that_are_fitted_again():
    left: list[dict] = []
    few, many = (
        SimpleNamespace(
            predict_limit=None,
            folds=5,
            fitter=SimpleNamespace(model=find),
            records=SimpleNamespace(has_models=lambda config: config in left),
            data=SimpleNamespace(
                target=range(rows), folds=[(range(rows - 10), range(10))] * 5, known_rows=lambda rows=rows: range(rows)
            ),
        )
        for rows in (100, 2_000)
    )
    budget, paces = SimpleNamespace(trials=None, seconds=600.0, workers=2, simple=False), [1e-4, 1e-4]
    lines = configs("linear", "linear")
    assert reseeded_fits.reseeding_seconds(many, lines, [1.0, 3.0], paces, budget) == 0.0  # a seed changes nothing
    assert reseeded_fits.reseeding_seconds(few, lines, [1.0, 3.0], paces, budget) == 5 * 4.0 / 2  # models of the folds
    assert reseeded_fits.reseeding_seconds(many, configs("linear", "mlp"), [1.0, 3.0], paces, budget) == 4 * 3.0 / 2
    assert (
        reseeded_fits.reseeding_seconds(few, configs("linear", "mlp"), [1.0, 3.0], paces, budget)
        == (5 * 4.0 + 4 * 3.0) / 2
    )
    left += configs("mlp")  # models of folds that are there already
    assert (
        reseeded_fits.reseeding_seconds(few, configs("linear", "mlp"), [1.0, 3.0], paces, budget)
        == (5 * 1.0 + 4 * 3.0) / 2
    )
    left += configs("linear")
    assert reseeded_fits.reseeding_seconds(few, lines, [1.0, 3.0], paces, budget) == 0.0


def test_what_fails_leaves_the_member_as_it_is(again, monkeypatch):
    first = CrossValidation.refit

    def refit(self, config, repeat=0, fold=None):
        if repeat or fold is not None:
            raise MemoryError("no room")
        return first(self, config)

    monkeypatch.setattr(CrossValidation, "refit", refit)
    monkeypatch.setattr(CrossValidation, "fold_models", lambda *_: {})
    X, y = table(200)
    model = estimator("regression", ["lightgbm"]).fit(X, y)
    assert [len(fits_of(member.estimator)) for member in model.fitted_.members] == [1]


def test_models_of_folds_that_the_trials_have_left_are_not_fitted_again(again, monkeypatch):
    X, y = table(200)
    asked = []
    first = CrossValidation.refit

    def refit(self, config, repeat=0, fold=None):
        asked.append(fold)
        return first(self, config, repeat, fold)

    monkeypatch.setattr(CrossValidation, "refit", refit)
    read = estimator("regression", ["lightgbm"]).fit(X, y)
    assert asked
    assert set(asked) == {None}
    asked.clear()
    monkeypatch.setattr(CrossValidation, "fold_models", lambda *_: {})  # the file cannot be read
    fitted = estimator("regression", ["lightgbm"], experience=None).fit(X, y)
    assert {0, 1} <= set(asked)
    assert [shares_of(model.fitted_.members[0].estimator) for model in (read, fitted)] == [(*[0.1] * 5, 0.25, 0.25)] * 2
    np.testing.assert_array_equal(read.predict(X), fitted.predict(X))


def test_reading_ends_with_the_time(monkeypatch):
    """Two members whose models of the folds are there, and time for one of them."""
    read = []
    members = {place: Member("linear", {"place": place}, "fitted") for place in (0, 1)}
    fits = [reseeded_fits.ReseededFit(place, 1.0, fold=fold) for place in members for fold in (0, 1)]

    def fold_models(config, folds):
        read.append(config["model"]["linear"]["place"])
        limit.remaining = 0.0
        return {fold: f"of fold {fold}" for fold in folds}

    limit = SimpleNamespace(remaining=10.0, full=False)
    objective = SimpleNamespace(fold_models=fold_models)
    monkeypatch.setattr(reseeded_fits, "folds_of", lambda _: [0, 1])
    found = reseeded_fits.stored_fold_models(objective, members, fits, limit)
    assert read == [0]
    assert [(fit.fold, fit.estimator) for fit in found] == [(0, "of fold 0"), (1, "of fold 1")]


def test_a_file_whose_shares_do_not_sum_to_one_is_refused(again, tmp_path):
    X, y = table(200)
    path, forged = tmp_path / "model.seasoned", tmp_path / "forged.seasoned"
    estimator("regression").fit(X, y).save(path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(forged, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "manifest.json":
                manifest = json.loads(data)
                manifest["members"][0]["fits"][0] = 0.9
                data = json.dumps(manifest).encode()
            new.writestr(name, data)
    with pytest.raises(InvalidInput, match="shares"):
        load(forged)


@pytest.mark.parametrize(
    "error", [InvalidInput("it is of no class that a bundle holds"), NotImplementedError(), OSError()]
)
def test_whatever_the_dump_of_an_own_family_does_the_fit_goes_on(error):
    """Nothing is known of how large it is, and no bundle will hold it; of ours such a one is too large for another."""

    def dump(estimator):
        raise error

    own = SimpleNamespace(name="mine", dump=dump)
    assert reseeded_fits.bytes_per_fit(Member("mine", {}, "fitted"), own) == 0.0
    assert (
        reseeded_fits.bytes_per_fit(Member("forest", {}, "fitted"), SimpleNamespace(name="forest", dump=dump)) == np.inf
    )


def test_at_most_five_fold_models_predict_however_many_validate():
    def folds(count):
        parted = [(np.delete(np.arange(count), place), np.array([place])) for place in range(count)]
        data = SimpleNamespace(target=np.zeros(count), folds=parted, known_rows=lambda: np.arange(count))
        return folds_of(SimpleNamespace(data=data, folds=count))

    assert folds(3) == [0, 1, 2]
    assert folds(50) == [0, 10, 20, 30, 40]
