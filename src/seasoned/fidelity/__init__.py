"""Fidelity: how far a trial is run. When to stop, to pause, to promote."""

from __future__ import annotations

from seasoned.fidelity.base import Decision, Fidelity
from seasoned.fidelity.halving import ASHA, SuccessiveHalving
from seasoned.fidelity.live import LiveTrial

__all__ = ["ASHA", "Decision", "Fidelity", "LiveTrial", "SuccessiveHalving"]
