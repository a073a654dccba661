"""Positive class of two: precision, thresholds, curves and explanations refer to it.

A class that the user names has priority. Otherwise the first matching rule decides:

1. The larger of two numbers (or of False and True).
2. The class with a positive name such as "yes", "churn" or "bad", or the class whose opposite has a negative name such
   as "no", "good" or "not churn".
3. The class with clearly fewer rows.
4. The last class in sorted order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.input.label_spellings import folded
from seasoned.tabular.input.labels import code_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task

__all__ = ["Positive", "Reason"]

_RARE: Final = 0.4  # a class with a smaller share of the rows is clearly rarer, also in other samples
_POSITIVE: Final = """
yes y true t positive pos + 1 on success successful win won hit event case present affected bad default defaulted
delinquent churn churned exited attrition left cancelled canceled fraud fraudulent malware scam spam phishing
attack intrusion anomaly anomalous outlier abnormal sick ill disease diseased malignant cancer tumor recurrence
readmitted relapse died dead death fail failed failure fault faulty defect defective broken late delayed buy bought
buyer purchase purchased click clicked converted subscribed responded accepted
是 有 真 对 阳性 坏 违约 逾期 流失 已流失 欺诈 诈骗 垃圾 异常 恶性 患病 病 死亡 失败 故障 不合格 购买 已购买 点击 成功
"""
"""Names of positive classes, lower case."""
_NEGATIVE: Final = """
no n false f negative neg - 0 off none never absent good paid current healthy well normal ham legit legitimate genuine
benign control stay stayed retained alive survived pass passed ok okay intact ontime
否 无 没有 假 错 阴性 好 正常 未流失 良性 健康 存活 合格 未购买
"""
"""Names of negative classes, lower case; a negation (`_NEGATION`) of the other class's name is negative as well."""
_NEGATION: Final = "(?:no|not|non|un|without|未|不|非|无|没有?)[ _-]*"


class Reason(StrEnum):
    """Rule that selected the positive class."""

    NAMED = "named"
    NUMBER = "number"
    WORD = "word"
    RARER = "rarer"
    LAST = "last"

    @property
    def sentence(self) -> str:
        """Rule as a phrase, such as "the rarer class", for messages about the positive class."""
        return _SENTENCES[self]


_SENTENCES: Final = {
    Reason.NAMED: "as you named it",
    Reason.NUMBER: "the larger of two numbers",
    Reason.WORD: "as the names of the classes say",
    Reason.RARER: "the rarer class",
    Reason.LAST: "the one sorted last",
}


@dataclass(frozen=True, slots=True)
class Positive:
    """Positive class.

    Attributes:
        code: Index of the class in the sorted labels.
        reason: Rule that selected the class.
    """

    code: int = 1
    reason: Reason = Reason.LAST

    @classmethod
    def named(cls, label: Any, task: Task, labels: NDArray[Any]) -> Positive:
        """Return the class that the user names.

        Raises:
            InvalidInput: If the target does not have two classes, or the label is no class of the target.
        """
        if task != "binary":
            what = "a target of numbers" if task == "regression" else f"a target of {len(labels)} classes"
            raise InvalidInput(
                f"positive is {label!r}, which names one of two classes, and this is {what}; leave it out."
            )
        code = code_of(label, labels)
        if code is None:
            one, other = labels.tolist()
            raise InvalidInput(f"positive is {label!r}, which is no class of the target; use {one!r} or {other!r}.")
        return cls(code, Reason.NAMED)

    @classmethod
    def chosen(cls, labels: NDArray[Any], codes: NDArray[Any] | None = None) -> Positive:
        """Return the class that the rules select.

        Args:
            labels: The two labels, sorted.
            codes: Class code of each row, shape (n,), for the rule of the rarer class; None if unknown.

        Example:
            >>> Positive.chosen(np.array(["bad", "good"])).code, Positive.chosen(np.array([0, 1])).reason.value
            (0, 'number')
        """
        if labels.dtype.kind != "U":
            return cls(1, Reason.NUMBER)
        words = [folded(label) for label in labels.tolist()]
        if (numbers := _numbers(words)) is not None:
            return cls(int(np.argmax(numbers)), Reason.NUMBER)
        said = [_says_positive(words[place], words[1 - place]) for place in (0, 1)]
        if said[0] != said[1]:
            return cls(int(said[1] > said[0]), Reason.WORD)
        if codes is not None and len(codes):
            share = float(np.mean(codes == 1))
            if min(share, 1 - share) < _RARE:
                return cls(int(share < 0.5), Reason.RARER)
        return cls()


def _says_positive(word: str, other: str) -> int:
    """Return 1 for a positive class name, -1 for a negative one, otherwise 0; both names are lower case."""
    if word in _NEGATIVE.split() or re.fullmatch(_NEGATION + re.escape(other), word):
        return -1
    return int(word in _POSITIVE.split())


def _numbers(words: list[str]) -> list[float] | None:
    """Return the words as numbers; None if one is not a number."""
    try:
        return [float(word) for word in words]
    except ValueError:
        return None
