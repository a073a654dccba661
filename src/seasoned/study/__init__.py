"""Optimisation loop: the study, its driver, ask and tell, and `minimize`.

`Study` loads on first use, because workers import only the objective's part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seasoned._util.lazy_imports import lazy_names

if TYPE_CHECKING:
    from seasoned.study.study import Study
    from seasoned.study.terminator import Terminator

__all__ = ["Study", "Terminator"]

__getattr__, __dir__ = lazy_names(
    __name__, {"Study": "seasoned.study.study", "Terminator": "seasoned.study.terminator"}
)
