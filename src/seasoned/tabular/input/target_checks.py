"""Targets that no fit can learn from, which are refused, and those of which it learns little, which are warned of.

Too few rows, names, texts; classes with hardly a row.
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
"""Fewest labelled rows of a fit: with fewer no row can be held out that says anything."""
_FEW_ROWS: Final = 50
_OWN: Final = 0.6  # of the rows: with more labels than this a text is a name of its own in nearly every row
_OWN_NUMBER: Final = 0.9  # the same for numbers, of which classes may be many
_LONG, _SEVERAL = 80, 0.2  # characters of the usual label, and labels by row: more of both are texts
_RARE_CLASS: Final = 5  # rows: a class of fewer is missing on one side of some of five folds
_FEW_OF_TWO: Final = 20
_SHARE_OF_TWO: Final = 0.1
_SHOWN: Final = 5  # classes that a warning names


def check_target(target: Target, name: Any = None) -> None:
    """Refuse a target that no fit can learn from; warn of one that says little.

    Args:
        target: The target of the labelled rows.
        name: The target column's name, if it has one.

    Raises:
        InvalidInput: If there are fewer than 10 rows, or classes are names or texts.
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
