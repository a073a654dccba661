"""Exceptions of the package, named after the next step of the caller.

Each message is one sentence with the value, the broken rule and the next step. Errors about input also subclass
`ValueError` or `TypeError`, so code that handles only built-in exceptions still catches them.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "AllTrialsFailed",
    "InvalidConfig",
    "InvalidInput",
    "InvalidSpace",
    "MissingExtra",
    "PruneReason",
    "Pruned",
    "SeasonedError",
    "StorageError",
    "StudyConflict",
]


class SeasonedError(Exception):
    """Base of all errors that this package raises on purpose."""


class InvalidInput(SeasonedError, ValueError):
    """An argument breaks a rule: change the argument."""


class InvalidSpace(InvalidInput):
    """A search space contradicts itself: change its declaration."""


class InvalidConfig(InvalidInput):
    """A configuration does not belong to the space: change the configuration or the space."""


class StudyConflict(SeasonedError, ValueError):
    """The call contradicts the stored study: choose another name or trial number.

    Examples are another direction, and a second result of the same trial.
    """


class StorageError(SeasonedError, RuntimeError):
    """The store cannot be read or written (full disk, damaged or newer file): repair it, then resume."""


class AllTrialsFailed(SeasonedError, RuntimeError):
    """No trial succeeded, or every new trial fails: the message lists the causes; fix the objective, then resume."""


class PruneReason(StrEnum):
    """Reason why a trial was pruned, as its last event holds it."""

    OBJECTIVE = "objective"
    """The objective raised `Pruned`, or the caller of `tell` said so."""
    FIDELITY = "fidelity"
    """The rule of fidelity stopped the trial, or did not promote it."""
    FOLDS = "folds"
    """Its first folds lag behind those of the best trial; only in logs of earlier versions."""
    PREDICTION_TIME = "prediction_time"
    """Its predictions take longer than the limit."""
    SPACE = "space"
    """Its configuration is not valid in the present space of the study."""


class Pruned(SeasonedError):
    """The trial is not worth continuing: let this exception propagate out of the objective.

    Args:
        message: A sentence for the log and for `trial.error`.
        reason: The reason, as the search reads it.
    """

    def __init__(self, message: str = "", *, reason: PruneReason = PruneReason.OBJECTIVE) -> None:
        super().__init__(message)
        self.reason = reason


class MissingExtra(SeasonedError, ImportError):
    """An optional dependency is missing: install the package that the message names."""

    @classmethod
    def of(cls, package: str, need: str) -> MissingExtra:
        """Create the error for a missing package; its message ends with the `pip install` command.

        Args:
            package: Import name of the package.
            need: Feature that needs the package; the message begins with this text.

        Example:
            >>> print(MissingExtra.of("psycopg", "a store on PostgreSQL"))
            a store on PostgreSQL needs 'psycopg', which is not installed; run: pip install 'psycopg[binary]'
        """
        wanted = _INSTALLED_AS.get(package, package)
        return cls(f"{need} needs {package!r}, which is not installed; run: pip install {wanted}")


_INSTALLED_AS = {"psycopg": "'psycopg[binary]'", "jax": "jax optax", "optax": "jax optax", "mlflow": "mlflow-skinny"}
