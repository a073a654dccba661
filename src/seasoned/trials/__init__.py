"""Trials of a study: configurations, events, and folds of events."""

from __future__ import annotations

from seasoned.trials.trial import (
    Config,
    Created,
    Event,
    Finished,
    Reassigned,
    Reported,
    SpaceChanged,
    StudySpec,
    Suggested,
    Trial,
    TrialState,
    WarmStart,
    thawed,
    violation,
)

__all__ = [
    "Config",
    "Created",
    "Event",
    "Finished",
    "Reassigned",
    "Reported",
    "SpaceChanged",
    "StudySpec",
    "Suggested",
    "Trial",
    "TrialState",
    "WarmStart",
    "thawed",
    "violation",
]
