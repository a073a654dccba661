"""Which class a user means by a label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seasoned.tabular.input.label_spellings import code_by_spelling

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["code_of"]


def code_of(label: Any, labels: NDArray[Any]) -> int | None:
    """The code of the class that equals the label, or else is written like it; None where there is none.

    Of texts, blanks, width and case do not matter where only one class is meant.

    A number names no class True or False, though Python takes 1 for equal to True.

    Args:
        label: As a user gave it, perhaps in a file of text.
        labels: The user's labels by code.

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
