"""Loading a saved model."""

from __future__ import annotations

from pathlib import Path

from seasoned.errors import InvalidInput
from seasoned.tabular import archive
from seasoned.tabular.estimator import AutoClassifier, AutoRegressor

__all__ = ["load"]

_KINDS = {kind.__name__: kind for kind in (AutoClassifier, AutoRegressor)}


def load(path: str | Path) -> AutoClassifier | AutoRegressor:
    """The estimator that `save` wrote: same predictions, bit for bit, and nothing in the file can run code.

    Raises:
        InvalidInput: If the file is missing, foreign, cut, changed, or of a newer format.

    Example:
        >>> load("churn.seasoned").predict(new_customers)  # doctest: +SKIP
    """
    fitted, about = archive.read(Path(path))
    kind = _KINDS.get(about["estimator"])
    if kind is None:
        raise InvalidInput(f"the bundle holds a {about['estimator']!r}, unknown to this version; upgrade seasoned.")
    estimator = kind(**about["parameters"])
    estimator.restore(fitted)
    return estimator
