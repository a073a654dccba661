"""Members of little weight keep the model of their trial, where one part of the rows was held out."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from seasoned.tabular.ensemble.refit_members import members_without_refit
from seasoned.tabular.trial.trial_row import TrialRow


def members(*weights):
    return [(TrialRow(n, "linear", {"n": n}), weight) for n, weight in enumerate(weights)]


def objective(folds=1, kept=range(9)):
    known = SimpleNamespace(has_models=lambda config: config["model"]["linear"]["n"] in kept)
    return SimpleNamespace(folds=folds, records=known)


def budget(workers=2, trials=None):
    return SimpleNamespace(workers=workers, trials=trials, seconds=60.0)


@pytest.mark.parametrize(
    ("fits", "expected"),
    [
        ([4.0, 4.0, 4.0, 4.0], {2, 3}),  # .25 together; the next would be too much
        ([9.0, 1.0, 1.0, 1.0], set()),  # beside the first one the others cost no time
        ([5.0, 4.0, 4.0, 0.1], {2}),  # the last one costs next to nothing
    ],
)
def test_the_lightest_are_left_as_they_are_while_that_saves_time(fits, expected):
    assert members_without_refit(objective(), members(0.5, 0.25, 0.15, 0.1), fits, budget()) == expected


def test_only_what_its_trial_has_left_can_stay():
    found = members_without_refit(objective(kept={0, 2}), members(0.5, 0.25, 0.15, 0.1), [4.0] * 4, budget())
    assert found == {2}


def test_all_are_fitted_again_where_folds_validate_or_time_must_not_decide():
    chosen, fits = members(0.8, 0.1, 0.1), [4.0] * 3
    assert members_without_refit(objective(), chosen, fits, budget()) == {2}
    assert members_without_refit(objective(folds=3), chosen, fits, budget()) == set()
    assert members_without_refit(objective(), chosen, fits, budget(trials=20)) == set()


def test_one_model_alone_is_fitted_on_all_rows():
    assert members_without_refit(objective(), members(1.0), [4.0], budget()) == set()
