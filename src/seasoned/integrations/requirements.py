"""Libraries of the integrations. A missing library raises `MissingExtra`, which says how to install it."""

from __future__ import annotations

from seasoned.errors import MissingExtra

try:
    import optuna
except ImportError as error:
    raise MissingExtra.of("optuna", "the exchange with Optuna") from error

__all__ = ["optuna"]
