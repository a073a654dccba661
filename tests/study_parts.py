"""Inner parts of a study, for tests of behaviour that no public method shows."""

from __future__ import annotations


def ledger_of(study):
    """Ledger of a study: its storage, the events that were read, and the state that they fold into."""
    return study._ledger


def storage_of(study):
    """Storage of a study."""
    return study._storage


def checkpoints_of(study):
    """Folder with the checkpoints of a study's trials."""
    return study._checkpoints
