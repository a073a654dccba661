"""Contents of a database, read without changing it, because it may belong to another program."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import inspect, make_url
from sqlalchemy.exc import ArgumentError

from seasoned.errors import InvalidInput, StorageError
from seasoned.storage.engine import Connections, file_of, store_exists
from seasoned.storage.schema import studies
from seasoned.storage.study_archive import EXPERIENCE
from seasoned.storage.url import mask_password

__all__ = ["Contents", "contents_of", "may_hold_studies"]

_OURS: Final = ("sqlite", "postgresql")
_OPTUNA: Final = frozenset({"version_info", "studies", "trials", "trial_params"})
_PATIENCE: Final = 10.0  # seconds to wait for a server's answer


class Contents(NamedTuple):
    """Kinds of data in a database.

    Attributes:
        studies: True with studies of the engine, as logs of events.
        experience: True with an archive of finished studies.
        optuna: True with studies of Optuna; assumed for a database system that only Optuna supports.
    """

    studies: bool
    experience: bool
    optuna: bool


def contents_of(url: str) -> Contents:
    """Return the kinds of data in a database.

    Args:
        url: `sqlite:///file.db`, or the URL of a server.

    Raises:
        InvalidInput: If the database does not exist or cannot be read.
        MissingExtra: If the driver is not installed.
    """
    try:
        if make_url(url).get_backend_name() not in _OURS:
            return Contents(studies=False, experience=False, optuna=True)
    except (ArgumentError, ValueError) as error:
        raise InvalidInput(
            f"{mask_password(url)!r} is no database URL; give one such as 'sqlite:///runs.db'."
        ) from error
    if not store_exists(url):
        raise InvalidInput(f"there is no file for {mask_password(url)!r}; give the URL of a database that is there.")
    connections = Connections(url, _PATIENCE, reads=True)
    try:
        with connections.transaction(write=False) as connection:
            tables = set(inspect(connection).get_table_names())
    except StorageError as error:
        raise InvalidInput(str(error)) from error
    except TypeError as error:  # a driver without the settings of `Connections`
        raise InvalidInput(
            f"{mask_password(url)!r} cannot be read ({error}); use a postgresql+psycopg:// URL."
        ) from error
    finally:
        connections.close()
    return Contents(studies.name in tables, EXPERIENCE in tables, tables >= _OPTUNA)


def may_hold_studies(url: str) -> bool:
    """Return True if a store has studies of the engine; also for a server, and for a database that cannot be read."""
    if file_of(url) is None:
        return True
    try:
        return contents_of(url).studies
    except InvalidInput:
        return True
