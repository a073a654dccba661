"""Fidelity rules: early stopping, pausing and promotion of trials by their intermediate values.

Names load on first use, because a worker that runs an objective needs `LiveTrial` but not numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seasoned._util.lazy_imports import lazy_names

if TYPE_CHECKING:
    from seasoned.fidelity.base import Decision, Fidelity
    from seasoned.fidelity.curve import Curve
    from seasoned.fidelity.halving import ASHA, SuccessiveHalving
    from seasoned.fidelity.hyperband import Hyperband
    from seasoned.fidelity.live_trial import LiveTrial
    from seasoned.fidelity.median import Median
    from seasoned.fidelity.racing import Racing

__all__ = ["ASHA", "Curve", "Decision", "Fidelity", "Hyperband", "LiveTrial", "Median", "Racing", "SuccessiveHalving"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        **dict.fromkeys(("Decision", "Fidelity"), "seasoned.fidelity.base"),
        **dict.fromkeys(("ASHA", "SuccessiveHalving"), "seasoned.fidelity.halving"),
        "Curve": "seasoned.fidelity.curve",
        "Hyperband": "seasoned.fidelity.hyperband",
        "LiveTrial": "seasoned.fidelity.live_trial",
        "Median": "seasoned.fidelity.median",
        "Racing": "seasoned.fidelity.racing",
    },
)
