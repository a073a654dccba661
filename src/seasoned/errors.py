"""Errors, named for what the caller does next.

Every message is one sentence that names the value, the rule it broke, and the next step. Errors about input also
subclass `ValueError` or `TypeError`, so that code which knows nothing of this package still catches them.
"""

from __future__ import annotations

__all__ = [
    "AllTrialsFailed",
    "InvalidConfig",
    "InvalidInput",
    "InvalidSpace",
    "MissingExtra",
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
    """The study already says otherwise (another direction, a trial told twice): choose another name or number."""


class StorageError(SeasonedError, RuntimeError):
    """The store cannot be read or written (full disk, damaged or newer file): repair it, then resume."""


class AllTrialsFailed(SeasonedError, RuntimeError):
    """No trial succeeded, or none does any more: the message lists the causes; fix the objective, then resume."""


class Pruned(SeasonedError):
    """The trial is not worth continuing: let this exception propagate out of the objective."""


class MissingExtra(SeasonedError, ImportError):
    """An optional dependency is missing: install the package that the message names."""

    @classmethod
    def of(cls, package: str, need: str) -> MissingExtra:
        """The error for a package; its sentence ends in a command that works, whatever this package came from.

        Args:
            package: The name that is imported.
            need: What needs it, as the sentence begins.

        Example:
            >>> print(MissingExtra.of("psycopg", "a store on PostgreSQL"))
            a store on PostgreSQL needs 'psycopg', which is not installed; run: pip install 'psycopg[binary]'
        """
        wanted = _INSTALLED_AS.get(package, package)
        return cls(f"{need} needs {package!r}, which is not installed; run: pip install {wanted}")


_INSTALLED_AS = {"psycopg": "'psycopg[binary]'", "jax": "jax optax", "optax": "jax optax"}
