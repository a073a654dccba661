"""Fidelity: how far a trial is run. When to stop, to pause, to promote."""

from __future__ import annotations

from seasoned.fidelity.base import Decision, Fidelity
from seasoned.fidelity.curve import Curve
from seasoned.fidelity.halving import ASHA, SuccessiveHalving
from seasoned.fidelity.hyperband import Hyperband
from seasoned.fidelity.live import LiveTrial
from seasoned.fidelity.median import Median
from seasoned.fidelity.racing import Racing

__all__ = ["ASHA", "Curve", "Decision", "Fidelity", "Hyperband", "LiveTrial", "Median", "Racing", "SuccessiveHalving"]
