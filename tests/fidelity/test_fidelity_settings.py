"""Settings of the rules of fidelity: wrong numbers are refused, NumPy's integers accepted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seasoned import Float, Random, Space, Study
from seasoned.errors import InvalidInput
from seasoned.fidelity import ASHA, Curve, Hyperband, Median, SuccessiveHalving

LINE = Space(x=Float(0, 1))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: SuccessiveHalving(size=2.5), "size is 2.5"),
        (lambda: SuccessiveHalving(size=0), "size is 0"),
        (lambda: ASHA(eta=math.inf), "eta is inf"),
        (lambda: ASHA(eta="3"), "eta is '3'"),
        (lambda: Median(startup=2.5), "startup is 2.5"),
        (lambda: Median(interval=0), "interval is 0"),
        (lambda: Curve(startup=True), "startup is True"),
    ],
)
def test_rules_refuse_wrong_settings(make, says):
    with pytest.raises(InvalidInput, match=says):
        make()


@pytest.mark.parametrize("rule", [ASHA, Hyperband, Median, Curve])
def test_rules_accept_numpy_integers(rule):
    study = Study(LINE, sampler=Random(), fidelity=rule(max=np.int64(9)), seed=0)

    def train(config, trial):
        for step in range(trial.step + 1, trial.budget + 1):
            trial.report(step, config["x"])
        return config["x"]

    study.optimize(train, trials=5)
    assert rule(max=np.int64(9)) == rule(max=9)
