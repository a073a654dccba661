"""Spellings of labels: "Yes" and "yes " are one class, with its most frequent spelling as name.

Two labels are one class if they differ only in width (Unicode's compatibility form), blanks or case. Two exceptions
keep such labels apart, with a warning:

- Labels that differ in case, if both cases are frequent. They must also be single characters (as in handwriting) or in
  no usual case (the vowels "had" and "hAd").
- All labels, if a merge would leave a single class.
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

_FREQUENT: Final = 0.25  # smallest share of a class's rows for a frequent case; a rarer case is a typing error
_SHOWN: Final = 5  # largest number of classes in a warning


def spaced(label: str) -> str:
    """Label with normalised width and blanks.

    Example:
        >>> spaced(" \uff4e\uff4f  answer")
        'no answer'
    """
    return " ".join(unicodedata.normalize("NFKC", label).split())


def folded(label: str) -> str:
    """Label with normalised width, blanks and case.

    Example:
        >>> folded("\uff39\uff25\uff33 ")
        'yes'
    """
    return unicodedata.normalize("NFKC", spaced(label).casefold())


def code_by_spelling(label: str, labels: Sequence[str]) -> int | None:
    """Index of the only label that is equal up to width and blanks, or else up to case; None if none or several are.

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
    """Labels with each class in its most frequent spelling; a warning names the merged labels.

    Args:
        labels: Texts, shape (n,); labels of other types are returned unchanged.

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
    """Labels in the spelling of known classes; unknown labels stay unchanged.

    Args:
        labels: Texts, shape (n,).
        classes: Texts, shape (classes,).

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
    """Index of each row's label among the sorted different labels, shape (n,), and these labels."""
    import pandas as pd

    places, words = pd.factorize(labels.astype(object), sort=False)  # hashing, because sorting long tables is slow
    order = sorted(range(len(words)), key=words.__getitem__)
    return np.argsort(order)[places], [words[place] for place in order]


def _grouped(places: Iterable[int], words: Sequence[str], alike: Callable[[str], str]) -> list[list[int]]:
    """Group the indices whose words are equal after `alike`."""
    groups: dict[str, list[int]] = {}
    for place in places:
        groups.setdefault(alike(words[place]), []).append(place)
    return list(groups.values())


def _apart(group: list[int], words: Sequence[str], counts: Sequence[int]) -> list[list[int]]:
    """Classes of one group of spellings: one class, or one per case if case has a meaning."""
    cases = _grouped(group, words, spaced)
    rows = [sum(counts[place] for place in case) for case in cases]
    short = len(folded(words[group[0]])) == 1
    usual = all(spaced(words[case[0]]) in _usual_cases(spaced(words[case[0]])) for case in cases)
    means = len(cases) > 1 and min(rows) >= _FREQUENT * sum(rows) and (short or not usual)
    return cases if means else [group]


def _usual_cases(word: str) -> set[str]:
    """Word in lower case, upper case, capitalised, and in title case."""
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
