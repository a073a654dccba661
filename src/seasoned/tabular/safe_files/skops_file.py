"""Fitted scikit-learn objects as bytes, without pickle: skops with a constant allow-list.

Law 12: the list below is all that a file may hold beyond skops' own defaults (scikit-learn's and numpy's public types).
It is never widened by what a file asks for.
"""

from __future__ import annotations

import zipfile
from typing import Any, Final

from seasoned.errors import InvalidInput
from seasoned.tabular.safe_files.tree_structure import check_estimator
from seasoned.tabular.safe_files.zip_container import DAMAGE

__all__ = ["ALLOWED", "dump", "load"]

ALLOWED: Final = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)


_BEGINS: Final = b"PK\x03\x04"
_DAMAGE = (*DAMAGE, ImportError, SyntaxError)  # what skops raises besides


def dump(estimator: Any) -> bytes:
    """The estimator as a deflated skops archive."""
    from skops.io import dumps

    data: bytes = dumps(estimator, compression=zipfile.ZIP_DEFLATED, compresslevel=6)
    return data


def load(data: bytes, kinds: tuple[str, ...] = ()) -> Any:
    """The estimator that `dump` wrote, its trees checked.

    Args:
        data: The archive.
        kinds: Names of the scikit-learn classes that it may be; any that the list allows if empty.

    Raises:
        InvalidInput: If the archive is damaged, holds a type outside the list, or a tree that points outside.
    """
    from skops.io import loads
    from skops.io.exceptions import UntrustedTypesFoundException

    if not data.startswith(_BEGINS):  # a zip with bytes in front would be read, but evades the bundle's size check
        raise InvalidInput("the model file does not begin as an archive does; get another copy.")
    try:
        estimator = loads(data, trusted=list(ALLOWED))
    except UntrustedTypesFoundException as error:
        raise InvalidInput(
            f"the model file holds types that no model of this package has ({error}); refused."
        ) from None
    except _DAMAGE as error:
        raise InvalidInput(f"the model file is damaged ({error}); get another copy.") from error
    if kinds and not (type(estimator).__name__ in kinds and type(estimator).__module__.startswith("sklearn.")):
        raise InvalidInput(
            f"the model file holds a {type(estimator).__name__} instead of {' or '.join(kinds)}; refused."
        )
    check_estimator(estimator)
    return estimator
