"""Learning across studies; nothing heavy is loaded here, a public name loads its module when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seasoned._lazy import lazy_names

if TYPE_CHECKING:
    from seasoned.knowledge.learner_spaces import space_of
    from seasoned.knowledge.tuning import TunedLearner, tune_meta_learner

__all__ = ["TunedLearner", "space_of", "tune_meta_learner"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "space_of": "seasoned.knowledge.learner_spaces",
        **dict.fromkeys(("TunedLearner", "tune_meta_learner"), "seasoned.knowledge.tuning"),
    },
)
