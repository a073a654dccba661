"""Class codes of labels that a user passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seasoned.tabular.input.label_spellings import code_by_spelling

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["code_of"]


def code_of(label: Any, labels: NDArray[Any]) -> int | None:
    """Code of the class that equals the label or has the same text; None without such a class.

    For text, differences in blanks, width and case are ignored if a single class remains. The number 1 does not name
    the class True, although Python compares them as equal.

    Args:
        label: Label from the user, possibly text from a file.
        labels: The user's labels by code, shape (classes,).

    Example:
        >>> import numpy as np
        >>> code_of("1", np.array([0, 1])), code_of("no", np.array(["no", "yes"])), code_of(1, np.array([False, True]))
        (1, 0, None)
    """
    known = labels.tolist()
    same = [code for code, other in enumerate(known) if other == label and isinstance(other, bool) == (label is other)]
    same = same or [code for code, other in enumerate(known) if str(other) == str(label)]
    if same or not isinstance(label, str) or labels.dtype.kind != "U":
        return same[0] if same else None
    return code_by_spelling(label, known)
