"""Loading a saved model."""

from __future__ import annotations

from pathlib import Path

from seasoned.errors import InvalidInput
from seasoned.tabular import archive
from seasoned.tabular.estimator import AutoClassifier, AutoRegressor
from seasoned.tabular.metrics import from_plain

__all__ = ["load"]

_KINDS = {kind.__name__: kind for kind in (AutoClassifier, AutoRegressor)}


def load(path: str | Path, *, key: bytes | str | None = None) -> AutoClassifier | AutoRegressor:
    """The estimator that `save` wrote: same predictions, bit for bit, and nothing in the file can run code.

    Where a package that decides predictions has another minor version than at `save`, up to 20 stored rows are
    predicted again, and the model is loaded only if the predictions agree.

    Args:
        path: The file.
        key: The key it was saved with; None if it was saved without.

    Raises:
        InvalidInput: If the file is missing, foreign, cut, changed, of a newer format, signed with another key, or
            predicts something else under the versions installed here.
        MissingExtra: If a model in it needs a package that is not installed.

    Example:
        >>> load("churn.seasoned").predict(new_customers)  # doctest: +SKIP
    """
    fitted, rows, about = archive.read(Path(path), key)
    kind = _KINDS.get(str(about["estimator"]))
    if kind is None:
        raise InvalidInput(f"the bundle holds a {about['estimator']!r}, unknown to this version; upgrade seasoned.")
    if (kind is AutoRegressor) != (fitted.task == "regression"):
        raise InvalidInput(f"the bundle holds a {kind.__name__} for a {fitted.task} target; get another copy.")
    try:
        estimator = kind(**{**about["parameters"], "metric": from_plain(about["parameters"].get("metric"))})
    except TypeError as error:
        raise InvalidInput(
            f"the bundle's parameters are unknown to this version ({error}); upgrade seasoned."
        ) from None
    estimator.restore(fitted, rows)
    return estimator
