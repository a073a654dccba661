"""The libraries that integrations stand on, or the error that says how to get them."""

from __future__ import annotations

from seasoned.errors import MissingExtra

try:
    import optuna
except ImportError as error:
    raise MissingExtra.of("optuna", "the exchange with Optuna") from error

__all__ = ["optuna"]
