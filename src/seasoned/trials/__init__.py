"""Trials of a study: configurations, events, and folds of events."""

from __future__ import annotations

from seasoned.trials.trial import (
    Asked,
    Config,
    Created,
    Event,
    Finished,
    Reported,
    Spaced,
    StudySpec,
    Taken,
    Trial,
    TrialState,
    WarmStart,
    thawed,
    violation,
)

__all__ = [
    "Asked",
    "Config",
    "Created",
    "Event",
    "Finished",
    "Reported",
    "Spaced",
    "StudySpec",
    "Taken",
    "Trial",
    "TrialState",
    "WarmStart",
    "thawed",
    "violation",
]
