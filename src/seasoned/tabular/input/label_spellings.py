"""Labels written in several ways: "Yes" and "yes " are one class, under its most frequent spelling.

Two labels are one class if they differ only in width (Unicode's compatibility form), blanks or case. Two exceptions
keep such labels apart, with a warning. Case has a meaning where both cases are frequent and the labels are single
characters, as of handwriting, or written in no usual case, as the vowels "had" and "hAd". And labels are not merged
where one class would be left of several.
"""

from __future__ import annotations

import logging
import unicodedata
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

__all__ = ["as_known", "code_by_spelling", "folded", "merged"]

logger = logging.getLogger("seasoned.tabular")

_FREQUENT: Final = 0.25  # of the rows of a class: a case with fewer is a slip
_SHOWN: Final = 5  # classes that a warning names


def spaced(label: str) -> str:
    """The label without differences in width and blanks.

    Example:
        >>> spaced(" \uff4e\uff4f  answer")
        'no answer'
    """
    return " ".join(unicodedata.normalize("NFKC", label).split())


def folded(label: str) -> str:
    """The label without differences in width, blanks and case.

    Example:
        >>> folded("\uff39\uff25\uff33 ")
        'yes'
    """
    return unicodedata.normalize("NFKC", spaced(label).casefold())


def code_by_spelling(label: str, labels: Sequence[str]) -> int | None:
    """The place of the one label that is the same but for width and blanks, or else case; None if none or several are.

    Example:
        >>> code_by_spelling("yes ", ["No", "Yes"]), code_by_spelling("A ", ["A", "a"]), code_by_spelling("b", ["a"])
        (1, 0, None)
    """
    for alike in (spaced, folded):
        found = [place for place, other in enumerate(labels) if alike(other) == alike(label)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def merged(labels: NDArray[Any]) -> NDArray[Any]:
    """The labels of rows, each class in its most frequent spelling; a warning names what was merged.

    Args:
        labels: Texts, shape (n,); of other types nothing changes.

    Example:
        >>> merged(np.array(["Yes", "no", "Yes", "yes "])).tolist()
        ['Yes', 'no', 'Yes', 'Yes']
    """
    if labels.dtype.kind != "U" or not len(labels):
        return labels
    places, known = _factorized(labels)
    counts = np.bincount(places, minlength=len(known)).tolist()
    alike = _grouped(range(len(known)), known, folded)
    parted = [_apart(group, known, counts) for group in alike]
    _warn_of_kept([[known[case[0]] for case in cases] for cases in parted if len(cases) > 1])
    groups = [group for cases in parted for group in cases]
    if len(groups) == len(known):
        return labels
    if len(groups) == 1:
        logger.warning(
            "the target's only classes, %s, differ only in blanks, width or case and are kept apart; write them the "
            "same if they are one.",
            " and ".join(map(repr, known)),
        )
        return labels
    usual = np.arange(len(known))
    for group in groups:
        usual[group] = min(group, key=lambda place: (-counts[place], place))
    _warn_of_merged(known, counts, [group for group in groups if len(group) > 1], usual)
    return np.array(known)[usual[places]]


def as_known(labels: NDArray[Any], classes: NDArray[Any]) -> NDArray[Any]:
    """The labels of rows in the spelling of known classes; those of no class stay as they are.

    Args:
        labels: Texts, shape (n,).
        classes: Texts, shape (k,).

    Example:
        >>> as_known(np.array(["no", "YES ", "maybe"]), np.array(["No", "Yes"])).tolist()
        ['No', 'Yes', 'maybe']
    """
    places, words = _factorized(labels)
    known = classes.tolist()
    other = {
        word: known[code]
        for word in sorted(set(words) - set(known))
        if (code := code_by_spelling(word, known)) is not None
    }
    if not other:
        return labels
    shown = ", ".join(f"{word!r} as {name!r}" for word, name in list(other.items())[:_SHOWN])
    more = " and more" * (len(other) > _SHOWN)
    logger.warning("labels are read in the spelling of the classes of the fit: %s%s.", shown, more)
    return np.array([other.get(word, word) for word in words])[places]


def _factorized(labels: NDArray[Any]) -> tuple[NDArray[np.intp], list[str]]:
    """The place of each row's word among the different words, and these, sorted."""
    import pandas as pd

    places, words = pd.factorize(labels.astype(object), sort=False)  # hashing, because sorting long tables is slow
    order = sorted(range(len(words)), key=words.__getitem__)
    return np.argsort(order)[places], [words[place] for place in order]


def _grouped(places: Iterable[int], words: Sequence[str], alike: Callable[[str], str]) -> list[list[int]]:
    """The places whose words are alike."""
    groups: dict[str, list[int]] = {}
    for place in places:
        groups.setdefault(alike(words[place]), []).append(place)
    return list(groups.values())


def _apart(group: list[int], words: Sequence[str], counts: Sequence[int]) -> list[list[int]]:
    """The classes of one group: one, unless case has a meaning in it."""
    cases = _grouped(group, words, spaced)
    rows = [sum(counts[place] for place in case) for case in cases]
    short = len(folded(words[group[0]])) == 1
    usual = all(spaced(words[case[0]]) in _usual_cases(spaced(words[case[0]])) for case in cases)
    means = len(cases) > 1 and min(rows) >= _FREQUENT * sum(rows) and (short or not usual)
    return cases if means else [group]


def _usual_cases(word: str) -> set[str]:
    """The word in lower case, in capitals, and with capitals where words or the label begin."""
    return {word.lower(), word.upper(), word.capitalize(), word.title()}


def _warn_of_kept(groups: Sequence[Sequence[str]]) -> None:
    if groups:
        logger.warning(
            "classes of the target that differ only in case are kept apart, for all are frequent: %s; write them the "
            "same if they are one.",
            "; ".join(" and ".join(map(repr, group)) for group in groups[:_SHOWN]) + " ..." * (len(groups) > _SHOWN),
        )


def _warn_of_merged(
    words: Sequence[str], counts: Sequence[int], groups: Sequence[list[int]], usual: NDArray[np.intp]
) -> None:
    said = []
    for group in groups[:_SHOWN]:
        name = int(usual[group[0]])
        others = ", ".join(f"{words[place]!r} ({counts[place]})" for place in group if place != name)
        said.append(f"{others} as {words[name]!r} ({counts[name]})")
    more = len(groups) - _SHOWN
    logger.warning(
        "labels that differ only in blanks, width or case are taken for one class: %s%s.",
        "; ".join(said),
        f"; and those of {more} more classes" if more > 0 else "",
    )
