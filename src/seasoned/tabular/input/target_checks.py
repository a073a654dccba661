"""Checks of a target: an unusable target is refused, and a target of little information gives a warning.

The checks cover few rows, names or texts as classes, and rare classes.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from seasoned.tabular.input.target import Target

__all__ = ["LEAST_ROWS", "check_target"]

logger = logging.getLogger("seasoned.tabular")

LEAST_ROWS: Final = 10
"""Fewest labelled rows of a fit: with fewer rows, a validation is meaningless."""
_FEW_ROWS: Final = 50  # labelled rows below which scores are warned of
_OWN: Final = 0.6  # largest ratio of labels to rows for text; above it, labels are names of rows
_OWN_NUMBER: Final = 0.9  # largest ratio of labels to rows for numbers, which may have many classes
_LONG, _SEVERAL = 80, 0.2  # median characters, and largest ratio of labels to rows for labels longer than that
_RARE_CLASS: Final = 5  # rows below which a class is missing on one side of some of five folds
_FEW_OF_TWO: Final = 20  # rows of the smaller of two classes below which a warning is possible
_SHARE_OF_TWO: Final = 0.1  # share of the smaller of two classes below which a warning is possible
_SHOWN: Final = 5  # largest number of classes in a warning


def check_target(target: Target, name: Any = None) -> None:
    """Refuse an unusable target, and warn of a target of little information.

    Args:
        target: The target of the labelled rows.
        name: Name of the target column; None without a name.

    Raises:
        InvalidInput: If there are fewer than 10 rows, or classes are names, texts or measured numbers.
    """
    rows, what = len(target.values), "the target" if name is None else f"the target {name!r}"
    if rows < LEAST_ROWS:
        learner = "FewShotRegressor" if target.task == "regression" else "FewShotClassifier"
        raise InvalidInput(
            f"{what} has {rows} labelled rows, and a fit needs at least {LEAST_ROWS}; add rows, or learn from many "
            f"small tables together with {learner}."
        )
    if target.task != "regression":
        _refuse_names(target, rows, what)
    if rows < _FEW_ROWS:
        logger.warning(
            "%s has %d labelled rows; scores of fewer than %d say little, so judge the model on rows that come later.",
            *(what, rows, _FEW_ROWS),
        )
    elif target.task != "regression":
        _warn_of_rare(target, rows, what)


def _refuse_names(target: Target, rows: int, what: str) -> None:
    """Refuse classes that are names, texts or measured numbers."""
    labels = target.classes
    many, text = len(labels) / rows, labels.dtype.kind == "U"
    long = text and float(np.median(np.char.str_len(labels))) > _LONG
    if many <= (_SEVERAL if long else _OWN if text else _OWN_NUMBER) or rows < 2 * LEAST_ROWS:
        return
    if text:
        kind = "a text" if long else "a name or a text"
        raise InvalidInput(
            f"{what} holds {len(labels)} different values in {rows} rows, such as {_shortened(labels.tolist()[0])}, so "
            f"it is {kind} and no class; choose a column whose values repeat."
        )
    raise InvalidInput(
        f"{what} holds {len(labels)} different numbers in {rows} rows, so they are no classes; predict them with "
        "AutoRegressor (--task regression), or choose a column whose values repeat."
    )


def _warn_of_rare(target: Target, rows: int, what: str) -> None:
    counts = np.bincount(target.values, minlength=len(target.classes))
    if len(counts) == 2:
        least, label = int(counts.min()), target.classes.tolist()[int(counts.argmin())]
        if least < _FEW_OF_TWO and least < _SHARE_OF_TWO * rows:
            logger.warning(
                "%s has the class %s in %d of %d rows; the score rests on these %d, each of which can move it by 1/%d, "
                "so small differences of scores say nothing; add rows of that class.",
                *(what, _shortened(label), least, rows, least, least),
            )
        return
    rare = np.flatnonzero(counts < _RARE_CLASS)
    if len(rare):
        named = ", ".join(f"{_shortened(target.classes.tolist()[code])} ({counts[code]})" for code in rare[:_SHOWN])
        logger.warning(
            "%s has %d of %d classes with fewer than %d rows: %s%s; such classes are hardly learned, and scores of "
            "them are chance; add rows, or merge rare classes into one.",
            *(what, len(rare), len(counts), _RARE_CLASS, named, " ..." * (len(rare) > _SHOWN)),
        )


def _shortened(label: Any) -> str:
    text = repr(label)
    return text if len(text) <= 40 else f"{text[:37]}..."
