"""The race's paired test."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from seasoned.tabular.validation.paired_test import PairedTest

BAR = PairedTest(best=(0.2, 0.3, 0.25, 0.2, 0.3), baseline=(1.2, 1.3, 1.25, 1.2, 1.3), share=0.1, slack=0.1)


def test_after_one_fold_the_slack_is_what_is_expected_of_luck():
    assert not BAR.stops([0.2 + 0.199])
    assert BAR.stops([0.2 + 0.201])


def test_folds_that_agree_stop_a_trial_that_one_fold_would_not():
    lag = 0.17
    stopped = [BAR.stops([best + lag for best in BAR.best[:count]]) for count in range(1, 6)]
    assert stopped == [False, True, True, True, True]


def test_what_is_hard_for_all_in_a_fold_is_no_lag():
    hard = PairedTest(best=(0.2, 0.9), baseline=(1.2, 1.9), share=0.1, slack=0.05)
    assert not hard.stops([0.2, 0.9])
    assert not hard.stops([0.25, 0.95])


def test_the_more_folds_differ_the_longer_a_trial_is_followed():
    assert BAR.stops([best + 0.2 for best in BAR.best[:3]])
    assert not BAR.stops([best + lag for best, lag in zip(BAR.best, (0.6, -0.1, 0.1), strict=False)])


@pytest.mark.parametrize("losses", [[], [math.nan], [math.nan, math.nan]])
def test_nothing_known_stops_nothing(losses):
    assert not BAR.stops(losses)


def test_a_fold_without_a_defined_loss_does_not_count():
    assert BAR.stops([math.nan, 0.9]) == PairedTest((0.3,), (1.3,), 0.1, 0.1).stops([0.9])
    undefined = PairedTest(best=(math.nan, 0.3), baseline=(math.nan, 1.3), share=0.1, slack=0.1)
    assert undefined.stops([0.2, 0.9])
    assert not undefined.stops([0.9])


def test_a_best_trial_that_is_no_better_than_the_baseline_is_no_bar():
    assert not PairedTest(best=(1.0,), baseline=(1.0,), share=0.1, slack=0.1).stops([5.0])


def test_a_trial_as_good_as_the_best_is_stopped_rarely_and_one_far_behind_early():
    rng = np.random.default_rng(0)
    folds = np.arange(1, 5)
    good = bad = 0
    for _ in range(400):
        best = 0.3 + 0.05 * rng.standard_normal(5)
        bar = PairedTest(tuple(best), tuple(best + 0.5), share=0.1, slack=0.1)
        noise = 0.05 * rng.standard_normal(5)
        good += any(bar.stops(list(best + noise)[:count]) for count in folds)
        bad += any(bar.stops(list(best + 0.15 + noise)[:count]) for count in folds)
    assert good < 0.05 * 400
    assert bad > 0.95 * 400


def test_it_comes_back_from_json():
    assert PairedTest.from_dict(json.loads(json.dumps(BAR.to_dict()))) == BAR
