"""In-context network: labelled examples go in as context, predictions of queries come out, in one forward pass."""

from typing import TYPE_CHECKING

from seasoned._util.lazy_imports import lazy_names

if TYPE_CHECKING:
    from seasoned.incontext.estimators import InContextClassifier, InContextRegressor
    from seasoned.incontext.network import Network
    from seasoned.incontext.settings import NetworkSettings

__all__ = ["InContextClassifier", "InContextRegressor", "Network", "NetworkSettings"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        **dict.fromkeys(("InContextClassifier", "InContextRegressor"), "seasoned.incontext.estimators"),
        "Network": "seasoned.incontext.network",
        "NetworkSettings": "seasoned.incontext.settings",
    },
)
