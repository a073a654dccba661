"""Fitted scikit-learn objects as bytes, without pickle: skops with a constant allow-list.

Beyond skops' own defaults (public types of scikit-learn and numpy), a file may contain only the types in `ALLOWED`
(law 12). The contents of a file never extend the list.
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


_BEGINS: Final = b"PK\x03\x04"  # first bytes of a zip archive
_DAMAGE = (*DAMAGE, ImportError, SyntaxError)  # further errors of skops


def dump(estimator: Any) -> bytes:
    """Return the estimator as a deflated skops archive."""
    from skops.io import dumps

    data: bytes = dumps(estimator, compression=zipfile.ZIP_DEFLATED, compresslevel=6)
    return data


def load(data: bytes, kinds: tuple[str, ...] = ()) -> Any:
    """Return the estimator that `dump` wrote, with checked trees.

    Args:
        data: The archive.
        kinds: Names of the accepted scikit-learn classes; empty for all classes of the allow-list.

    Raises:
        InvalidInput: If the archive is damaged, or contains a type outside the allow-list or an invalid tree.
    """
    from skops.io import loads
    from skops.io.exceptions import UntrustedTypesFoundException

    if not data.startswith(_BEGINS):  # skops reads a zip after leading bytes, but the bundle's size check does not
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
