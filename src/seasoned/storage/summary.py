"""What a database holds, looked at without making or changing anything in it: it may be somebody else's."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import inspect, make_url
from sqlalchemy.exc import ArgumentError

from seasoned.errors import InvalidInput, StorageError
from seasoned.storage.engine import Connections, file_of, store_exists
from seasoned.storage.schema import studies
from seasoned.storage.study_archive import EXPERIENCE
from seasoned.storage.url import hidden

__all__ = ["Contents", "contents_of", "may_hold_studies"]

_OURS: Final = ("sqlite", "postgresql")
_OPTUNA: Final = frozenset({"version_info", "studies", "trials", "trial_params"})
_PATIENCE: Final = 10.0  # seconds that a server may take to answer


class Contents(NamedTuple):
    """What is in a database.

    Attributes:
        studies: Studies of the engine, as logs of events.
        experience: Finished studies that learning reads.
        optuna: Optuna's studies; assumed to be there where the database is of a kind that only Optuna supports.
    """

    studies: bool
    experience: bool
    optuna: bool


def contents_of(url: str) -> Contents:
    """What a database holds.

    Args:
        url: `sqlite:///file.db`, or a server's.

    Raises:
        InvalidInput: If there is no such database, or it cannot be read.
        MissingExtra: If the driver is not installed.
    """
    try:
        if make_url(url).get_backend_name() not in _OURS:
            return Contents(studies=False, experience=False, optuna=True)
    except (ArgumentError, ValueError) as error:
        raise InvalidInput(f"{hidden(url)!r} is no database URL; give one such as 'sqlite:///runs.db'.") from error
    if not store_exists(url):
        raise InvalidInput(f"there is no file for {hidden(url)!r}; give the URL of a database that is there.")
    connections = Connections(url, _PATIENCE, reads=True)
    try:
        with connections.transaction(write=False) as connection:
            tables = set(inspect(connection).get_table_names())
    except StorageError as error:
        raise InvalidInput(str(error)) from error
    except TypeError as error:  # a driver that does not know our settings
        raise InvalidInput(f"{hidden(url)!r} cannot be read ({error}); use a postgresql+psycopg:// URL.") from error
    finally:
        connections.close()
    return Contents(studies.name in tables, EXPERIENCE in tables, tables >= _OPTUNA)


def may_hold_studies(url: str) -> bool:
    """Whether a store has studies of the engine; true for a server, and for what only opening it can explain."""
    if file_of(url) is None:
        return True
    try:
        return contents_of(url).studies
    except InvalidInput:
        return True
